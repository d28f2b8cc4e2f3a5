"""Makes a Score of notes that are not MIDI: tables, annotations and written music share this module."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.bars import NO_BARS, Bars
from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.notes.score import MAX_DURATION_S, MAX_PARTS, Score

USUAL_VELOCITY = 64  # The velocity of a note that has none, as in MIDI.
USUAL_BPM = 120.0  # The tempo, in beats per minute, of written music without a tempo, as in MIDI.
MOST_NOTES = 1_000_000  # A file of notes has at most this many notes.
MOST_CHARACTERS = 60  # A message shows at most this many characters of the user's text.
A4_HZ, A4_PITCH = 440.0, 69  # Concert pitch in hertz, and its MIDI number.

Path = str | os.PathLike[str]


class Note(NamedTuple):
    """A note, with times in seconds; its part is the number of its track."""

    onset_s: float
    offset_s: float
    pitch: int
    velocity: int = USUAL_VELOCITY
    part: int = 0
    channel: int = 0


def build_score(
    path: Path, notes: Sequence[Note], names: Sequence[str] = ("",), programs: Mapping[tuple[int, int], int] | None = None,
    bars: Bars = NO_BARS,
) -> Score:
    """The Score of `notes`; tracks without notes are left out. RtsepError: too many tracks or notes, longer than 24 hours."""
    playing = sorted({note.part for note in notes})
    if len(playing) > MAX_PARTS:
        raise RtsepError(f"{path} has {len(playing)} tracks with notes, allowed are {MAX_PARTS}: merge or remove some")
    if len(notes) > MOST_NOTES:
        raise RtsepError(f"{path} has {len(notes)} notes, allowed are {MOST_NOTES}: cut it into pieces")
    duration_s = max((note.offset_s for note in notes), default=0.0)
    if not duration_s <= MAX_DURATION_S:
        raise RtsepError(f"{path} lasts {duration_s / 3600:.0f} hours, allowed are 24: cut it, or check its times")
    part_of = {part: number for number, part in enumerate(playing)}
    seconds, messages = _messages(notes, part_of)
    kept = {(part_of[part], channel): program for (part, channel), program in (programs or {}).items() if part in part_of}
    return Score(
        track_names=tuple(_shown(names[part]) or f"track_{number + 1}" for number, part in enumerate(playing)),
        seconds=seconds, messages=messages, channels=tuple(sorted({note.channel for note in notes})),
        note_count=len(notes), duration_s=float(duration_s), tracks_without_notes=len(names) - len(playing),
        programs={(part_of[note.part], note.channel): 0 for note in notes} | kept, bars=bars)


def _messages(notes: Sequence[Note], part_of: Mapping[int, int]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Times and messages. At equal times, keys are released before other keys are struck."""
    rows = [(note.onset_s, 1, part_of[note.part], NOTE_ON | note.channel, note.pitch, note.velocity) for note in notes]
    rows += [(note.offset_s, 0, part_of[note.part], NOTE_OFF | note.channel, note.pitch, 0) for note in notes]
    rows.sort(key=lambda row: row[:2])
    return np.array([row[0] for row in rows], np.float64), np.array([row[2:] for row in rows], np.uint8).reshape(-1, 4)


def _shown(name: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())[:MOST_CHARACTERS]


def pitch_of_hz(hz: float) -> int:
    """The MIDI pitch nearest to a frequency in Hz, which must be above 0."""
    return round(A4_PITCH + 12 * float(np.log2(hz / A4_HZ)))


def seconds_of_beats(beats: Sequence[float], tempos: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Times in seconds of `beats` (quarters), by tempo changes (beat, beats per minute). The tempo starts at `USUAL_BPM`."""
    changes: dict[float, float] = {0.0: USUAL_BPM}
    for beat, bpm in sorted(tempos, key=lambda change: change[0]):  # The sort is stable: the last change at a beat counts.
        changes[max(beat, 0.0)] = bpm
    starts = np.array(list(changes), np.float64)
    beat_s = 60.0 / np.array(list(changes.values()), np.float64)
    start_s = np.concatenate(([0.0], np.cumsum(np.diff(starts) * beat_s[:-1])))
    given = np.asarray(beats, np.float64)
    last = np.searchsorted(starts, given, side="right") - 1
    seconds: NDArray[np.float64] = start_s[last] + (given - starts[last]) * beat_s[last]
    return seconds
