"""Performances of a score, made here: jitter, other tempos, spread chords, wrong, missing and extra notes, and jumps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rtsep.notes.followed import FollowedScore

DRIFT_S = 4.0
"""The tempo drifts with this time constant, in seconds."""
LEAST_PAUSE_S, MOST_PAUSE_S = 0.4, 2.0
"""The shortest and the longest pause of a jump, in seconds."""
BAR_S = 2.0
"""A bar counts as this many seconds of the score."""


@dataclass(frozen=True)
class Hardship:
    """How a performance departs from the score.

    jitter_s: standard deviation of each chord's time. tempo: the largest deviation of the tempo, as a share. spread_s: the
    longest time over which the notes of a chord are spread, in random order. wrong, missing, extra, again: shares of the notes
    that are played as a neighbouring key, left out, joined by another key, or struck twice. jumps_s: approximate seconds of the
    score from jump to jump; 0: no jumps. middle: whether the performance begins at a random place.
    """

    name: str
    jitter_s: float = 0.0
    tempo: float = 0.0
    spread_s: float = 0.0
    wrong: float = 0.0
    missing: float = 0.0
    extra: float = 0.0
    again: float = 0.0
    jumps_s: float = 0.0
    middle: bool = False


PLAIN = Hardship("as the score says")
HUMAN = replace(PLAIN, name="human timing: jitter, tempo ± 20 %, chords spread", jitter_s=0.012, tempo=0.2, spread_s=0.04)
HARDSHIPS = (
    PLAIN, HUMAN,
    replace(HUMAN, name="… and 5 % of the notes wrong", wrong=0.05),
    replace(HUMAN, name="… and 5 % missing", missing=0.05),
    replace(HUMAN, name="… and 3 % extra", extra=0.03),
    replace(HUMAN, name="… and 3 % struck twice", again=0.03),
    replace(HUMAN, name="… and a jump about every 20 s", jumps_s=20.0),
    replace(HUMAN, name="… and a start in the middle", middle=True),
    replace(HUMAN, name="all of this at once", wrong=0.05, missing=0.05, extra=0.03, again=0.03, jumps_s=20.0, middle=True),
)


@dataclass(frozen=True)
class Performance:
    """Struck keys in order of time.

    seconds: float64 [n]. pitch, part: int64 [n], the key and its part. other: int64 [n], another part that shares the key in a
    unison, else the same part.
    """

    seconds: np.ndarray
    pitch: np.ndarray
    part: np.ndarray
    other: np.ndarray

    def share(self, found: np.ndarray | Sequence[int]) -> float:
        """The share of the keys whose part, or one of whose parts, was found."""
        return float(np.mean((np.asarray(found) == self.part) | (np.asarray(found) == self.other)))


def perform(score: FollowedScore, hardship: Hardship, rng: np.random.Generator) -> Performance:
    """A performance of the score."""
    chords = _order(score, hardship, rng)
    at = _times(score, chords, hardship, rng)
    first = np.searchsorted(score.chord, np.arange(len(score.onset_s) + 1))
    struck = [note for number, chord in enumerate(chords)
              for note in _strike(score, range(first[chord], first[chord + 1]), at[number], hardship, rng)]
    struck.sort(key=lambda note: note[0])
    columns = np.array(struck, np.float64).reshape(-1, 4).T
    return Performance(columns[0] - min(columns[0].min(initial=0), 0), *columns[1:].astype(np.int64))


def _order(score: FollowedScore, hardship: Hardship, rng: np.random.Generator) -> list[int]:
    """The chords in the order of playing: as written, or with jumps, most of them some bars back."""
    count, found = len(score.onset_s), list[int]()
    at = int(rng.integers(count)) if hardship.middle else 0
    until = score.onset_s[at] + _next_jump(hardship, rng)
    while at < count and len(found) < 2 * count:
        found.append(at)
        at += 1
        if at < count and score.onset_s[at] > until:
            kind = rng.random()
            target = score.onset_s[at] - BAR_S * rng.integers(1, 9) if kind < 0.7 else score.onset_s[-1] * rng.random()
            at = int(np.searchsorted(score.onset_s, 0.0 if kind > 0.9 else target))
            until = score.onset_s[at] + _next_jump(hardship, rng)
    return found


def _next_jump(hardship: Hardship, rng: np.random.Generator) -> float:
    return float(hardship.jumps_s * rng.uniform(0.5, 1.5)) if hardship.jumps_s else np.inf


def _times(score: FollowedScore, chords: list[int], hardship: Hardship, rng: np.random.Generator) -> np.ndarray:
    """The time at which each chord is played, in seconds; a jump takes a pause."""
    now, tempo, found = 0.0, 1 + hardship.tempo * rng.uniform(-1, 1), np.zeros(len(chords))
    for number in range(1, len(chords)):
        gap_s = score.onset_s[chords[number]] - score.onset_s[chords[number - 1]]
        if chords[number] != chords[number - 1] + 1:
            now += rng.uniform(LEAST_PAUSE_S, MOST_PAUSE_S)
        else:
            tempo += hardship.tempo * rng.normal() * np.sqrt(min(gap_s / DRIFT_S, 1))
            tempo = min(max(tempo, 1 - hardship.tempo), 1 + hardship.tempo)
            now += gap_s * tempo
        found[number] = now
    return found + hardship.jitter_s * rng.normal(size=len(chords))


def _strike(score: FollowedScore, notes: range, at_s: float, hardship: Hardship, rng: np.random.Generator):
    """The keys that are struck for the notes of a chord: second, pitch, part, other part. A unison is struck once."""
    for note in notes:
        pitch = int(score.pitch[note])
        if pitch in score.pitch[notes.start : note]:
            continue
        parts = [int(score.part[each]) for each in notes if score.pitch[each] == pitch]
        part, other = parts[0], parts[-1]
        now = at_s + hardship.spread_s * rng.random()
        if rng.random() < hardship.missing:
            continue
        yield now, _beside(pitch, rng) if rng.random() < hardship.wrong else pitch, part, other
        if rng.random() < hardship.extra:
            yield now + 0.05 * rng.random(), _beside(pitch, rng), part, other
        if rng.random() < hardship.again:
            yield now + 0.08 + 0.08 * rng.random(), pitch, part, other


def _beside(pitch: int, rng: np.random.Generator) -> int:
    """A key that is struck by mistake: mostly a neighbour, else any key within an octave."""
    reach = int(rng.choice([1, 2, 12], p=[0.5, 0.25, 0.25]))
    away = int(rng.integers(1, reach + 1)) * int(rng.choice([-1, 1]))
    return min(max(pitch + away, 0), 127)
