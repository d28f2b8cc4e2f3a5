"""Trains the note net, which hears notes, and writes rtsep/listening/note_net.npz.

    python tools/train_note_net.py                                         # the net that rtsep has for pianos
    python tools/train_note_net.py --delay-frames 3 --out build/early.npz  # another one, for the study listen-delay

Its material is made by tools/laboratory/note_material.py. That takes some ten minutes, and the training five. One thread is
enough.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from laboratory.note_material import clips_for_training
from laboratory.note_training import ROUNDS, material, seen_clips, train
from laboratory.study import SHARED, run_tool

from rtsep.listening import note_net

NET = Path(note_net.__file__).with_name("note_net.npz")
GROUPS, DELAY_FRAMES = 7, 5
"""The number of groups of passages from which it learns, and the delay in frames of 10 ms."""


def main(words: Sequence[str] | None = None) -> None:
    """Train, and write the net."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--groups", type=int, default=GROUPS, metavar="N")
    parser.add_argument("--delay-frames", type=int, default=DELAY_FRAMES, metavar="N")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=NET, metavar="FILE")
    arguments = parser.parse_args(words)
    given = material(seen_clips(clips_for_training(arguments.groups, SHARED)), arguments.delay_frames)
    print(f"{given.seen.rise.size} frames to learn from", flush=True)
    net = train(given, arguments.seed, arguments.rounds, lambda text: print(text, flush=True))
    write(net, arguments.out)
    print(f"written: {arguments.out}")


def write(net: note_net.Net, path: Path) -> None:
    """Write the net to a file, completely or not at all."""
    aside = path.with_suffix(".partial.npz")
    layers = {name: getattr(net, name).astype(np.float16) for name in ("first", "second", "output")}
    np.savez_compressed(aside, **layers, delay_frames=net.delay_frames, begins=net.begins)
    aside.replace(path)


if __name__ == "__main__":
    run_tool(main)
