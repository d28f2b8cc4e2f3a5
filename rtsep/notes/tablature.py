"""Notes from Guitar Pro files (.gp3, .gp4, .gp5), read by PyGuitarPro (an optional package)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import takewhile
from typing import Any

from rtsep.errors import RtsepError
from rtsep.notes.build import USUAL_BPM, Note, Path, build_score, seconds_of_beats
from rtsep.notes.engraved import MISSING
from rtsep.notes.programs import DRUM_CHANNEL, DRUMS
from rtsep.notes.score import Score

TICKS = 960.0  # Guitar Pro has this many ticks per quarter.
MOST_MEASURES = 100_000  # With repeats, at most this many measures are played.

Written = tuple[float, float, int, int]  # Onset and end in quarters, pitch, velocity.


def read_tablature(path: Path, data: bytes) -> Score:
    """The notes of a Guitar Pro file, with its tracks; repeats and endings are played out.

    Jumps by signs (segno, coda) are not followed. RtsepError: PyGuitarPro is missing, or the file is broken.
    """
    try:
        import guitarpro
    except ImportError:
        raise RtsepError(MISSING.format(path, "Guitar Pro")) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            song = guitarpro.parse(BytesIO(data))
            order = _played([(header.isRepeatOpen, header.repeatClose, header.repeatAlternative)
                             for header in song.measureHeaders])
            begins, at = [], 0.0
            for number in order:
                begins.append(at)
                at += song.measureHeaders[number].length / TICKS
            tempos = [(0.0, float(song.tempo or USUAL_BPM)), *_tempos(song, order, begins)]
            tracks = [list(_written(track, order, begins)) for track in song.tracks]
            names = [str(track.name) for track in song.tracks]
            drums = [bool(track.isPercussionTrack) for track in song.tracks]
            programs = [min(max(int(track.channel.instrument), 0), 127) for track in song.tracks]
    except RtsepError:
        raise
    except Exception as error:  # For broken bytes, PyGuitarPro raises almost any exception.
        reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise RtsepError(f"{path} is broken Guitar Pro ({reason}): save it again, or export it as MIDI") from error
    notes = [note for part, written in enumerate(tracks) for note in _timed(written, tempos, part, drums[part])]
    channels = {(part, DRUM_CHANNEL if drum else 0): DRUMS if drum else programs[part] for part, drum in enumerate(drums)}
    return build_score(path, notes, names, channels)


def _played(measures: Sequence[tuple[bool, int, int]]) -> list[int]:
    """The measures in the order of playing. Each is given as: a repeat opens; how often it goes back; its endings as bits."""
    order: list[int] = []
    number = start = turn = 0
    while number < len(measures):
        opens, back, endings = measures[number]
        if (opens and number != start) or (not endings and number and measures[number - 1][2] and number != start):
            start, turn = number, 0
        if endings and not endings >> turn & 1:
            number += 1
            continue
        order.append(number)
        if len(order) > MOST_MEASURES:
            raise RtsepError(f"its repeats play more than {MOST_MEASURES} measures: export the music as MIDI")
        if back > turn or (back > 0 and _later_ending(measures[number:], turn)):
            number, turn = start, turn + 1
            continue
        if back > 0:
            start, turn = number + 1, 0 if not endings else turn
        number += 1
    return order


def _later_ending(measures: Sequence[tuple[bool, int, int]], turn: int) -> bool:
    """Whether this ending, or one of those right after it, is for a later turn."""
    return any(endings >> turn + 1 for _, _, endings in takewhile(lambda measure: measure[2], measures))


def _beats(track: Any, order: Sequence[int], begins: Sequence[float]) -> Iterator[tuple[float, Any]]:
    """All beats of a track in the order of playing, by voice and time: onset in quarters, beat."""
    voices = max((len(measure.voices) for measure in track.measures), default=0)
    for voice in range(voices):
        for number, begin in zip(order, begins, strict=True):
            measure = track.measures[number]
            for beat in measure.voices[voice].beats if voice < len(measure.voices) else ():
                yield begin + (beat.start - measure.start) / TICKS, beat


def _tempos(song: Any, order: Sequence[int], begins: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Changes of tempo: quarter, quarters per minute."""
    for track in song.tracks:
        for onset, beat in _beats(track, order, begins):
            change = beat.effect.mixTableChange
            if change is not None and change.tempo is not None and change.tempo.value > 0:
                yield onset, float(change.tempo.value)


def _written(track: Any, order: Sequence[int], begins: Sequence[float]) -> Iterator[Written]:
    """The notes of a track. Tied notes are one note; muted strokes are left out."""
    ringing: dict[int, Written] = {}
    for onset, beat in _beats(track, order, begins):
        end = onset + beat.duration.time / TICKS
        for note in beat.notes:
            before = ringing.pop(note.string, None)
            if note.type.name == "tie" and before is not None:
                ringing[note.string] = (before[0], end, *before[2:])
                continue
            if before is not None:
                yield before
            pitch = note.realValue if track.isPercussionTrack else note.realValue + track.offset
            if note.type.name == "normal" and 0 <= pitch <= 127 and end > onset:
                ringing[note.string] = (onset, end, pitch, min(max(int(note.velocity), 1), 127))
    yield from ringing.values()


def _timed(written: Sequence[Written], tempos: Sequence[tuple[float, float]], part: int, drum: bool) -> Iterator[Note]:
    """Notes in quarters as notes in seconds."""
    onsets = seconds_of_beats([note[0] for note in written], tempos)
    offsets = seconds_of_beats([note[1] for note in written], tempos)
    for onset, offset, note in zip(onsets, offsets, written, strict=True):
        yield Note(float(onset), float(offset), note[2], note[3], part, DRUM_CHANNEL if drum else 0)
