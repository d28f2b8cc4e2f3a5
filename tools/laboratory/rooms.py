"""Rooms: every stem at its own place, recorded by one or two microphones (pyroomacoustics, only for studies).

The truth of a stem is its sound at the microphones, including reverberation. Sound needs time: it arrives a few milliseconds
after the notes are told.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from laboratory.pieces import Piece
from laboratory.study import need_module


@dataclass(frozen=True)
class Room:
    """Length, width and height in metres; after `rt60_s` seconds the reverberation is 60 dB softer.

    Stems are at most `distance_m` metres away from the microphones.
    """

    size_m: tuple[float, float, float]
    rt60_s: float
    distance_m: float


STUDIO, LIVING_ROOM = Room((4.0, 3.5, 2.6), 0.2, 0.8), Room((7.0, 5.0, 3.0), 0.5, 1.5)
HALL = Room((16.0, 11.0, 7.0), 1.2, 3.0)
ROOMS = {"studio, 0.2 s": STUDIO, "living room, 0.5 s": LIVING_ROOM, "hall, 1.2 s": HALL}
AT = (0.45, 0.25, 1.5)
"""The place of the microphones: shares of length and width, and metres above the floor."""
APART_M = 0.4
"""The distance between two microphones, in metres."""
ARC = 100.0
"""The angle over which the stems are spread in front of the microphones, in degrees."""
HEIGHT_M = 1.2
"""The height of the sources, in metres."""


def in_room(piece: Piece, room: Room = LIVING_ROOM, microphones: int = 1) -> Piece:
    """The piece at 1 or 2 microphones, with each stem at another place, and as loud as before.

    Stems are mixed to mono first, and have a channel per microphone afterwards. MissingError without pyroomacoustics.
    """
    responses = impulse_responses(room, len(piece.truths), microphones, piece.sample_rate)
    truths = {}
    for (stem, sound), response in zip(piece.truths.items(), responses, strict=True):
        heard = convolved(sound.mean(axis=0), response)
        loud = np.mean(heard**2)
        truths[stem] = heard * np.float32(np.sqrt(np.mean(sound**2) / loud) if loud else 1)
    return replace(piece, truths=truths)


def convolved(sound: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """A sound [sample], convolved with responses [microphone, sample]: [microphone, sample], as long as the sound."""
    size = 2 ** math.ceil(math.log2(len(sound) + responses.shape[1]))
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(responses, size)
    return np.fft.irfft(spectrum, size)[:, : len(sound)].astype(np.float32)


def places(room: Room, sources: int) -> np.ndarray:
    """The places of the sources, [source, 3] in metres: on an arc, in turn nearer and farther."""
    middle = np.array([room.size_m[0] * AT[0], room.size_m[1] * AT[1]])
    angles = np.radians(np.linspace(-ARC / 2, ARC / 2, sources)) if sources > 1 else np.zeros(1)
    distances = room.distance_m * np.where(np.arange(sources) % 2, 0.75, 1.0)
    flat = middle + distances[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    return np.column_stack([flat, np.full(sources, HEIGHT_M)])


def impulse_responses(room: Room, sources: int, microphones: int, sample_rate: int) -> np.ndarray:
    """The room's impulse responses, float64 [source, microphone, sample], by image sources."""
    need_module("pyroomacoustics", "pip install pyroomacoustics")
    import pyroomacoustics

    absorption, order = pyroomacoustics.inverse_sabine(room.rt60_s, room.size_m)
    box = pyroomacoustics.ShoeBox(room.size_m, fs=sample_rate, materials=pyroomacoustics.Material(absorption), max_order=order)
    for place in places(room, sources):
        box.add_source(place)
    across = (np.arange(microphones) - (microphones - 1) / 2) * APART_M
    here = [np.full(microphones, part) for part in (room.size_m[0] * AT[0], room.size_m[1] * AT[1], AT[2])]
    box.add_microphone_array(np.array([here[0] + across, here[1], here[2]]))
    box.compute_rir()
    samples = round(1.2 * room.rt60_s * sample_rate)
    return np.array([[np.pad(box.rir[microphone][source][:samples],
                             (0, max(samples - len(box.rir[microphone][source]), 0)))
                      for microphone in range(microphones)] for source in range(sources)])
