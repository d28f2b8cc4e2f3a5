"""What more updates of the activations give and cost: SDR and time per hop, by the number of Kullback-Leibler updates.

    python tools/evaluate_estimators.py --shared ../shared/data [--seconds 10]

The engine in its default mode on the pieces of two_hands: with the preset of the piano that plays and with another one, alone
and with each of the `backgrounds` as loud as the piano. Time is that of the processor, the least of all pieces.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from evaluate_data import Piece, excerpt, find_pieces
from evaluate_systems import preset_named

from rtsep.engine import Separator
from rtsep.files import read_sound
from rtsep.measure import sdr_db
from rtsep.routing import by_track

UPDATES = (1, 3, 5, 10, 20)
PRESETS = ("grand-piano", "gm-piano")
BLOCK = 4096


def with_background(mix: np.ndarray, sound: np.ndarray | None) -> np.ndarray:
    """The mix [channel, sample] and a sound as loud as it, repeated to its length."""
    if sound is None:
        return mix
    rest = np.resize(sound.mean(axis=0), mix.shape[1])
    return (mix + rest * np.sqrt((mix**2).mean() / (rest**2).mean())).astype(np.float32)


def judge(piece: Piece, preset: str, updates: int, background: np.ndarray | None) -> tuple[float, float]:
    """Mean SDR of the hands, and microseconds per hop."""
    separator = Separator(preset_named(preset), by_track(piece.score), {"iterations": updates})
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


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder with two_hands and backgrounds")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each piece (default: %(default)s)")
    arguments = parser.parse_args()
    pieces = [excerpt(piece, arguments.seconds) for piece in find_pieces(arguments.shared, []) if piece.group == "two_hands"]
    sounds = [read_sound(path)[0] for path in sorted((arguments.shared / "backgrounds").glob("*.flac"))]
    print("| updates | " + " | ".join(f"{preset}{more}" for preset in PRESETS for more in ("", ", with background")) +
          " | µs per hop |\n| --: |" + " --: |" * (2 * len(PRESETS) + 1))
    for updates in UPDATES:
        cells, fastest = [], np.inf
        for preset in PRESETS:
            for group in ([None], sounds):
                judged = [judge(piece, preset, updates, sound) for sound in group for piece in pieces]
                cells.append(f"{np.mean([quality for quality, _ in judged]):.2f}")
                fastest = min(fastest, *(us for _, us in judged))
        print(f"| {updates} | {' | '.join(cells)} | {fastest:.0f} |", flush=True)


if __name__ == "__main__":
    main()
