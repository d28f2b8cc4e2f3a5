"""Measures what it gives that stems lie apart between two channels: SDR in dB over both, live mode, 512 samples.

    python tools/evaluate_panning.py [--seconds S] [NAME=VALUE,...]      the default: as it ships, and panning=off

hands: the two hands of the demo clip and of two_hands, mean of both (`grand-piano`). band: the piano of two_hands with a cello,
singers and a saxophone as loud as it, whose notes nobody tells (`grand-piano`). cello: the piano of piano_and_others with its
cello, from SKIPPED_S on (`piano`; what was tuned on). The first is louder on the left by so many dB, the second on the right.
rooms: 6 dB, two microphones 0.4 ms apart for each, and reverberation of their own in each channel. wide: the first in the
middle, the second all reverberation. oracle: ratio masks of the true stems in each channel.
"""

import argparse
from dataclasses import replace

import numpy as np
from evaluate_background import BACKGROUNDS
from evaluate_data import SHARED, Piece, excerpt, find_pieces
from evaluate_instant import with_background
from evaluate_systems import params_of, play, preset_named

from rtsep.measure import oracle_stems, sdr_db
from rtsep.notes.routing import by_track, everything
from rtsep.windows import Framing

LEVELS_DB = {"one place": 0.0, "3 dB": 3.0, "6 dB": 6.0, "12 dB": 12.0, "left and right": 90.0}
PLACES = (*LEVELS_DB, "rooms", "wide")
ORACLE = "oracle"
SKIPPED_S, ROOM_S = 9.0, 0.4
Stems = dict[str, np.ndarray]


def panned(sound: np.ndarray, level_db: float) -> np.ndarray:
    """sound [1, sample] between two channels, louder on the left by so much, as loud as before."""
    left = 10 ** (level_db / 20)
    return (np.array([[left], [1]]) * np.sqrt(2 / (1 + left**2)) * sound).astype(np.float32)


def in_a_room(sound: np.ndarray, rate: int, level_db: float, later_ms: float, wet: float) -> np.ndarray:
    """sound [1, sample] by two microphones: the second hears it later, each its own reverberation, `wet` times the sound."""
    rng, tail = np.random.default_rng(round(100 * later_ms) + 1000), round(ROOM_S * rate)
    found = panned(sound, level_db)
    late = round(later_ms * rate / 1000)
    channel = int(late > 0)
    found[channel] = np.pad(found[channel], (abs(late), 0))[: sound.shape[1]]
    shape = np.minimum(np.arange(tail) / (0.005 * rate), 1) * 10 ** (-3 * np.arange(tail) / tail)
    for output in found:
        response = shape * rng.standard_normal(tail)
        response *= wet / np.sqrt((response**2).sum())
        size = sound.shape[1] + tail
        output += np.fft.irfft(np.fft.rfft(sound[0], size) * np.fft.rfft(response, size), size)[: sound.shape[1]]
    return found


def placed(truths: Stems, rate: int, place: str) -> Stems:
    """The two stems [1, sample] where `place` says, [2, sample]."""
    (first, one), (second, other) = truths.items()
    if place == "rooms":
        return {first: in_a_room(one, rate, 6, 0.4, 0.6), second: in_a_room(other, rate, -6, -0.4, 0.6)}
    if place == "wide":
        return {first: panned(one, 0), second: in_a_room(other, rate, 0, 3, 1.5)}
    return {first: panned(one, LEVELS_DB[place]), second: panned(other, -LEVELS_DB[place])}


def separate(piece: Piece, setting: str, preset: str) -> Stems:
    """The stems of a piece by the engine, or by the oracle."""
    if setting == ORACLE:
        framing = Framing(4096, 512, 256)
        channels = [oracle_stems(np.array([truth[c] for truth in piece.truths.values()]), framing) for c in range(2)]
        return dict(zip(piece.truths, np.stack(channels, axis=1), strict=True))
    routing = everything("piano") if "piano" in piece.truths else by_track(piece.score)
    return play(piece.mix, piece.sample_rate, piece.score, preset_named(preset), routing, params_of(setting))


def with_other(piece: Piece) -> Piece:
    """Both hands one stem, beside the residual."""
    hands = np.sum([sound for name, sound in piece.truths.items() if name != "residual"], axis=0, dtype=np.float32)
    return replace(piece, truths={"piano": hands, "residual": piece.truths["residual"]})


def sets(seconds: float) -> dict[str, tuple[list[Piece], str, float]]:
    """Pieces of two stems, the preset that plays them, and how many seconds at their beginning are not judged."""
    pieces = [excerpt(piece, seconds) for piece in find_pieces(SHARED, [])]
    two_hands = [piece for piece in pieces if piece.group == "two_hands"]
    bands = [with_other(with_background(piece, SHARED / "backgrounds" / f"{name}.flac"))
             for piece, name in zip(two_hands, BACKGROUNDS, strict=True)]
    songs = [with_other(piece) for piece in pieces if piece.group == "piano_and_others"]
    return {"hands": ([pieces[0], *two_hands], "grand-piano", 0.0), "band": (bands, "grand-piano", 0.0),
            "cello": (songs, "piano", SKIPPED_S)}


def mean_sdr_db(piece: Piece, place: str, setting: str, preset: str, skipped_s: float) -> float:
    """Of all stems whose notes are told."""
    there = replace(piece, truths=placed(piece.truths, piece.sample_rate, place))
    found, begin = separate(there, setting, preset), round(skipped_s * piece.sample_rate)
    return float(np.mean([sdr_db(found[name][:, begin:], truth[:, begin:])
                          for name, truth in there.truths.items() if name != "residual"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE,...", default=["panning=off", "", ORACLE])
    parser.add_argument("--seconds", type=float, default=16.0, metavar="S", help="of each piece (default: %(default)s)")
    arguments = parser.parse_args()
    print(f"| pieces | settings | {' | '.join(PLACES)} |\n| --- | --- |{' --: |' * len(PLACES)}")
    for name, (pieces, preset, skipped_s) in sets(arguments.seconds).items():
        for setting in arguments.settings:
            figures = [np.mean([mean_sdr_db(piece, place, setting, preset, skipped_s) for piece in pieces]) for place in PLACES]
            cells = " | ".join(f"{figure:.1f}" for figure in figures)
            print(f"| {name} | {setting or 'as it ships'} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
