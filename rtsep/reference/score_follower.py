"""Stage: the score follower, which gives played notes the parts of a score. See `rtsep.stages.score_follower`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rtsep.notes.followed import FollowedScore
from rtsep.reference.passed import Floats
from rtsep.stages.score_follower import (
    AROUND,
    FASTEST,
    FOLLOWED,
    KEEP,
    LEAST_GAP_S,
    LONGEST_S,
    LOST,
    MATCHED,
    MOST_DEVIATION,
    NEARNESS,
    SLOWEST,
    TEMPO_RATE,
)
from rtsep.stages.score_model import (
    AGAIN,
    AHEAD,
    ANYWHERE,
    BEGINNING,
    BEHIND,
    JUMP,
    LEAST_WIDTH_S,
    NEAR,
    REACH,
    SKIP,
    SPREAD_S,
    TAKEN,
    TAKEN_NOTES,
    WIDTH,
)


@dataclass
class ScoreFollower:
    """Finds the player's place in the score. p [chord]: the probability of each chord."""

    score: FollowedScore
    parts: int
    sample_rate: float
    p: Floats | None = None  # None before the first note
    ahead: Floats = field(default_factory=lambda: np.zeros(0))  # p before the last note was known
    position: int = 0
    confidence: float = 0.0
    match: float = 1.0
    tempo: float = 1.0
    notes: int = 0
    unmatched: int = 0
    last_at: int = 0
    began_at: int = 0
    # note of the score -> number of the played note that matched it, since the last step back
    taken: dict[int, int] = field(default_factory=dict)

    def step(self, sample: int, pitch: int) -> int:
        """The part of the note `pitch` that is struck at `sample`; LOST if no score tells it."""
        if not len(self.score.onset_s):
            return LOST
        ahead = self.ahead = self._start() if self.p is None else self._predict(self.p, self._elapsed_s(self.last_at, sample))
        self.notes += 1
        like = self._likeness(pitch)
        seen = ANYWHERE + np.bincount(self.score.chord, like, len(ahead))
        joint = ahead * seen
        parts = np.bincount(self.score.part, like * ahead[self.score.chord], self.parts) / joint.sum()
        self.p = joint / joint.sum()
        chord = int(np.argmax(self.p))
        jumps = abs(chord - self.position) > AHEAD
        self.match = KEEP * self.match + (1 - KEEP) * (0.0 if jumps else float(parts.sum()))
        self.unmatched += int(parts.sum() < MATCHED)
        self._move(sample, chord)
        best = int(np.argmax(like * ahead[self.score.chord]))
        if like[best] > 0:
            self.taken[best] = self.notes
        self.last_at = sample
        self.confidence = float(parts.max())
        if self.match < FOLLOWED:
            return LOST
        return int(np.argmax(parts)) if parts.sum() >= MATCHED else self.nearest_part(pitch)

    def nearest_part(self, pitch: int) -> int:
        """The part of the notes near `pitch`, at most AROUND chords from the present one."""
        score = self.score
        near = np.where(np.abs(score.chord - self.position) <= AROUND, np.exp(-np.abs(score.pitch - pitch) / NEARNESS), 0.0)
        return int(np.argmax(np.bincount(score.part, near * self._untaken() * self.ahead[score.chord], self.parts)))

    def _elapsed_s(self, since: int, sample: int) -> float:
        return min(max(sample - since, 0) / self.sample_rate, LONGEST_S)

    def _start(self) -> Floats:
        ahead = np.full(len(self.score.onset_s), (1 - BEGINNING) / len(self.score.onset_s))
        ahead[0] += BEGINNING
        return ahead

    def _predict(self, p: Floats, passed_s: float) -> Floats:
        """Where the player can be `passed_s` seconds after the last note: a weight for each chord."""
        onset, leave = self.score.onset_s, 1 / np.bincount(self.score.chord, minlength=len(p))
        together = np.exp(-passed_s / SPREAD_S) / SPREAD_S
        ahead = JUMP / len(p) + p * ((1 - leave) * together + AGAIN)
        ahead[:-1] += BEHIND * together * p[1:]
        for step in range(1, min(AHEAD, len(p) - 1) + 1):
            gap_s = self.tempo * (onset[step:] - onset[:-step])
            width_s = LEAST_WIDTH_S + WIDTH * gap_s
            density = width_s / np.pi / (width_s**2 + (passed_s - gap_s) ** 2)
            ahead[step:] += SKIP ** (step - 1) * (p * leave)[:-step] * density
        return np.asarray(ahead)

    def _likeness(self, pitch: int) -> Floats:
        """The likelihood that this key is struck for each note of the score, in its chord."""
        score, far = self.score, np.abs(self.score.pitch - pitch)
        like = np.where(far <= REACH, NEAR[np.minimum(far, REACH)], 0.0) / np.bincount(score.chord)[score.chord]
        return np.asarray(like * self._untaken())

    def _untaken(self) -> Floats:
        """TAKEN for each note of the score that was matched recently, else 1."""
        factor = np.ones(len(self.score.pitch))
        factor[[note for note, by in self.taken.items() if by > self.notes - TAKEN_NOTES]] = TAKEN
        return factor

    def _move(self, sample: int, chord: int) -> None:
        """Move the player to `chord`. A step forward updates the tempo; after a step back, notes can be matched again."""
        steps = chord - self.position
        if 0 < steps <= AHEAD:
            gap_s = float(self.score.onset_s[chord] - self.score.onset_s[self.position])
            if gap_s >= LEAST_GAP_S:
                now = self._elapsed_s(self.began_at, sample) / gap_s
                now = min(max(now, self.tempo / MOST_DEVIATION), self.tempo * MOST_DEVIATION)
                self.tempo = min(max(self.tempo + TEMPO_RATE * (now - self.tempo), FASTEST), SLOWEST)
        elif steps < -AHEAD:
            self.taken.clear()
        if steps > 0 or steps < -AHEAD:
            self.began_at, self.position = sample, chord
