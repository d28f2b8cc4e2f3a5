"""Trains the note net: material as the net sees it, what it should answer, and gradient descent in NumPy (Adam).

The decisive moments are few: about one in a thousand pairs of a frame and a pitch is an onset. So every round takes all onsets,
many of the moments in which an activation rises without one, and few others. Later rounds also take the moments among many
others in which the net would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np

from laboratory.note_hearing import by_preset, heard_together
from laboratory.note_inputs import fast_inputs
from laboratory.note_material import Clip
from rtsep.fit.hearing import LOWEST, PITCHES
from rtsep.listening.ears import STEP_S
from rtsep.listening.note_finder import LATE_FRAMES
from rtsep.listening.note_net import (
    HISTORY,
    INPUTS,
    LOUDEST,
    MARGIN,
    RISE_FRAMES,
    Eyes,
    Net,
    Seen,
    answer,
    layer,
)

UNITS, SECOND_UNITS = 128, 64
"""The units of the hidden layers."""
AT_ONCE = 90
"""So many clips are heard at a time."""
BATCH, ROUNDS, RATE_AT_FIRST, LEAST_RATE = 2048, 8, 2e-3, 1e-5
"""Examples at a time, rounds through the material, the learning rate at first, and at last; it falls like a cosine."""
DECAY = 1e-4
"""Weights shrink by this share of the learning rate in each step."""
TAKEN_RISING, TAKEN_NEAR, TAKEN = 0.3, 0.15, 0.005
"""Shares of the moments in which an activation rises, of those next to an onset, and of all others, that a round takes."""
RISE = 0.25
"""An activation rises if its level grows by this much over RISE_FRAMES."""
LOOKED_THROUGH, AUDIBLE = 0.12, 0.5
"""Later rounds look through this share of the other moments whose level is above AUDIBLE, for those that the net gets wrong."""
EASY_ROUNDS, DOUBTFUL = 2, 0.05
"""The first rounds do not. A moment without an onset is wrong if the net's probability is above DOUBTFUL."""
SOUNDS_WEIGHT, VELOCITY_WEIGHT = 0.3, 1.0
"""The weights of the answers about sounding and about velocity; that about onsets has 1."""
NO, YES, NEAR = range(3)


@dataclass(frozen=True)
class Material:
    """Clips in a row as the net sees them, float32, with silence between them; what happens in each frame and pitch.

    onset: NO, YES or NEAR (not judged). sounds: bool. velocity: 0 to 1, at onsets. usable: bool [frame].
    """

    seen: Seen
    onset: np.ndarray
    sounds: np.ndarray
    velocity: np.ndarray
    usable: np.ndarray
    delay_frames: int


def seen_clips(clips: Iterable[Clip], at_once: int = AT_ONCE) -> Iterator[tuple[Seen, np.ndarray]]:
    """Clips of the same length as the net sees them, float32, after silence; and their notes."""
    clips = iter(clips)
    while some := list(islice(clips, at_once)):
        for group in by_preset([clip.preset for clip in some]):
            heard = heard_together(np.stack([some[number].sound for number in group]), some[group[0]].preset)
            for number, one in zip(group, heard, strict=True):
                yield _after_silence(Eyes(some[number].held).see(one)), some[number].notes


def _after_silence(seen: Seen) -> Seen:
    return Seen(*(np.pad(part, ((HISTORY, 0), *((0, 0),) * (part.ndim - 1))) for part in seen))


def material(clips: Iterable[tuple[Seen, np.ndarray]], delay_frames: int) -> Material:
    """The material of clips that `seen_clips` has made."""
    found = [(seen, *_wanted(len(seen.rise), notes, delay_frames)) for seen, notes in clips]
    seen = Seen(*(np.concatenate([each[0][part] for each in found]) for part in range(len(Seen._fields))))
    return Material(seen, *(np.concatenate([each[part] for each in found]) for part in range(1, 5)), delay_frames)


def _wanted(frames: int, notes: np.ndarray, delay_frames: int) -> tuple[np.ndarray, ...]:
    """onset, sounds, velocity and usable of a clip."""
    onset, sounds = np.zeros((frames, PITCHES), np.int8), np.zeros((frames, PITCHES), bool)
    velocity, usable = np.zeros((frames, PITCHES), np.float16), np.arange(frames) >= HISTORY
    for begin_s, end_s, pitch, loud in notes.tolist():
        begin, end = (HISTORY + int(seconds / STEP_S) for seconds in (begin_s, end_s))
        row, at = pitch - LOWEST, begin + delay_frames
        if not 0 <= row < PITCHES or at + 2 >= frames:
            continue
        near = onset[at - 1 : at + 3, row]
        near[near == NO] = NEAR
        onset[at : at + 2, row], velocity[at : at + 2, row] = YES, loud / LOUDEST
        sounds[begin + LATE_FRAMES : end + LATE_FRAMES, row] = True
    return onset, sounds, velocity, usable


def chosen(given: Material, rng: np.random.Generator, net: Net | None) -> tuple[np.ndarray, np.ndarray]:
    """Frames and pitches of a round's examples, in random order. net: the one that looks for wrong moments."""
    levels = given.seen.activations[:, MARGIN : MARGIN + PITCHES]
    rises = np.zeros(levels.shape, bool)
    rises[RISE_FRAMES:] = levels[RISE_FRAMES:] - levels[:-RISE_FRAMES] > RISE
    share = np.where(given.onset == NEAR, TAKEN_NEAR, np.where(rises, TAKEN_RISING, TAKEN))
    taken = (given.onset == YES) | (rng.random(share.shape, np.float32) < share)
    taken &= given.usable[:, None]
    if net is not None:
        looked_at = rng.random(share.shape, np.float32) < LOOKED_THROUGH
        _add_wrong(taken, given, net, (given.onset == NO) & (levels > AUDIBLE) & looked_at)
    frames, pitches = np.nonzero(taken)
    order = rng.permutation(len(frames))
    return frames[order], pitches[order]


def _add_wrong(taken: np.ndarray, given: Material, net: Net, among: np.ndarray) -> None:
    """Also take the moments `among` [frame, pitch] in which the net wrongly hears an onset."""
    frames, pitches = np.nonzero(among & ~taken & given.usable[:, None])
    for first in range(0, len(frames), BATCH):
        at = frames[first : first + BATCH], pitches[first : first + BATCH]
        taken[at] = answer(fast_inputs(given.seen, *at), net)[:, 0] > np.log(DOUBTFUL / (1 - DOUBTFUL))


class Descent:
    """Adam over the weights of a net (Kingma & Ba 2015)."""

    def __init__(self, rng: np.random.Generator, sizes: Sequence[int]) -> None:
        self.weights = tuple(
            np.concatenate([rng.normal(0, np.sqrt(2 / before), (before, after)), np.zeros((1, after))]).astype(np.float32)
            for before, after in pairwise(sizes))
        self._mean, self._square = ([np.zeros_like(part) for part in self.weights] for _ in range(2))
        self._steps = 0

    def step(self, gradients: Sequence[np.ndarray], rate: float) -> None:
        """Follow the gradients by one step."""
        self._steps += 1
        for part, gradient, mean, square in zip(self.weights, gradients, self._mean, self._square, strict=True):
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient * gradient - square)
            part[:-1] *= 1 - rate * DECAY
            part -= rate * (mean / (1 - 0.9**self._steps)) / (np.sqrt(square / (1 - 0.999**self._steps)) + 1e-8)


def gradients(net: Net, x: np.ndarray, slope: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """The gradients of the weights, for inputs x and a function that gives the slope of the loss from the output."""
    first, second, output = net[:3]
    h = np.maximum(layer(x, first), 0)
    g = np.maximum(layer(h, second), 0)
    by_output = slope(layer(g, output)) / len(x)
    by_g = (by_output @ output[:-1].T) * (g > 0)
    by_h = (by_g @ second[:-1].T) * (h > 0)
    return [np.concatenate([below.T @ above, above.sum(axis=0, keepdims=True)])
            for below, above in ((x, by_h), (h, by_g), (g, by_output))]


def train(given: Material, seed: int = 0, rounds: int = ROUNDS, say: Callable[[str], object] = print) -> Net:
    """The net after `rounds` through the material."""
    rng = np.random.default_rng(seed)
    descent = Descent(rng, (INPUTS, UNITS, SECOND_UNITS, 3))
    net = Net(*descent.weights, given.delay_frames)  # The descent changes its weights in place.
    for number in range(rounds):
        frames, pitches = chosen(given, rng, net if number >= EASY_ROUNDS else None)
        batches = len(frames) // BATCH
        for batch in range(batches):
            one = slice(batch * BATCH, (batch + 1) * BATCH)
            at = frames[one], pitches[one]
            rate = RATE_AT_FIRST * (0.5 + 0.5 * np.cos(np.pi * (number + batch / batches) / rounds)) + LEAST_RATE
            descent.step(gradients(net, fast_inputs(given.seen, *at), _slope(given, at)), rate)
        say(f"round {number + 1} of {rounds}: {len(frames)} examples")
    return net


def _slope(given: Material, at: tuple[np.ndarray, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """A function from the net's output at these moments to the slope of the loss."""
    onset, sounds, velocity = given.onset[at], given.sounds[at], given.velocity[at].astype(np.float32)

    def slope(output: np.ndarray) -> np.ndarray:
        sure = 1 / (1 + np.exp(-output[:, :2]))
        by_onset = np.where(onset == NEAR, 0, sure[:, 0] - (onset == YES))
        by_velocity = np.where(onset == YES, output[:, 2] - velocity, 0)
        return np.stack([by_onset, SOUNDS_WEIGHT * (sure[:, 1] - sounds), VELOCITY_WEIGHT * by_velocity],
                        axis=1).astype(np.float32)
    return slope
