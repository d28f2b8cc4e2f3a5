"""Stage: notes and pedals. It turns MIDI messages into notes, and finds when their gates close. See `rtsep.stages.notes`.

Any number of notes can sound at once: no voice is stolen here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from rtsep.kernels.memory import PARTS, PITCHES
from rtsep.notes.messages import CONTROL, NOTE_OFF, NOTE_ON, NOTES_OFF, PEDAL, RESET, SOSTENUTO, SOUND_OFF
from rtsep.reference.passed import Events, Integers
from rtsep.stages.polyphony import LATER

Key = tuple[int, int, int]  # part, channel, pitch
Keyboard = tuple[int, int]  # part, channel
DOWN = 64  # A pedal is down from this value on.


@dataclass(eq=False)
class Note:
    """One sounding note. Frames that end at t contain it if onset < t < close (infinite close: it still sounds)."""

    part: int
    channel: int
    pitch: int
    stem: int
    onset: int
    presses: int = 1
    up: int | None = None  # sample at which its key came up
    end: float = math.inf  # sample from which neither key nor pedal holds it
    velocity: int = 64
    close: float = math.inf
    waits: bool = False  # until it is heard, since it was told early
    begin: int = 0  # sample at which its sound begins; while it waits: is expected to begin
    before: Note | None = None  # the note of the same key that sounds while this one waits
    floor: float | None = None  # its lowest magnitude while it waits; None: no frame has had it

    @property
    def key(self) -> Key:
        """Part, channel and pitch."""
        return self.part, self.channel, self.pitch

    @property
    def heard(self) -> Note | None:
        """The note that sounds: this one, or, while it waits, the one before, if there is one."""
        return self.before if self.waits else self

    @property
    def sounds_from(self) -> int:
        """Onset of what sounds; LATER: nothing yet."""
        return LATER if self.heard is None else self.heard.begin


@dataclass
class Piano:
    """Keys and pedals. `notes`: the notes that frames can still contain; after `play`, all notes."""

    size: int  # window
    hop: int
    route: Integers  # [part, channel, pitch] -> stem or -1
    rows: dict[tuple[int, int], list[int]]  # rows of each (stem, pitch), also of the residual
    release: Integers  # [stem, pitch], samples
    decay: Integers  # [stem, pitch], samples
    choke: Integers  # [stem, pitch]: notes of one stem with the same number end each other; 0: none
    early: int = 0  # samples by which notes are told before their sound
    notes: list[Note] = field(default_factory=list)
    unmatched: int = 0
    sounding: dict[Key, Note] = field(default_factory=dict)  # held by a key or a pedal
    last: dict[Key, Note] = field(default_factory=dict)
    sustain: set[Keyboard] = field(default_factory=set)
    sostenuto: set[Keyboard] = field(default_factory=set)
    captured: set[Key] = field(default_factory=set)

    def play(self, events: Iterable[Events]) -> list[Note]:
        """All notes of EVENT records whose samples count from the start."""
        for event in events:
            self.receive(event, int(event["sample"]))
        self.forget_decayed(math.inf)
        return self.notes

    def receive(self, event: Events, sample: int) -> None:
        """One EVENT at `sample`, counted from the start."""
        part, status, data1 = int(event["part"]), int(event["status"]), int(event["data1"])
        if part >= PARTS or data1 >= PITCHES:
            return
        self.forget_decayed(sample)
        self._message(sample, (part, status & 0x0F, data1), status & 0xF0, int(event["data2"]), int(event["stem"]))
        self._let_go(sample)

    def seen_after(self, end: int) -> list[Note]:
        """The notes that frames from the one that ends at `end` on can contain; the others are forgotten."""
        self.forget_decayed(end)
        self.notes = [note for note in self.notes if note.close > end]
        return self.notes

    def forget_decayed(self, before: float) -> None:
        """Close notes that a pedal holds for longer than they sound, at the first frame that ends late enough."""
        for note in list(self.sounding.values()):
            if note.presses or note.up is None:
                continue
            decayed = max(note.onset + self.size + int(self.decay[note.stem, note.pitch]), note.up + 1)
            frame = -(-decayed // self.hop) * self.hop
            if frame <= before:
                note.close = frame
                self._remove(note)

    def move(self, note: Note, stem: int) -> bool:
        """Move a note to another stem of its instrument; False if that is not possible: then it stays."""
        rows = self.rows[stem, note.pitch]
        if stem == note.stem or not rows or rows != self.rows[note.stem, note.pitch]:
            return False
        note.stem = stem
        return True

    def _message(self, sample: int, key: Key, kind: int, data2: int, own: int) -> None:
        keyboard, number = key[:2], key[2]
        if kind == NOTE_ON and data2 > 0:
            self._press(sample, key, own, data2)
        elif kind in (NOTE_OFF, NOTE_ON):
            if key in self.sounding and self.sounding[key].presses:
                self.sounding[key].presses -= 1
        elif kind == CONTROL and number == PEDAL:
            (self.sustain.add if data2 >= DOWN else self.sustain.discard)(keyboard)
        elif kind == CONTROL and number == SOSTENUTO:
            self._hold_pressed(keyboard) if data2 >= DOWN else self._drop_captured(keyboard)
        elif kind == CONTROL and number == SOUND_OFF:
            for note in self._of(keyboard):
                self._end(note, sample)
        elif kind == CONTROL and number == RESET:
            self.sustain.discard(keyboard)
            self._drop_captured(keyboard)
        elif kind == CONTROL and number >= NOTES_OFF:
            for note in self._of(keyboard):
                note.presses = 0

    def _press(self, sample: int, key: Key, own: int, velocity: int) -> None:
        """Press a key: in the stem of its route, or in stem `own` - 1 if `own` is not 0."""
        stem = own - 1 if own else int(self.route[key])
        if not 0 <= stem < max(self.rows)[0]:
            return
        if not self.rows[stem, key[2]]:
            self.unmatched += 1
            return
        self.take_over(sample, key, stem)
        note = Note(*key, stem, sample, velocity=velocity, waits=self.early > 0, begin=sample + self.early)
        if key in self.sounding:  # pressed once more
            note.presses += self.sounding[key].presses
        if key in self.last:
            if self.last[key].close > sample // self.hop * self.hop:  # It still sounds.
                note.before = self.last[key].heard
            self.last[key].close = min(self.last[key].close, sample + 1)
        self.sounding[key] = self.last[key] = note
        self.notes.append(note)
        self._choke_others(sample, note)

    def _choke_others(self, sample: int, struck: Note) -> None:
        """End the notes that the note chokes; they stay open only while the window contains them."""
        group = self.choke[struck.stem, struck.pitch]
        for key, note in list(self.last.items()):
            rival = note.stem == struck.stem and note.pitch != struck.pitch
            if group and rival and self.choke[note.stem, note.pitch] == group:
                note.close = min(note.close, sample + self.size)
                note.end = min(note.end, sample) - int(self.release[note.stem, note.pitch])
                if key in self.sounding and self.sounding[key] is note:
                    self._remove(note)

    def take_over(self, sample: int, key: Key, stem: int) -> None:
        """End notes of this pitch that only ring on in other stems of the instrument: the new note strikes the same string."""
        for other in self.notes:
            sounds = self.sounding.get(other.key) is other
            same_string = other.pitch == key[2] and self.rows[other.stem, other.pitch] == self.rows[stem, key[2]]
            if other.key == key or other.stem == stem or not same_string or (sounds and other.presses):
                continue
            other.close = min(other.close, sample + 1)
            if sounds:
                self._remove(other)

    def _hold_pressed(self, keyboard: Keyboard) -> None:
        """Sostenuto holds the notes whose keys are down when the pedal is pressed."""
        if keyboard not in self.sostenuto:
            self.captured |= {key for key, note in self.sounding.items() if key[:2] == keyboard and note.presses}
        self.sostenuto.add(keyboard)

    def _drop_captured(self, keyboard: Keyboard) -> None:
        self.sostenuto.discard(keyboard)
        self.captured = {key for key in self.captured if key[:2] != keyboard}

    def _of(self, keyboard: Keyboard) -> list[Note]:
        return [note for key, note in self.sounding.items() if key[:2] == keyboard]

    def _end(self, note: Note, sample: int) -> None:
        """Release the note at `sample`: it stays open for its release time and for the length of the window."""
        note.close = sample + self.size + int(self.release[note.stem, note.pitch])
        note.end = sample
        self._remove(note)

    def _remove(self, note: Note) -> None:
        del self.sounding[note.key]
        self.captured.discard(note.key)

    def _let_go(self, sample: int) -> None:
        """Release the notes that neither key nor pedal holds."""
        for key, note in list(self.sounding.items()):
            if note.presses:
                continue
            if note.up is None:
                note.up = sample
            if key[:2] not in self.sustain and key not in self.captured:
                self._end(note, sample)
