"""What the ways to find activations give and cost: SDR and time per hop of Kullback-Leibler updates, encoders, and both.

    python tools/evaluate_estimators.py [--seconds 6] [--group piano_and_others] [SETTINGS ...]

The engine in its default mode on the pieces of a set, all of whose notes are told: with two presets, of which grand-piano knows
the piano of two_hands, alone and with each of the `backgrounds` as loud as the piano. SDR in dB, mean over stems and pieces.
Time is that of the processor, the median over the pieces alone. `estimates` is what of it differs from row to row: a hop's
time less that of a hop without updates, which follows from those with 10 and 20.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from evaluate_data import SHARED, Piece, pieces_of
from evaluate_systems import params_of, preset_named

from rtsep.engine.separator import Separator
from rtsep.files.sound import read_sound
from rtsep.measure import sdr_db
from rtsep.notes.routing import by_track
from rtsep.params import Value

PLAIN = tuple(f"estimator=kl,relaxation=1,iterations={updates}" for updates in (1, 3, 5, 10, 20))
RELAXED = tuple(f"estimator=kl,relaxation=1.8,iterations={updates}" for updates in (2, 3, 4, 5, 10))
ENCODERS = tuple(f"estimator={way},encoder={kind}" for kind in ("nonnegative", "signed")
                 for way in ("encoder", "encoder+kl,relaxation=1,iterations=1", "encoder+kl,relaxation=1,iterations=3",
                             "encoder+kl,relaxation=1.8,iterations=3", "encoder+kl,relaxation=1.8,iterations=5"))
NEEDED = PLAIN[-2:]  # tell what a hop costs without updates
PRESETS = ("grand-piano", "gm-piano")
BLOCK = 4096


def with_background(mix: np.ndarray, sound: np.ndarray | None) -> np.ndarray:
    """The mix [channel, sample] and a sound as loud as it, repeated to its length."""
    if sound is None:
        return mix
    rest = np.resize(sound.mean(axis=0), mix.shape[1])
    return (mix + rest * np.sqrt((mix**2).mean() / (rest**2).mean())).astype(np.float32)


def judge(piece: Piece, preset: str, params: Mapping[str, Value], background: np.ndarray | None) -> tuple[float, float]:
    """Mean SDR of the stems, and microseconds per hop."""
    separator = Separator(preset_named(preset), by_track(piece.score), params)
    mix = with_background(piece.mix, background)
    separator.prepare(piece.sample_rate, len(mix), BLOCK)
    sound = np.pad(mix, ((0, 0), (0, separator.latency)))
    events, stems, took = piece.score.events(piece.sample_rate), [], 0.0
    for begin in range(0, sound.shape[1], BLOCK):
        end = min(begin + BLOCK, sound.shape[1])
        mine = events[(events["sample"] >= begin) & (events["sample"] < end)].copy()
        mine["sample"] -= begin
        started = time.process_time()
        output = separator.process(np.ascontiguousarray(sound[:, begin:end]), mine)
        took += time.process_time() - started
        stems.append(output.stems.copy())
    found = np.concatenate(stems, axis=2)[:, :, separator.latency :]
    names = [name for name in separator.stem_names if name in piece.truths]
    quality = [sdr_db(found[separator.stem_names.index(name)], piece.truths[name]) for name in names]
    return float(np.mean(quality)), took / (sound.shape[1] / separator.framing.hop) * 1e6


def measure(pieces: list[Piece], sounds: list[np.ndarray], text: str) -> tuple[list[float], float]:
    """SDR with each preset, alone and with backgrounds, and microseconds per hop."""
    params = params_of(text)
    quality, took = [], []
    for preset in PRESETS:
        alone = [judge(piece, preset, params, None) for piece in pieces]
        others = [judge(piece, preset, params, sound)[0] for sound in sounds for piece in pieces]
        quality += [float(np.mean(found)) for found in ([db for db, _ in alone], others) if found]
        took += [us for _, us in alone]
    return quality, float(np.median(took))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE,...", default=[*PLAIN, *RELAXED, *ENCODERS],
                        help="parameters of each row (default: all that are of interest)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each piece (default: %(default)s)")
    parser.add_argument("--group", choices=("two_hands", "piano_and_others"), default="two_hands",
                        help="which pieces (default: %(default)s)")
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder with the sets and backgrounds")
    arguments = parser.parse_args()
    pieces = pieces_of(arguments.group, arguments.seconds, arguments.shared)
    sounds = [read_sound(path)[0] for path in sorted((arguments.shared / "backgrounds").glob("*.flac"))]
    ten, twenty = (measure(pieces, [], text)[1] for text in NEEDED)
    without = 2 * ten - twenty
    print("| settings | " + " | ".join(f"{preset}{more}" for preset in PRESETS for more in ("", ", with background")) +
          " | µs per hop | estimates |\n| --- |" + " --: |" * (2 * len(PRESETS) + 2))
    for text in arguments.settings:
        quality, took = measure(pieces, sounds, text)
        cells = [text, *(f"{db:.2f}" for db in quality), f"{took:.0f}", f"{took - without:.0f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
