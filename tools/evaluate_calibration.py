"""What calibration gives: SDR in dB of both hands, live with 512 samples, on a piece that was not calibrated on.

    python tools/evaluate_calibration.py           two_hands: 10 s of each of the other three pieces, 30 s together
    python tools/evaluate_calibration.py --tuning  the two songs of Schubert, played by one piano: 30 s of the one for the other

Columns: `gm-piano`, which does not know the piano; calibrated from it; `grand-piano`, which knows the piano of two_hands.
Settings were chosen with --tuning.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from evaluate_data import SHARED, Piece, find_pieces
from evaluate_systems import play, preset_named

from rtsep.measure import sdr_db
from rtsep.notes.routing import by_track
from rtsep.presets.preset import Preset
from rtsep.training.calibrate import calibrate
from rtsep.training.inputs import Take


def alone(piece: Piece) -> np.ndarray:
    """The piano of a piece without anything else, float32 [channel, sample]."""
    return np.sum([sound for name, sound in piece.truths.items() if name != "residual"], axis=0, dtype=np.float32)


def take_of(piece: Piece, seconds: float, folder: Path) -> Take:
    """The first `seconds` of the piano alone, as a recording and its notes."""
    sound, path = alone(piece)[:, : round(seconds * piece.sample_rate)], folder / f"{piece.name}.wav"
    soundfile.write(path, sound.T, piece.sample_rate, subtype="FLOAT")
    notes = piece.score.notes()
    return Take(path, piece.sample_rate, sound.shape[1], notes[notes["onset_s"] < seconds], aligned=True)


def both_hands(piece: Piece, preset: Preset) -> list[float]:
    """SDR of each hand where nothing else sounds."""
    stems = play(alone(piece), piece.sample_rate, piece.score, preset, by_track(piece.score), {})
    return [sdr_db(stems[name], truth) for name, truth in piece.truths.items() if name != "residual"]


def calibrated(others: Sequence[Piece], seconds: float, start: Preset) -> tuple[Preset, dict]:
    """`start` calibrated on so much of each of the other pieces."""
    with tempfile.TemporaryDirectory() as folder:
        return calibrate(start, [take_of(piece, seconds, Path(folder)) for piece in others], lambda *_: None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuning", action="store_true", help="the material on which settings were chosen")
    tuning = parser.parse_args().tuning
    pieces = [piece for piece in find_pieces(SHARED, [])
              if (piece.name.startswith("schubert") if tuning else piece.group == "two_hands")]
    start, known = preset_named("gm-piano"), preset_named("grand-piano")
    print("| piece | gm-piano | calibrated | grand-piano | divergence of new sound before and after | tuning |")
    print("| --- | --: | --: | --: | --: | --: |")
    means = []
    for piece in pieces:
        others = [other for other in pieces if other is not piece]
        found, report = calibrated(others, 30 / len(others), start)
        figures = [both_hands(piece, preset) for preset in (start, found, known)]
        means.append(figures)
        told = " | ".join(" / ".join(f"{db:.2f}" for db in pair) for pair in figures)
        before, after = report["divergence"]["preset"], report["divergence"]["calibrated"]
        print(f"| {piece.name} | {told} | {before:.3f}, {after:.3f} | {report['tuning_cents']:.1f} |", flush=True)
    told = " | ".join(" / ".join(f"{db:.2f}" for db in pair) for pair in np.mean(means, axis=0))
    print(f"| **mean** | {told} | | |")


if __name__ == "__main__":
    main()
