"""Stems that lie apart between two channels."""

from dataclasses import replace
from functools import partial

import numpy as np

from laboratory.grid import measure
from laboratory.pieces import Piece, all_pieces, bands, group_of, one_piano, pianos
from laboratory.report import pivot
from laboratory.study import Given, Table, study
from laboratory.systems import preset_named

LEVELS_DB = {"one place": 0.0, "3 dB": 3.0, "6 dB": 6.0, "12 dB": 12.0, "left and right": 90.0}
SETTINGS = {"panning=off": "panning=off", "as it ships": "", "mode=instant, without latency": "mode=instant",
            "mode=quality": "mode=quality", "oracle": "oracle,hop_samples=256"}
SKIPPED_S = 9.0
"""The cello of piano_and_others begins after so many seconds."""
ROOM_S = 0.4
"""How long a room reverberates, in seconds."""


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


def placed(piece: Piece, place: str) -> Piece:
    """The piece with its two stems where `place` says."""
    (first, one), (second, other) = piece.truths.items()
    rate = piece.sample_rate
    if place == "rooms":
        truths = {first: in_a_room(one, rate, 6, 0.4, 0.6), second: in_a_room(other, rate, -6, -0.4, 0.6)}
    elif place == "wide":
        truths = {first: panned(one, 0), second: in_a_room(other, rate, 0, 3, 1.5)}
    else:
        truths = {first: panned(one, LEVELS_DB[place]), second: panned(other, -LEVELS_DB[place])}
    return replace(piece, truths=truths)


@study("panning", seconds=16.0)
def panning(given: Given) -> list[Table]:
    """What it gives that stems lie apart between two channels: SDR in dB over both.

    hands: the two hands of the demo clip and of two_hands, mean of both (`grand-piano`). band: the piano of two_hands with a
    cello, singers and a saxophone as loud as it, whose notes nobody tells (`grand-piano`). cello: the piano of piano_and_others
    with its cello, from 9 s on (`piano`; what was tuned on). The first is louder on the left by so many dB, the second on the
    right. rooms: 6 dB, two microphones 0.4 ms apart for each, and reverberation of their own in each channel. wide: the first
    in the middle, the second all reverberation. oracle: ratio masks of the true stems in each channel.
    """
    grand = preset_named("grand-piano")
    demo = [replace(piece, group="hands", preset=grand) for piece in all_pieces(given) if piece.group == "demo"]
    songs = [replace(one_piano(piece), skipped_s=SKIPPED_S) for piece in group_of(given, "piano_and_others", called="cello")]
    pieces = [*demo, *pianos(given, "two_hands", grand, "hands"), *bands(given, grand, "band"), *songs]
    places = {place: partial(placed, place=place) for place in (*LEVELS_DB, "rooms", "wide")}
    rows = measure(given, pieces, given.chosen(SETTINGS), places)
    rows.sort(key=lambda row: ("hands", "band", "cello").index(row["set"]))
    return [Table("panning", pivot(rows, ["set", "settings"], ["condition"], form=".1f"), rows)]
