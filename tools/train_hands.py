"""Trains the network that tells which hand plays a note, and writes rtsep/stages/hand_net.npz.

    python tools/train_hands.py             # learns from all pieces for training
    python tools/train_hands.py --choose    # leaves out CHOSEN_BY, and prints how well it finds their hands; writes nothing

The pieces are those of tools/laboratory/hand_pieces.py; it takes about 20 minutes on two cores.
"""

import argparse
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from laboratory.hand_pieces import CHOSEN_BY, hand_pieces, learnt_from
from laboratory.hand_training import Settings, learn, shares
from laboratory.study import ROOT, SHARED, run_tool

from rtsep.stages import hand_tracker

NAMES = "first", "second", "output"
NET = Path(hand_tracker.__file__).with_name("hand_net.npz")


def main(words: Sequence[str] | None = None) -> None:
    """Train, and write the weights; with --choose, only print figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--choose", action="store_true", help="leave out some composers; print how well it finds their hands")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                        help=f"a setting: {', '.join(field.name for field in fields(Settings))}")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    settings = Settings()
    for name, _, value in (text.partition("=") for text in arguments.set):
        settings = replace(settings, **{name: type(getattr(settings, name))(value)})
    left_out = CHOSEN_BY if arguments.choose else ()
    pieces = hand_pieces(SHARED, [each for each in learnt_from() if each not in left_out])
    heard = hand_pieces(SHARED, left_out)
    print(f"{len(pieces)} pieces to learn from; {settings}", flush=True)
    for number, (loss, net) in enumerate(learn(pieces, settings, arguments.seed)):
        told = f"{number}: loss {loss:.4f}"
        if heard and (number % 5 == 4 or number + 1 == settings.rounds):
            told += ", at once {:.4f}, after 50 ms {:.4f}, at last {:.4f}".format(*shares(heard, net).mean(0))
        print(told, flush=True)
    if not arguments.choose:
        aside = NET.with_suffix(".partial.npz")
        np.savez_compressed(aside, **{name: each.astype(np.float16) for name, each in zip(NAMES, net, strict=True)})
        aside.replace(NET)
        print(f"written: {NET.relative_to(ROOT)}")


if __name__ == "__main__":
    run_tool(main)
