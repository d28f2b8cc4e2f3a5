"""Synthetic scores that players play from: a piece for two hands, and a piece in four parts."""

from __future__ import annotations

import numpy as np

from rtsep.notes.followed import FollowedScore
from rtsep.notes.routing import Routing, by_hands, by_split

LEFT, RIGHT = 0, 1


def score_of(rows) -> FollowedScore:
    """A score of (second, pitch, part)."""
    rows = sorted(rows)
    onset_s = np.array(sorted({second for second, _, _ in rows}), np.float64)
    chord = np.searchsorted(onset_s, [second for second, _, _ in rows])
    return FollowedScore(onset_s, chord, *(np.array([row[column] for row in rows], np.int64) for column in (1, 2)))


def two_hands(bars: int = 40, seed: int = 0) -> FollowedScore:
    """A melody over broken chords; the hands share keys between C4 and C5, and cross at times."""
    rng, rows, melody = np.random.default_rng(seed), list[tuple[float, int, int]](), 67
    for bar in range(bars):
        root = int(rng.choice([45, 48, 50, 52, 53]))
        for beat, step in enumerate((0, 7, 12, 7, 16, 7, 12, 19)):
            rows.append((2 * bar + 0.25 * beat, root + step, LEFT))
        for beat in sorted(rng.choice(8, 4, replace=False)):
            melody = int(np.clip(melody + rng.integers(-5, 6), 58, 84))
            rows += [(2 * bar + 0.25 * beat, melody + third, RIGHT) for third in ((0, 4) if rng.random() < 0.3 else (0,))]
    return score_of(dict.fromkeys(rows))


def four_parts(bars: int = 40, seed: int = 1) -> FollowedScore:
    """Four parts whose ranges overlap, each moving by steps and small leaps."""
    rng, rows = np.random.default_rng(seed), list[tuple[float, int, int]]()
    for part, (low, high) in enumerate(((60, 81), (55, 74), (48, 67), (38, 60))):
        pitch, second = (low + high) // 2, 0.0
        while second < 2 * bars:
            rows.append((second, pitch, part))
            pitch = int(np.clip(pitch + rng.choice([-5, -2, -1, 1, 2, 4]), low, high))
            second += float(rng.choice([0.25, 0.5, 0.5, 1.0]))
    return score_of(rows)


def hands_routing(score: FollowedScore) -> Routing:
    """A routing by which the score tells the two hands."""
    hands = by_hands()
    return Routing(hands.names, hands.table, hands.hands, score)


def parts_routing(score: FollowedScore) -> Routing:
    """A stem for every part of the score."""
    table = np.where(by_split().table < 0, -1, 0).astype(np.int8)
    return Routing(tuple(f"part_{part + 1}" for part in range(int(score.part.max()) + 1)), table, score=score)


