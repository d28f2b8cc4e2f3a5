"""Stage: the two hands on one keyboard: which hand's stem each note goes to, and goes over to. See `rtsep.stages.hands`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rtsep.kernels.memory import CLAIM_LEFT, CORRECTION, PARTS, PITCHES, SWAP_HANDS
from rtsep.notes.messages import NOTE_ON
from rtsep.reference.notes import Note, Piano
from rtsep.reference.passed import Events, Floats
from rtsep.reference.score_follower import ScoreFollower
from rtsep.stages.hand_tracker import FOLLOWS, LEFT, LEFT_REST, REST_S, RIGHT, RIGHT_REST, WIDTH
from rtsep.stages.hands import MOST_ASKED, RECENT, REVISE_S, SURE
from rtsep.stages.score_follower import LOST


@dataclass(eq=False)
class Struck:
    """One of the last notes. right: how likely the right hand plays it, 0 to 1; fixed: the player, or a score, told."""

    sample: int
    pitch: int
    note: Note | None = None  # that sounds
    hand: int = LEFT
    right: float = 0.0
    fixed: bool = False

    @property
    def uncertain(self) -> bool:
        """Might the other hand play it?"""
        return 1 - SURE < self.right < SURE


def probability(recent: Sequence[Struck], asked: Struck, sample_rate: float) -> float:
    """How likely the right hand plays the one of the last notes that is `asked` about."""
    centre, rest, before = [LEFT_REST, RIGHT_REST], (LEFT_REST, RIGHT_REST), recent[0].sample
    for each in recent:
        kept = math.exp(-(each.sample - before) / sample_rate / REST_S)
        centre = [at + kept * (now - at) for at, now in zip(rest, centre, strict=True)]
        before = each.sample
        if each is not asked:
            centre[each.hand] += FOLLOWS * (each.pitch - centre[each.hand])
    nearer = abs(asked.pitch - centre[LEFT]) - abs(asked.pitch - centre[RIGHT])
    return 1 / (1 + math.exp(-nearer / WIDTH))


@dataclass
class Hands:
    """Gives the notes of `piano` to the stems (left, right); None: they go where they are routed.

    `activations` gives those of the last frame, [stem, row], which go along with a note that goes over.
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
        elif self._is_asked(self.stems, event):
            self._begin(self.stems, event, sample)
        else:
            self.piano.receive(event, sample)

    def _by_score(self, event: Events, sample: int) -> Events:
        """The event; a note-on with the stem that the score tells."""
        part, status, pitch = int(event["part"]), int(event["status"]), int(event["data1"])
        asked = status & 0xF0 == NOTE_ON and event["data2"] and not event["stem"] and part < PARTS and pitch < PITCHES
        if not len(self.follower.score.pitch) or not asked or self.piano.route[part, status & 0x0F, pitch] < 0:
            return event
        stem, told = self.follower.step(sample, pitch), event.copy()
        told["stem"] = 1 + (self.follower.nearest_part(pitch) if stem == LOST else stem)
        return told

    def _is_asked(self, stems: tuple[int, int], event: Events) -> bool:
        part, status, pitch = int(event["part"]), int(event["status"]), int(event["data1"])
        if status & 0xF0 != NOTE_ON or not event["data2"] or event["stem"] or part >= PARTS or pitch >= PITCHES:
            return False
        return int(self.piano.route[part, status & 0x0F, pitch]) in stems

    def _begin(self, stems: tuple[int, int], event: Events, sample: int) -> None:
        key = int(event["part"]), int(event["status"]) & 0x0F, int(event["data1"])
        self.recent = [*self.recent[1 - RECENT :], struck := Struck(sample, key[2])]
        stem = self.follower.step(sample, key[2])
        if stem == LOST:
            struck.right = probability(self.recent, struck, self.sample_rate)
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
        self.uncertain += struck.uncertain
        self._revise(stems, sample)

    def _revise(self, stems: tuple[int, int], sample: int) -> None:
        """Ask again about the notes just before the newest that are young enough."""
        for each in self.recent[-1 - MOST_ASKED : -1]:
            if each.fixed or (sample - each.sample) / self.sample_rate > REVISE_S or not self._sounds(each.note):
                continue
            right = probability(self.recent, each, self.sample_rate)
            hand = int(right >= 0.5)
            if hand != each.hand:
                if each.note is None or not self._move(each.note, stems[hand]):
                    continue
                self.piano.take_over(sample, each.note.key, stems[hand])
                self.revised += 1
            self.uncertain -= each.uncertain
            each.hand, each.right = hand, right
            self.uncertain += each.uncertain

    def _sounds(self, note: Note | None) -> bool:
        """Does it still sound: not struck again, nor taken over by another stem?"""
        if note is None or note not in self.piano.notes or self.piano.last.get(note.key) is not note:
            return False
        return note.close == math.inf or note.close >= note.end + self.piano.size

    def _move(self, note: Note, stem: int) -> bool:
        """Let a note sound on in another stem; False: it cannot."""
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
        """What a player says: the hands change places, or one of them plays all keys that are down."""
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
                self.uncertain -= each.uncertain
                each.hand, each.right, each.fixed = hand, float(hand), True
        for note in self.piano.notes:
            if note.stem in stems and note.presses:
                self._move(note, stems[hand])
