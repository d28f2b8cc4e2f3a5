"""Stage: which hand plays a note, by the notes around it: the inputs of the network, and its answer.

See `rtsep.stages.hand_features` and `rtsep.stages.hand_tracker`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rtsep.reference.notes import Note
from rtsep.reference.passed import Floats
from rtsep.stages.hand_features import (
    FOLLOWS,
    LEAST,
    LEFT,
    LEFT_REST,
    LONGEST_S,
    NEAR,
    NEAREST,
    NOW_S,
    PLACES,
    REST_WEIGHT,
    RIGHT,
    RIGHT_REST,
    SHORTEST_S,
    SIDE,
    STEP,
    STEPS,
    TIME_S,
    TIME_SHIFT,
    TIME_SLOPE,
    WHILE_S,
)
from rtsep.stages.hand_tracker import hand_net


@dataclass(eq=False)
class Struck:
    """One of the last notes. right: probability, 0 to 1, of the right hand; fixed: the player, or a score, named the hand."""

    sample: int
    pitch: int
    velocity: int
    note: Note | None = None  # the note that sounds
    hand: int = LEFT
    right: float = 0.0
    fixed: bool = False
    doubtful: bool = False
    down: bool = True  # is its key down?


def place(interval: int) -> int:
    """The place in the map for a note that is `interval` semitones higher."""
    steps = [NEAR + STEP * step for step in range(1, STEPS)]
    if interval < -NEAR:
        return 2 * NEAR + 1 + int(np.searchsorted(steps, -interval))
    return interval + NEAR if interval <= NEAR else 2 * NEAR + 1 + STEPS + int(np.searchsorted(steps, interval))


def told_time(seconds: float) -> float:
    """A time as an input: 0 for 0.1 s, 1 for about 1.2 s."""
    return TIME_SLOPE * math.log(min(max(seconds, SHORTEST_S), LONGEST_S) / TIME_S)


def _hand_of(each: Struck) -> int:
    return RIGHT if each.right > 0.5 else LEFT


def _side(asked: Struck, others: Sequence[Struck], sample_rate: float) -> Floats:
    """The inputs for the notes before the note, or for those after it; `others` begin with the nearest."""
    keys, nearest, hands = np.zeros((PLACES, 7)), np.zeros((NEAREST, 5)), np.zeros((2, 7))
    for number, each in enumerate(others):
        seconds, interval = abs(asked.sample - each.sample) / sample_rate, each.pitch - asked.pitch
        louder, whose = (asked.velocity - each.velocity) / 32, (1 - each.right, each.right)
        now, lately = math.exp(-min(seconds, 10) / NOW_S), math.exp(-min(seconds, 10) / WHILE_S)
        keys[place(interval)] += [*(now * share for share in whose), *(lately * share for share in whose),
                                  *(each.down * share for share in whose), now * louder]
        if number < NEAREST:
            lower = min(max(-interval / 6, -5), 5)
            nearest[number] = lower, told_time(seconds) + TIME_SHIFT, each.right - 0.5, (each.right - 0.5) * lower, louder
    weights = (1 - FOLLOWS) ** np.arange(len(others))
    for hand, rest in ((LEFT, LEFT_REST), (RIGHT, RIGHT_REST)):
        shares = weights * [each.right if hand == RIGHT else 1 - each.right for each in others]
        total = REST_WEIGHT + shares.sum()
        centre = (REST_WEIGHT * rest + shares @ [each.pitch for each in others]) / total
        last = next((each for each in others if _hand_of(each) == hand), None)
        pitch, ago = (rest, LONGEST_S) if last is None else (last.pitch, abs(asked.sample - last.sample) / sample_rate)
        far, step = min(max((asked.pitch - centre) / 12, -3), 3), min(max((asked.pitch - pitch) / 6, -5), 5)
        hands[hand] = far, abs(far), step, abs(step), told_time(ago), last is not None, total > 1
    return np.concatenate([keys.ravel(), nearest.ravel(), hands.ravel()])


def inputs(recent: Sequence[Struck], asked: Struck, again: bool, pedal: bool, sample_rate: float) -> Floats:
    """The network's inputs for `asked`, one of the last notes."""
    at = recent.index(asked)
    before, after = recent[:at][::-1], recent[at + 1 :]
    held = np.zeros((2, 4))
    for hand in (LEFT, RIGHT):
        keys = [each.pitch - asked.pitch for each in (*before, *after) if each.down and _hand_of(each) == hand]
        if keys:
            span = max(*keys, 0) - min(*keys, 0)
            held[hand] = len(keys) / 3, *(min(max(key / 12, -3), 3) for key in (min(keys), max(keys))), min(span / 12, 3)
    likely = min(max(asked.right, LEAST), 1 - LEAST)
    itself = ((asked.pitch - 60) / 24, asked.velocity / 64 - 1, pedal, asked.down)
    sides = _side(asked, before, sample_rate), _side(asked, after, sample_rate) if after else np.zeros(SIDE)
    return np.concatenate([*sides, itself, held.ravel(), [math.log(likely / (1 - likely)) / 3 if again else 0]])


def probability(recent: Sequence[Struck], asked: Struck, again: bool, pedal: bool, sample_rate: float) -> float:
    """The probability that the right hand plays `asked`, one of the last notes; again: whether it was asked about before."""
    first, second, output = hand_net()
    units = np.maximum(inputs(recent, asked, again, pedal, sample_rate) @ first[:-1] + first[-1], 0)
    odds = float(np.maximum(units @ second[:-1] + second[-1], 0) @ output[:-1] + output[-1])
    return 1 / (1 + math.exp(-odds))
