"""Stage: two hands on one keyboard: the hand's stem of each note, and later changes of it. See `rtsep.stages.hands`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from rtsep.kernels.memory import CLAIM_LEFT, CORRECTION, PARTS, PITCHES, SWAP_HANDS
from rtsep.notes.messages import NOTE_ON
from rtsep.reference.hand_tracker import Struck, probability
from rtsep.reference.notes import Note, Piano
from rtsep.reference.passed import Events, Floats
from rtsep.reference.score_follower import ScoreFollower
from rtsep.stages.hand_features import LEFT, RECENT, RIGHT
from rtsep.stages.hands import LOOKS_BACK, MOST_ASKED, REVISE_S, SURE
from rtsep.stages.score_follower import LOST


@dataclass
class Hands:
    """Divides the notes of `piano` between the stems (left, right); None: they follow their routes.

    `activations` gives the last frame's activations, [stem, row], which move with a note that changes its stem.
    """

    piano: Piano
    follower: ScoreFollower
    stems: tuple[int, int] | None
    sample_rate: float
    activations: Callable[[], Floats]
    recent: list[Struck] = field(default_factory=list)
    notes: int = 0
    revised: int = 0
    uncertain: int = 0

    def receive(self, event: Events, sample: int) -> None:
        """One EVENT at `sample`, counted from the start."""
        if self.stems is None:
            self.piano.receive(self._by_score(event, sample), sample)
        elif event["status"] == CORRECTION:
            self._correct(self.stems, int(event["data1"]))
        elif self._routed_stem(event) in self.stems:
            self._begin(self.stems, event, sample)
        else:
            self.piano.receive(event, sample)

    def _by_score(self, event: Events, sample: int) -> Events:
        """The event; a routed note-on gets the stem that the score tells."""
        score = self.follower.score
        if not len(score.pitch) or int(event["part"]) >= score.keyboards or self._routed_stem(event) < 0:
            return event
        pitch, told = int(event["data1"]), event.copy()
        stem = self.follower.step(sample, pitch)
        told["stem"] = 1 + (self.follower.nearest_part(pitch) if stem == LOST else stem)
        return told

    def _routed_stem(self, event: Events) -> int:
        """The stem of a note-on by its route; -1 if there is none, if it names its stem, or if the message is no note-on."""
        part, status, pitch = int(event["part"]), int(event["status"]), int(event["data1"])
        if status & 0xF0 != NOTE_ON or not event["data2"] or event["stem"] or part >= PARTS or pitch >= PITCHES:
            return -1
        return int(self.piano.route[part, status & 0x0F, pitch])

    def _begin(self, stems: tuple[int, int], event: Events, sample: int) -> None:
        key = int(event["part"]), int(event["status"]) & 0x0F, int(event["data1"])
        self._look_at_keys()
        self.recent = [*self.recent[1 - RECENT :], struck := Struck(sample, key[2], int(event["data2"]))]
        pedal = key[:2] in self.piano.sustain
        stem = self.follower.step(sample, key[2])
        if stem == LOST:
            struck.right = probability(self.recent, struck, False, pedal, self.sample_rate)
            struck.hand = int(struck.right >= 0.5)
        else:
            sure = max(self.follower.confidence, 0.5)
            struck.hand, struck.fixed = int(stem == stems[RIGHT]), True
            struck.right = sure if struck.hand == RIGHT else 1 - sure
        told = event.copy()
        told["stem"] = stems[struck.hand] + 1
        self.piano.receive(told, sample)
        if not self.piano.rows[stems[struck.hand], key[2]]:  # no template plays it
            self.recent.pop()
            return
        struck.note = self.piano.last[key]
        self.notes += 1
        self._count_doubt(struck)
        self._look_at_keys()  # the newest note may have replaced one
        self._look_back(pedal)
        self._revise(stems, sample, pedal)

    def _look_at_keys(self) -> None:
        for each in self.recent:
            each.down = each.note is not None and self._sounds(each.note) and each.note.presses > 0

    def _count_doubt(self, struck: Struck) -> None:
        doubtful = (struck.right if struck.hand == RIGHT else 1 - struck.right) < SURE
        self.uncertain += doubtful - struck.doubtful
        struck.doubtful = doubtful

    def _is_young(self, at: int) -> bool:
        age = (self.recent[-1].sample - self.recent[at].sample) / self.sample_rate
        return len(self.recent) - 1 - at <= MOST_ASKED and age <= REVISE_S

    def _look_back(self, pedal: bool) -> None:
        """Ask the tracker again about some older notes, which stay in their stems."""
        for back in LOOKS_BACK:
            at = len(self.recent) - 1 - back
            if at >= 0 and not self.recent[at].fixed and not self._is_young(at):
                self.recent[at].right = probability(self.recent, self.recent[at], True, pedal, self.sample_rate)

    def _revise(self, stems: tuple[int, int], sample: int, pedal: bool) -> None:
        """Ask the tracker again about the young notes just before the newest; move those whose answer has changed."""
        for at in range(max(len(self.recent) - 1 - MOST_ASKED, 0), len(self.recent) - 1):
            each = self.recent[at]
            if each.fixed or not self._is_young(at):
                continue
            each.right = probability(self.recent, each, True, pedal, self.sample_rate)
            hand = int(each.right >= 0.5)
            if hand != each.hand and each.note is not None and self._move(each.note, stems[hand]):
                self.piano.take_over(sample, each.note.key, stems[hand])
                self.revised += 1
                each.hand = hand
            self._count_doubt(each)

    def _sounds(self, note: Note | None) -> bool:
        """Does the note still sound: it was not struck again, and no other stem took it over?"""
        if note is None or note not in self.piano.notes or self.piano.last.get(note.key) is not note:
            return False
        return note.close == math.inf or note.close >= note.end + self.piano.size

    def _move(self, note: Note, stem: int) -> bool:
        """Move a note to another stem; False if that is not possible."""
        if not self._sounds(note):
            return False
        left, pitch = note.stem, note.pitch
        if not self.piano.move(note, stem):
            return False
        if not any(self._sounds(other) and (other.stem, other.pitch) == (left, pitch) for other in self.piano.notes):
            H, rows = self.activations(), self.piano.rows[stem, pitch]
            H[stem, rows] += H[left, rows]
            H[left, rows] = 0
        return True

    def _correct(self, stems: tuple[int, int], what: int) -> None:
        """Carry out a player's correction: exchange the hands, or give all keys that are down to one hand."""
        if what == SWAP_HANDS:
            self._swap(stems)
        else:
            self._claim(stems, LEFT if what == CLAIM_LEFT else RIGHT)

    def _swap(self, stems: tuple[int, int]) -> None:
        for each in self.recent:
            each.hand, each.right, each.fixed = LEFT + RIGHT - each.hand, 1 - each.right, True
        moving = [note for note in self.piano.notes if note.stem in stems and self._sounds(note)]
        for note in moving:
            self.piano.move(note, stems[1 - stems.index(note.stem)])
        H, all_rows = self.activations(), self.piano.rows
        for rows in [all_rows[stems[LEFT], pitch] for pitch in range(PITCHES)
                     if all_rows[stems[LEFT], pitch] == all_rows[stems[RIGHT], pitch]]:
            H[np.ix_(stems, rows)] = H[np.ix_(stems[::-1], rows)]

    def _claim(self, stems: tuple[int, int], hand: int) -> None:
        for each in self.recent:
            if self._sounds(each.note) and each.note is not None and each.note.presses:
                each.hand, each.right, each.fixed = hand, float(hand), True
                self._count_doubt(each)
        for note in self.piano.notes:
            if note.stem in stems and note.presses:
                self._move(note, stems[hand])
