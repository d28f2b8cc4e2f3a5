"""Notes from the pitch of a voice: a sung line as notes with pitch bends, in a MIDI file, and as a table.

A note is a stretch of pitch that stays near one semitone. Vibrato does not count where the semitone is chosen, and is kept as
pitch bends. Bends reach two semitones, the default range of every instrument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import mido
import numpy as np
import numpy.typing as npt

from rtsep.notes.bends import CENTRE, USUAL_RANGE
from rtsep.notes.midi_files import Placed, add_messages, midi_bytes

STEP_S = 0.01  # Tables and notes have a pitch for every step of this many seconds.
SHORTEST_S = 0.08  # Notes and rests that are shorter than this many seconds do not count.
VIBRATO_S = 0.2  # The median over this many seconds, a period of vibrato, tells the semitone.
AWAY = 0.7  # A new note begins where this median is this many semitones away from the note's.
LEAST_BEND_CENTS = 4.0  # A bend that differs from the last one by less than this is not written.
VELOCITY = 80  # The velocity of all notes.
TICKS, TEMPO_US = 480, 480_000  # Ticks per beat and microseconds per beat: a tick is a millisecond.

Floats = npt.NDArray[np.float64]
Bend = tuple[float, int]  # Time in s, and value of a pitch bend, -8192 to 8191.


@dataclass(frozen=True)
class SungPitch:
    """The pitch of a voice. times_s: ascending; hz: 0 or less where it does not sound; sureness: how clear the pitch is."""

    times_s: Floats
    hz: Floats
    sureness: Floats

    def at_steps(self, begin_s: float, end_s: float) -> SungPitch:
        """The same at every STEP_S from `begin_s` until `end_s`: of each step, the value that is nearest in time."""
        times_s = np.arange(begin_s, end_s, STEP_S)
        if not len(self.times_s):
            return SungPitch(times_s, np.zeros(len(times_s)), np.zeros(len(times_s)))
        middles = (self.times_s[1:] + self.times_s[:-1]) / 2
        nearest = np.searchsorted(middles, times_s)
        return SungPitch(times_s, self.hz[nearest], self.sureness[nearest])

    def table(self) -> str:
        """The pitch as CSV."""
        rows = zip(self.times_s.tolist(), np.maximum(self.hz, 0).tolist(), self.sureness.tolist(), strict=True)
        return "time_s,f0_hz,sureness\n" + "".join(f"{time_s:.3f},{hz:.2f},{sure:.2f}\n" for time_s, hz, sure in rows)


@dataclass(frozen=True)
class SungNote:
    """A note: onset and end in s, its MIDI pitch, and the times and semitones of what it sounds above that."""

    onset_s: float
    offset_s: float
    pitch: int
    times_s: Floats
    bends: Floats


def semitones(hz: Floats) -> Floats:
    """MIDI pitches of frequencies, with A4 = 440 Hz; NaN where a frequency is not above 0."""
    return np.where(hz > 0, 69 + 12 * np.log2(np.maximum(hz, 1e-9) / 440), np.nan)


def notes_of(sung: SungPitch) -> list[SungNote]:
    """The notes of a pitch that is given at every STEP_S."""
    pitch, notes = _filled(semitones(sung.hz)), list[SungNote]()
    for begin, end in _stretches(~np.isnan(pitch)):
        for first, last in _divided(_without_vibrato(pitch[begin:end])):
            mine, times_s = pitch[begin + first : begin + last], sung.times_s[begin + first : begin + last]
            key = int(np.clip(np.rint(np.median(mine)), 0, 127))
            bends = np.clip(mine - key, -USUAL_RANGE, USUAL_RANGE)
            notes.append(SungNote(float(times_s[0]), float(times_s[-1]) + STEP_S, key, times_s, bends))
    return notes


def _stretches(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end of all stretches of True that are not too short."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(begin, end) for begin, end in edges.reshape(-1, 2).tolist() if (end - begin) * STEP_S >= SHORTEST_S]


def _filled(pitch: Floats) -> Floats:
    """The pitch without rests that are too short: a straight line crosses them, if the pitches beside them are near."""
    known, found = ~np.isnan(pitch), pitch.copy()
    edges = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if not known[begin] and (end - begin) * STEP_S < SHORTEST_S and abs(pitch[end] - pitch[begin - 1]) < 1:
            found[begin:end] = np.interp(np.arange(begin, end), [begin - 1, end], [pitch[begin - 1], pitch[end]])
    return found


def _without_vibrato(pitch: Floats) -> Floats:
    """Medians of the pitch over VIBRATO_S around every step, which keep the edges of notes; the ends count as going on."""
    half = round(VIBRATO_S / STEP_S / 2)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(pitch, half, mode="edge"), 2 * half + 1)
    return np.asarray(np.median(windows, axis=1), np.float64)


def _divided(level: Floats) -> Iterator[tuple[int, int]]:
    """First step, and the one after the last, of every note in a pitch without vibrato and without rests."""
    least, first, at = round(SHORTEST_S / STEP_S), 0, 0
    while at < len(level):
        mine = np.median(level[first : at + 1])
        leaves = np.abs(level[at : at + least] - mine) >= AWAY
        if at - first >= least and len(level) - at >= least and leaves.all():
            yield first, at
            first = at
        at += 1
    yield first, len(level)


def midi_of(notes: list[SungNote], name: str) -> bytes:
    """The notes as a MIDI file with one track called `name`, with pitch bends."""
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS)
    track = file.add_track(name)
    track.append(mido.MetaMessage("set_tempo", tempo=TEMPO_US))
    add_messages(track, _placed(notes))
    return midi_bytes(file)


def _placed(notes: list[SungNote]) -> Iterator[Placed]:
    """The messages at their ticks, which never fall."""
    now = 0
    for time_s, message in _messages(notes):
        now = max(round(time_s * 1e6 * TICKS / TEMPO_US), now)
        yield now, message


def _messages(notes: list[SungNote]) -> Iterator[tuple[float, mido.Message]]:
    """The messages of all notes in order, with their times in s."""
    for note in notes:
        for number, (time_s, value) in enumerate(bends_of(zip(note.times_s.tolist(), note.bends.tolist(), strict=True))):
            yield time_s, mido.Message("pitchwheel", pitch=value)
            if number == 0:
                yield time_s, mido.Message("note_on", note=note.pitch, velocity=VELOCITY)
        yield note.offset_s, mido.Message("note_off", note=note.pitch, velocity=0)


def bends_of(note: Iterable[tuple[float, float]]) -> Iterator[Bend]:
    """The pitch bends of a note that sounds so many semitones above its pitch at times in s; small changes are left out."""
    last = None
    for time_s, above in note:
        if last is None or abs(above - last) * 100 >= LEAST_BEND_CENTS:
            yield time_s, int(np.clip(round(above / USUAL_RANGE * CENTRE), -CENTRE, CENTRE - 1))
            last = above
