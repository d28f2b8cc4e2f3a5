"""Measures the trade between what leaks into the stems and what they lose, by settings of your own.

    python tools/evaluate_suppression.py                                     mode instant, several values of suppression
    python tools/evaluate_suppression.py --mode live mask_power=3 adapt=off,suppression=2      other settings, a line each

Mean SDR, SIR and SAR (BSS Eval 3, by fast_bss_eval) of the hands in the first 10 s of the pieces of piano_and_others without
the cello (tuned on), with it, and of two_hands, in ../shared/data.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from evaluate_data import SHARED, Piece, excerpt, find_pieces, pieces_of
from evaluate_report import shown, table
from evaluate_systems import LIBRARY_S, gated, judge, params_of

from rtsep.params import Value

MEASURES = ("sdr_db", "sir_db", "sar_db")
SETTINGS = ("", *(f"suppression={value}" for value in (0.25, 0.5, 2, 4)), "mask_power=1", "mask_power=3", "mask_power=4")


def sets() -> dict[str, list[Piece]]:
    """Pieces by what they are called in the table."""
    return {"piano_and_others alone": pieces_of("piano_and_others", LIBRARY_S),
            "with the cello": [excerpt(p, LIBRARY_S) for p in find_pieces(SHARED, []) if p.group == "piano_and_others"],
            "two_hands": pieces_of("two_hands", LIBRARY_S)}


def line(pieces: Sequence[Piece], params: dict[str, Value]) -> list[str]:
    """Means of the MEASURES over the hands."""
    found = [[results[measure] for measure in MEASURES] for piece in pieces
             for stem, results in judge(piece, gated(piece, params)).items() if stem != "residual"]
    return [shown(value, ".2f") for value in np.nanmean(found, axis=0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE,...", default=SETTINGS,
                        help="parameters of a line, parted by commas; \"\" for the defaults")
    parser.add_argument("--mode", default="instant", help="latency mode (default: %(default)s)")
    arguments = parser.parse_args()
    played = sets()
    lines = []
    for text in arguments.settings:
        params = {"mode": arguments.mode, **params_of(text)}
        lines.append([text or "as it ships", *(cell for pieces in played.values() for cell in line(pieces, params))])
    print(table(["settings", *(f"{name}: {measure[:3].upper()}" for name in played for measure in MEASURES)], lines))


if __name__ == "__main__":
    main()
