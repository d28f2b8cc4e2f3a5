"""What the ways to find activations give and cost."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from laboratory.grid import measure
from laboratory.pieces import Piece, pianos
from laboratory.report import mean_db, shown, table
from laboratory.study import Given, Table, need_file, option, study
from laboratory.systems import BLOCK, outputs, params_of, preset_named
from rtsep.engine.separator import Separator
from rtsep.files.sound import read_sound
from rtsep.notes.routing import by_track

PLAIN = tuple(f"estimator=kl,relaxation=1,iterations={updates}" for updates in (1, 3, 5, 10, 20))
RELAXED = tuple(f"estimator=kl,relaxation=1.8,iterations={updates}" for updates in (2, 3, 4, 5, 10))
ENCODERS = tuple(f"estimator={way},encoder={kind}" for kind in ("nonnegative", "signed")
                 for way in ("encoder", "encoder+kl,relaxation=1,iterations=1", "encoder+kl,relaxation=1,iterations=3",
                             "encoder+kl,relaxation=1.8,iterations=3", "encoder+kl,relaxation=1.8,iterations=5"))
PRESETS = ("grand-piano", "gm-piano")


def beside(piece: Piece, sound: np.ndarray) -> Piece:
    """The piece and a sound as loud as it, repeated to its length, that is no stem."""
    rest = np.resize(sound.mean(axis=0), piece.mix.shape[1])
    noise = rest * np.sqrt((piece.mix**2).mean() / (rest**2).mean())
    return replace(piece, noise=noise[None], group=f"{piece.group}, with background")


def hop_us(pieces: Sequence[Piece], text: str) -> float:
    """Microseconds of the processor per hop, the median over the pieces and presets."""
    took = []
    for piece in pieces:
        separator = Separator(piece.preset, by_track(piece.score), params_of(text))
        separator.prepare(piece.sample_rate, len(piece.mix), BLOCK)
        started = time.process_time()
        for _ in outputs(separator, piece.mix, piece.score.events(piece.sample_rate)):
            pass
        took.append((time.process_time() - started) / (piece.mix.shape[1] / separator.framing.hop) * 1e6)
    return float(np.median(took)) if took else float("nan")


@study("estimators", option("--group", choices=("two_hands", "piano_and_others"), default="two_hands",
                            help="which pieces (default: %(default)s)"), seconds=4.0)
def estimators(given: Given) -> list[Table]:
    """Kullback-Leibler updates, encoders, and both: SDR and the time per hop.

    All notes of the pieces are told. Two presets, of which grand-piano knows the piano of two_hands, alone and with each of the
    `backgrounds` as loud as the piano. SDR in dB, mean over stems and pieces. Time is that of the processor, the median over
    the pieces alone. `estimates` is what of it differs from row to row: a hop's time less that of a hop without updates, which
    follows from those with 10 and 20.
    """
    alone = [piece for name in PRESETS for piece in pianos(given, given["group"], preset_named(name), name)]
    paths = sorted((given.shared / "backgrounds").glob("*.flac")) or [given.shared / "backgrounds"]
    sounds = given.there(lambda path: read_sound(need_file(path))[0], paths)
    settings = given.chosen({text: text for text in (*PLAIN, *RELAXED, *ENCODERS)})
    rows = measure(given, [*alone, *(beside(piece, sound) for sound in sounds for piece in alone)], settings)
    ten, twenty = (hop_us(alone, text) for text in PLAIN[-2:])
    columns, lines = [f"{name}{more}" for name in PRESETS for more in ("", ", with background")], []
    for label, text in settings.items():
        took = hop_us(alone, text)
        found = [mean_db(row for row in rows if row["settings"] == label and row["set"] == column) for column in columns]
        lines.append([label, *(shown(db, ".2f") for db in found), shown(took, ".0f"), shown(took - 2 * ten + twenty, ".0f")])
    return [Table("estimators", table(["settings", *columns, "µs per hop", "estimates"], lines), rows)]
