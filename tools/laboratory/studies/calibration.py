"""What calibration gives, on a piece that was not used for calibrating."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import soundfile

from laboratory.grid import measure, with_field
from laboratory.pieces import Piece, pianos
from laboratory.report import pivot
from laboratory.study import Given, Row, Table, option, study
from laboratory.systems import preset_named
from rtsep.errors import RtsepError
from rtsep.presets.preset import Preset
from rtsep.training.calibrate import calibrate
from rtsep.training.inputs import Take

SECONDS = 30.0
"""This many seconds of the other pieces together are used for calibrating."""
DIVERGENCE = "divergence of new sound before and after"


def take_of(piece: Piece, seconds: float, folder: Path) -> Take:
    """The first `seconds` of a piano, as a recording with its notes."""
    sound, path = piece.mix[:, : round(seconds * piece.sample_rate)], folder / f"{piece.name}.wav"
    soundfile.write(path, sound.T, piece.sample_rate, subtype="FLOAT")
    notes = piece.score.notes()
    return Take(path, piece.sample_rate, sound.shape[1], notes[notes["onset_s"] < seconds], aligned=True)


def calibrated(others: Sequence[Piece], start: Preset) -> tuple[Preset, dict]:
    """`start`, calibrated on SECONDS of the other pieces, and the report."""
    with tempfile.TemporaryDirectory() as folder:
        return calibrate(start, [take_of(piece, SECONDS / len(others), Path(folder)) for piece in others], lambda *_: None)


def rows_of(given: Given, piece: Piece, others: Sequence[Piece]) -> list[Row]:
    """The piece with the preset that does not know its piano, with the calibrated one, and with the one that knows it."""
    found, report = calibrated(others, preset_named("gm-piano"))
    rows = []
    presets = {"gm-piano": preset_named("gm-piano"), "calibrated": found, "grand-piano": preset_named("grand-piano")}
    for name, preset in presets.items():
        rows += measure(given, [replace(piece, preset=preset)], {name: ""})
    before, after = report["divergence"]["preset"], report["divergence"]["calibrated"]
    return [{**row, DIVERGENCE: f"{before:.3f}, {after:.3f}", "tuning": f"{report['tuning_cents']:.1f}"} for row in rows]


@study("calibration", option("--tuning", action="store_true", help="use the songs of Schubert, on which settings were chosen"),
       takes=("seconds", "pieces"))
def calibration(given: Given) -> list[Table]:
    """What calibration gives: SDR in dB of left / right hand, on a piece that was not used for calibrating.

    Each piece of two_hands is separated with `gm-piano`, which does not know the piano; with `gm-piano` calibrated on 10 s of
    each of the other three pieces; and with `grand-piano`, which knows the piano. --tuning: the two songs of Schubert, played
    by one piano, with 30 s of one song for the other.
    """
    pieces = pianos(given, "piano_and_others" if given["tuning"] else "two_hands")
    pieces = [piece for piece in pieces if not given["tuning"] or piece.name.startswith("schubert")]
    if len(pieces) == 1:
        raise RtsepError("each piece needs another one for calibrating: choose at least two")
    rows = [row for piece in pieces for row in rows_of(given, piece, [other for other in pieces if other is not piece])]
    mean = [{**row, "piece judged": "**mean**", DIVERGENCE: "", "tuning": ""} for row in rows]
    lines = [*with_field(rows, "piece judged", lambda row: row["piece"]), *mean]
    text = pivot(lines, ["piece judged"], ["settings"], joined="stem", after=[DIVERGENCE, "tuning"])
    return [Table("calibration-tuning" if given["tuning"] else "calibration", text, rows)]
