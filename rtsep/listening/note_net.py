"""The note net: a small network that hears, by 120 ms around a time, whether a pitch begins there, whether it sounds, how loud.

The same net serves all pitches. For each it sees the levels of its own activation and band, and of those around it at octaves,
fifths and other intervals. So it can tell a note from the partials of another one. Two hidden layers, rectified.
`tools/train_note_net.py` trains it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rtsep.fit.hearing import COMPRESSION, LOWEST, PITCHES
from rtsep.listening.ears import FAINTEST, FORGET_S, STEP_S, Heard
from rtsep.listening.rows import BANDS, LOWEST_BAND, Floats, Integers

FRAMES = 12  # The net looks at this many frames.
PASTS, PAST_FRAMES = 2, 10  # It also sees mean levels in this many parts of the past before them, of this many frames each.
HISTORY = FRAMES + PASTS * PAST_FRAMES  # Frames, from the newest one back, that the net needs.
RISE_FRAMES = 3  # The rise of the whole spectrum is measured over this many frames.
# Intervals, in semitones from the pitch, at which the net sees activations, and bands of the semitone spectrum.
ACTIVATIONS_AT = np.array([-24, -19, -12, -1, 0, 1, 12, 19, 24])
BANDS_AT = np.array([-24, -19, -12, -7, -2, -1, 0, 1, 2, 7, 12, 16, 19, 22, 24, 28, 31, 34, 36, 40, 43])
# The same intervals of the past.
PAST_ACTIVATIONS_AT, PAST_BANDS_AT = np.array([-12, -1, 0, 1, 12]), np.array([-1, 0, 1])
MARGIN = 44  # So many silent columns lie on each side of the pitches.
COLUMNS = PITCHES + 2 * MARGIN  # Number of columns.
PAST_INPUTS = PASTS * (len(PAST_ACTIVATIONS_AT) + len(PAST_BANDS_AT))  # Number of inputs about the past.
INPUTS = FRAMES * (len(ACTIVATIONS_AT) + len(BANDS_AT) + 1) + PAST_INPUTS + 3  # Number of inputs of the net.
AT_ONCE = 16  # Spectra of this many frames go through the net at a time.
LOUDEST = 127.0  # The velocity that the net calls 1.


class Net(NamedTuple):
    """A net: the weights of three layers, float32 [input + 1, unit], whose last rows are biases.

    delay_frames: it hears an onset when this many frames have come after the one in which the onset lies. begins: a pitch
    begins if its probability rises above this; on the tuning clips this value gave the best F1.
    """

    first: Floats
    second: Floats
    output: Floats
    delay_frames: int
    begins: float = 0.7


class Seen(NamedTuple):
    """Frames as the net sees them: levels of activations and of bands [frame, column], and the rise of the spectrum [frame].

    held [frame]: 1 if the instrument sounds as long as a key is held, like a violin, and 0 if its notes fade, like a piano's.
    """

    activations: npt.NDArray[np.floating]
    bands: npt.NDArray[np.floating]
    rise: Floats
    held: Floats


class Answer(NamedTuple):
    """What the net tells about each frame and pitch, float32 [frame, pitch]: probabilities 0 to 1, and a velocity 1 to 127."""

    begins: Floats
    sounds: Floats
    velocity: Floats


def read_net(path: Path) -> Net:
    """The net in a file."""
    with np.load(path) as net:
        first, second, output = (net[name].astype(np.float32) for name in ("first", "second", "output"))
        return Net(first, second, output, int(net["delay_frames"]), float(net["begins"]))


@cache
def note_net(piano: bool = True) -> Net:
    """The net that comes with rtsep for pianos, or the one for other instruments.

    The first has learnt to hear nothing but the piano beside others. The second hears all instruments, and so also the others.
    """
    return read_net(Path(__file__).with_name("note_net.npz" if piano else "other_note_net.npz"))


def nothing_seen(frames: int) -> Seen:
    """Silent frames."""
    levels = np.zeros((2, frames, COLUMNS), np.float32)
    return Seen(levels[0], levels[1], np.zeros(frames, np.float32), np.zeros(frames, np.float32))


def inputs(seen: Seen, frames: Integers, pitches: Integers) -> Floats:
    """The inputs of the net [n, INPUTS], for pitches counted from LOWEST, at the moment when each of `frames` is the newest."""
    window = frames[:, None] - np.arange(FRAMES)[::-1]
    column = pitches + MARGIN
    activations = seen.activations[window[:, :, None], (column[:, None] + ACTIVATIONS_AT)[:, None]]
    bands = seen.bands[window[:, :, None], (column[:, None] + BANDS_AT)[:, None]]
    height = (pitches / (PITCHES / 2) - 1).astype(np.float32)
    count = len(frames)
    return np.concatenate([activations.reshape(count, -1), bands.reshape(count, -1), seen.rise[window],
                           _past(seen.activations, frames, column, PAST_ACTIVATIONS_AT),
                           _past(seen.bands, frames, column, PAST_BANDS_AT),
                           height[:, None], height[:, None] ** 2, seen.held[frames, None]], axis=1, dtype=np.float32)


def _past(levels: npt.NDArray[np.floating], frames: Integers, column: Integers, at: Integers) -> Floats:
    """Mean levels [n, PASTS * interval] in the parts of the past, the latest part first."""
    before = frames[:, None] - FRAMES - np.arange(PASTS * PAST_FRAMES)
    there = levels[before[:, :, None], (column[:, None] + at)[:, None]].reshape(len(frames), PASTS, PAST_FRAMES, len(at))
    result: Floats = there.mean(axis=2, dtype=np.float32).reshape(len(frames), -1)
    return result


def layer(x: Floats, weights: Floats) -> Floats:
    """A layer without its rectifier."""
    result: Floats = x @ weights[:-1] + weights[-1]
    return result


def answer(x: Floats, net: Net) -> Floats:
    """The output of the net [n, 3] for its inputs [n, INPUTS]: logarithms of odds, and a velocity."""
    return layer(np.maximum(layer(np.maximum(layer(x, net.first), 0), net.second), 0), net.output)


class Eyes:
    """Turns frames into what the net sees, frame by frame. held: as in Seen."""

    def __init__(self, held: bool = False) -> None:
        self._held = np.float32(held)
        self._loudest = np.float32(FAINTEST)
        self._forget = np.float32(np.exp(-STEP_S / FORGET_S))
        self._bands = np.zeros((RISE_FRAMES, BANDS), np.float32)

    def see(self, heard: Heard) -> Seen:
        """What the net sees of successive frames."""
        loudest = np.empty((len(heard), 1), np.float32)
        for number, value in enumerate(heard.semitones.max(axis=1, initial=0)):
            self._loudest = loudest[number] = max(self._loudest * self._forget, value, np.float32(FAINTEST))
        bands = np.log1p(np.float32(COMPRESSION) / loudest * heard.semitones)
        known = np.concatenate([self._bands, bands])
        self._bands = known[len(known) - RISE_FRAMES :]
        rise = np.maximum(known[RISE_FRAMES:] - known[:-RISE_FRAMES], 0).mean(axis=1)
        seen = nothing_seen(len(heard))
        seen.activations[:, MARGIN : MARGIN + PITCHES] = heard.levels
        seen.bands[:, MARGIN + LOWEST_BAND - LOWEST :][:, :BANDS] = bands
        return Seen(seen.activations, seen.bands, rise, np.full(len(heard), self._held))


class NoteNet:
    """The net during play: frame by frame, the answers for all pitches. held: as in Seen."""

    def __init__(self, net: Net, held: bool = False) -> None:
        self._net, self._eyes = net, Eyes(held)
        self._seen = nothing_seen(HISTORY)

    def step(self, heard: Heard) -> Answer:
        """The answers at the moment when each of the frames is the newest."""
        new = self._eyes.see(heard)
        seen = Seen(*(np.concatenate(pair) for pair in zip(self._seen, new, strict=True)))
        self._seen = Seen(*(part[len(part) - HISTORY :] for part in seen))
        found = np.zeros((len(heard), PITCHES, 3), np.float32)
        for begin in range(0, len(heard), AT_ONCE):
            frames = np.arange(begin, min(begin + AT_ONCE, len(heard)))
            x = inputs(seen, np.repeat(frames + HISTORY, PITCHES), np.tile(np.arange(PITCHES), len(frames)))
            found[frames] = answer(x, self._net).reshape(len(frames), PITCHES, 3)
        sure = (1 / (1 + np.exp(-found[..., :2]))).astype(np.float32)
        return Answer(sure[..., 0], sure[..., 1], np.clip(LOUDEST * found[..., 2], 1, LOUDEST))
