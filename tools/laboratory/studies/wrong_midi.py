"""The damage of wrong MIDI, and the gain of adaptation from the tenth second on."""

import numpy as np

from laboratory.pieces import Piece, pianos
from laboratory.report import table
from laboratory.study import Given, Table, option, study
from laboratory.systems import BLOCK, Params, hear, params_of, preset_named
from rtsep.engine.separator import Separator
from rtsep.measure import sdr_db
from rtsep.notes.routing import by_track

PAUSE_S, LATER_S = 3.0, 10.0
"""The pause after the wrong notes, and the time from which fresh pieces of the second table are judged, in seconds."""
PRESETS = ("grand-piano", "gm-piano")


def moved(separator: Separator) -> float:
    """The distance of the changed rows from the preset's: Kullback-Leibler divergence, mean over rows."""
    plan = separator.prepared.plan.values
    before, now = (W[: plan["rows"], : plan["bins"]].astype(float) for W in (plan["W"], separator.prepared.state["W"]))
    changed = (before != now).any(axis=1)
    return float((now * np.log((now + 1e-9) / (before + 1e-9)))[changed].sum(axis=1).mean()) if changed.any() else 0.0


def both_hands(separator: Separator, piece: Piece, from_s: float = 0.0) -> float:
    """The mean SDR of the piece's two hands, from `from_s` on."""
    sound = np.pad(piece.mix, ((0, 0), (0, separator.latency)))
    stems, first = hear(separator, sound, piece.score.events(piece.sample_rate)), round(from_s * piece.sample_rate)
    named = dict(zip(separator.stem_names, stems[:, :, separator.latency :], strict=True))
    return float(np.mean([sdr_db(named[name][:, first:], truth[:, first:]) for name, truth in piece.truths.items()]))


def ready(piece: Piece, preset: str, params: Params) -> Separator:
    """A prepared separator for the piece."""
    separator = Separator(preset_named(preset), by_track(piece.score), params)
    separator.prepare(piece.sample_rate, 1, BLOCK)
    return separator


def mistreat(separator: Separator, sounding: Piece, told: Piece, seconds: float) -> None:
    """Play one piece in a loop for `seconds` with the notes of another; then end all notes, and pause."""
    events = told.score.events(told.sample_rate)
    events["part"] %= 2
    for _ in range(max(1, round(seconds * sounding.sample_rate / sounding.mix.shape[1]))):
        hear(separator, sounding.mix, events)
    silence = np.zeros((32, 1), events.dtype).ravel()
    silence["part"], silence["status"] = np.repeat((0, 1), 16), np.tile(0xB0 | np.arange(16), 2)
    silence["data1"] = 120
    hear(separator, np.zeros((1, round(PAUSE_S * sounding.sample_rate)), np.float32), silence)


def later_db(pieces: list[Piece], preset: str, params: Params) -> float:
    """The mean SDR of fresh pieces, from LATER_S on."""
    return float(np.mean([both_hands(ready(piece, preset, params), piece, LATER_S) for piece in pieces]))


@study("wrong-midi", option("--wrong", type=float, default=300.0, metavar="S",
                            help="seconds of wrong MIDI (default: %(default)g)"))
def wrong_midi(given: Given) -> list[Table]:
    """The damage of five minutes of wrong MIDI, and the gain of adaptation from the tenth second on: SDR in dB.

    Every piece of two_hands is played after five minutes of the next piece in a loop, with the MIDI of the piece after that,
    and a pause of three seconds; mean over both hands. moved: Kullback-Leibler divergence of the templates from their preset,
    mean over the rows that were open, after the five minutes. fresh: the piece without these five minutes. The second table has
    fresh pieces, from 10 s on. All settings together are the parameters.
    """
    params, pieces, rows = params_of(",".join(given.settings)), pianos(given, "two_hands"), []
    for preset in PRESETS:
        for number, piece in enumerate(pieces):
            separator = ready(piece, preset, params)
            mistreat(separator, *(pieces[(number + step) % len(pieces)] for step in (1, 2)), given["wrong"])
            far, after = moved(separator), both_hands(separator, piece)
            fresh = both_hands(ready(piece, preset, params), piece)
            rows.append({"piece": piece.name, "preset": preset, "moved": far, "fresh": fresh, "after wrong MIDI": after,
                         "cost": fresh - after})
    later = [[preset, *(f"{later_db(pieces, preset, {**params, 'adapt': on}):.2f}" for on in (True, False))]
             for preset in PRESETS if pieces]
    lines = [[row["piece"], row["preset"], f"{row['moved']:.3f}", *(f"{row[name]:.2f}" for name in list(row)[3:])]
             for row in rows]
    return [Table("wrong-midi", table(list(rows[0]) if rows else [], lines, 2), rows),
            Table("after-10-s", table(["from 10 s on", "adaptation", "without"], later))]
