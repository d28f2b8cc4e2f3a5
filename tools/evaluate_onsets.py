"""Measures what instant mode gains right after onsets by what notes tell before they are heard.

    python tools/evaluate_onsets.py [--seconds S] [--shared PATH]

prints mean SDR of the hands by the time since the last note-on, with each of these on and off: gates that open at once, onset
boost, prediction, and looking ahead. Pieces: piano_and_others without the cello (tuned on) and two_hands in
../shared/data.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from evaluate_data import SHARED, Piece, pieces_of
from evaluate_report import shown, table
from evaluate_systems import Stems, gated

from rtsep.measure import sdr_db
from rtsep.params import Value
from rtsep.windows import Framing

SECONDS = 10.0
SETS = ("piano_and_others", "two_hands")
SPANS_MS = ((-np.inf, np.inf), (0, 5), (5, 15), (15, 50), (50, np.inf))
INSTANT: dict[str, Value] = {"mode": "instant", "latency_samples": 0}
# what is said of it: parameters, how late the notes are told in s, and whether filters look ahead
SETTINGS: dict[str, tuple[dict[str, Value], float, bool]] = {
    "as it ships": (INSTANT, 0, True),
    "gates a hop (2.9 ms) late": (INSTANT, 128 / 44100, True),
    "gates 10 ms late": (INSTANT, 0.01, True),
    "filters every 64 samples": ({**INSTANT, "hop_samples": 64}, 0, True),
    "no looking ahead": (INSTANT, 0, False),
    "no onset boost (1)": ({**INSTANT, "onset_boost": 1}, 0, True),
    "onset boost of 8 instead of 4": ({**INSTANT, "onset_boost": 8}, 0, True),
    "no prediction, which looks ahead": ({**INSTANT, "prediction": 0}, 0, True),
    "neither prediction nor boost": ({**INSTANT, "prediction": 0, "onset_boost": 1}, 0, True),
    "live, 512 samples": ({"mode": "live", "latency_samples": 512}, 0, True),
}


def separated(piece: Piece, setting: str) -> Stems:
    """The piece's stems by one of the SETTINGS."""
    params, late_s, ahead = SETTINGS[setting]
    if ahead:
        return gated(piece, params, offset_s=late_s)
    with patch.object(Framing, "lead", 0):
        return gated(piece, params, offset_s=late_s)


def since_onset_ms(piece: Piece) -> np.ndarray:
    """Of every sample the time since the last note-on of any stem; negative before the first."""
    at = np.arange(piece.mix.shape[1])
    onsets = np.unique(np.round(piece.score.notes()["onset_s"] * piece.sample_rate))
    last = np.searchsorted(onsets, at, side="right") - 1
    return np.where(last < 0, -1, (at - onsets[last]) * 1000 / piece.sample_rate)


def line(pieces: Sequence[Piece], setting: str) -> list[float]:
    """Mean SDR of all stems in each of SPANS_MS."""
    found = []
    for piece in pieces:
        stems, age_ms = separated(piece, setting), since_onset_ms(piece)
        inside = [(low <= age_ms) & (age_ms < high) for low, high in SPANS_MS]
        found += [[sdr_db(stems[stem][:, part], truth[:, part]) for part in inside] for stem, truth in piece.truths.items()]
    return list(np.mean(found, axis=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.path.relpath(SHARED)), metavar="PATH",
                        help="where two_hands and piano_and_others lie (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, metavar="S",
                        help="how much of each piece (default: %(default)g)")
    arguments = parser.parse_args()
    sets = [pieces_of(name, arguments.seconds, arguments.shared) for name in SETS]
    spans = ("all", "0-5 ms", "5-15 ms", "15-50 ms", "later")
    print(table(["", *(f"{name}: {span}" for name in SETS for span in spans)],
                ([setting, *(shown(value, ".2f") for pieces in sets for value in line(pieces, setting))]
                 for setting in SETTINGS)))


if __name__ == "__main__":
    main()
