"""Measures what background rows and adaptation give, and what they cost where everything is known: SDR in dB, live mode.

    python tools/evaluate_background.py                  as it ships, without adaptation, and with one flat row as well
    python tools/evaluate_background.py background_handicap=0.2 background=0,adapt=off    other settings, a line each
    python tools/evaluate_background.py "" oracle --velocity 64      every note told with velocity 64; the oracle ratio mask
    python tools/evaluate_background.py plain            32 background rows and nothing else (plain_rows.py)

alone: the two hands of a piano and nothing else, mean SDR of both (two_hands; piano_and_others without its cello).
cello, band: the piano's SDR when only its notes are told: piano_and_others with its cello; two_hands with singing, saxophone
or cello at 0 dB, where the residual has the same SDR: one's error is the other's. right, wrong: `grand-piano`, which knows
the piano of two_hands, and `gm-piano`; elsewhere `piano`.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from evaluate_data import SHARED, Piece, find_pieces
from evaluate_instant import with_background
from evaluate_systems import MODES, oracle, params_of, play
from plain_rows import separate_with_plain_rows

from rtsep.measure import sdr_db
from rtsep.notes.routing import by_track, everything
from rtsep.params import Value
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset

BACKGROUNDS = ("cello-phrase", "vocadito_10", "sax-phrase", "vocadito_14")  # in the order of the pieces of two_hands
COLUMNS = ("alone, right", "alone, wrong", "piano_and_others alone", "cello", "band, right", "band, wrong")
ORACLE, PLAIN = "oracle", "plain"  # not our engine
Params = Mapping[str, Value] | str


def hands(pieces: Sequence[Piece], preset: str, params: Params) -> float:
    """Mean SDR of the stems whose notes are told, when nothing else sounds."""
    found = []
    for piece in pieces:
        truths = {name: sound for name, sound in piece.truths.items() if name != "residual"}
        mix = np.sum([*truths.values()], axis=0, dtype=np.float32)
        if params == PLAIN:  # knows no stems
            return float("nan")
        stems = oracle(replace(piece, truths=truths), MODES["live 512"]) if params == ORACLE else play(
            mix, piece.sample_rate, piece.score, load_preset(find_preset(preset)), by_track(piece.score), params)
        found += [sdr_db(stems[name], truth) for name, truth in truths.items()]
    return float(np.mean(found))


def piano(pieces: Sequence[Piece], others: Sequence[np.ndarray], preset: str, params: Params) -> float:
    """Mean SDR of the whole piano among `others`, whose notes nobody tells."""
    found = []
    for piece, other in zip(pieces, others, strict=True):
        truth = np.sum([sound for name, sound in piece.truths.items() if name != "residual"], axis=0, dtype=np.float32)
        found.append(sdr_db(_piano_of(piece, truth, other, preset, params), truth))
    return float(np.mean(found))


def _piano_of(piece: Piece, truth: np.ndarray, other: np.ndarray, preset: str, params: Params) -> np.ndarray:
    """The piano found in `truth` + `other`."""
    if params == ORACLE:
        return oracle(replace(piece, truths={"piano": truth, "residual": other}), MODES["live 512"])["piano"]
    known = load_preset(find_preset(preset))
    if params == PLAIN:
        return separate_with_plain_rows(truth + other, piece.sample_rate, piece.score, known)
    return play(truth + other, piece.sample_rate, piece.score, known, everything("piano"), params)["piano"]


def told_as(piece: Piece, velocity: int | None) -> Piece:
    """The piece with `velocity` for every note."""
    if velocity is None:
        return piece
    messages = piece.score.messages.copy()  # part, status, data1, data2
    messages[(messages[:, 1] & 0xF0 == 0x90) & (messages[:, 3] > 0), 3] = velocity
    return replace(piece, score=replace(piece.score, messages=messages))


def measure(params: Params, velocity: int | None) -> list[float]:
    """A figure for each of COLUMNS."""
    pieces = [told_as(piece, velocity) for piece in find_pieces(SHARED, [])]
    two_hands = [piece for piece in pieces if piece.group == "two_hands"]
    songs = [piece for piece in pieces if piece.group == "piano_and_others"]
    bands = [with_background(piece, SHARED / "backgrounds" / f"{name}.flac").truths["residual"]
             for piece, name in zip(two_hands, BACKGROUNDS, strict=True)]
    cellos = [piece.truths["residual"] for piece in songs]
    return [hands(two_hands, "grand-piano", params), hands(two_hands, "gm-piano", params), hands(songs, "piano", params),
            piano(songs, cellos, "piano", params), piano(two_hands, bands, "grand-piano", params),
            piano(two_hands, bands, "gm-piano", params)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE,...", default=["", "adapt=off", "background=0,adapt=off"],
                        help="parameters that differ from the defaults; oracle: ratio masks of the true stems; plain: "
                             "background rows alone")
    parser.add_argument("--velocity", type=int, metavar="V", choices=range(1, 128), help="tell every note with this velocity")
    arguments = parser.parse_args()
    print(f"| settings | {' | '.join(COLUMNS)} |\n| --- |{' --: |' * len(COLUMNS)}")
    for text in arguments.settings:
        params = text if text in (ORACLE, PLAIN) else params_of(text)
        figures = " | ".join(f"{db:.2f}" if np.isfinite(db) else "–" for db in measure(params, arguments.velocity))
        print(f"| {text or 'as it ships'} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
