"""Notes from written music: MusicXML, MEI, ABC and Humdrum kern, read by music21 (an optional package).

Repeats are played out. Transposing instruments get their sounding pitches. Parts are tracks; the two staves of a piano are
hands.
"""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rtsep.errors import RtsepError
from rtsep.notes.bars import NO_BARS, Bars
from rtsep.notes.build import USUAL_VELOCITY, Note, Path, build_score, seconds_of_beats
from rtsep.notes.mei import insert_marks
from rtsep.notes.programs import DRUM_CHANNEL, DRUMS
from rtsep.notes.score import Score
from rtsep.notes.voices import split_voices

HANDS = ("right hand", "left hand")  # Names of the tracks of the upper and the lower staff.
GRACE_BEATS = 0.125  # A grace note lasts this many quarters.
MOST_REPEATS = 32  # The most repeats in a part: music21 takes seconds for them, and four times as long for twice as many.
SAME_BEATS = 1e-3  # Tied notes that meet within this many quarters are one note.
MISSING = "{} is {}: the package that reads it is missing; pip install 'rtsep[score]', or export it as MIDI"

Written = tuple[float, float, int, int, int]  # Onset and end in quarters, pitch, velocity, channel.


def read_engraved(path: Path, text: str, style: str) -> Score:
    """The notes of written music; `style` is musicxml, mei, abc or humdrum.

    RtsepError: music21 is missing, the music is broken, repeats do not fit together, or the file has several pieces.
    """
    try:
        import music21
    except ImportError:
        raise RtsepError(MISSING.format(path, {"musicxml": "MusicXML", "humdrum": "kern"}.get(style, style.upper()))) from None
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            parts = _parsed(music21, path, text, style)
            staves = _hands(parts)
            _share_repeats(parts)
            played = [_played_out(path, part, style == "abc" and ":|" in text) for part in parts]
            bars = _bars(played[0]) if played else []
            parts = [_flat(part) for part in played]
            tempos = [mark for part in parts for mark in _tempos(part)]
            written = [list(_written(part, _dynamics(parts, staves, number))) for number, part in enumerate(parts)]
            programs = [_program(music21, part) for part in parts]
    except RtsepError:
        raise
    except Exception as error:  # For broken music, music21 raises almost any exception.
        reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise RtsepError(f"{path} cannot be read as {style} ({reason}): export it again, or as MIDI") from error
    notes = [note for number, part in enumerate(written) for note in _timed(part, tempos, number)]
    names = [staves.get(number) or str(part.partName or "") for number, part in enumerate(parts)]
    channels = {(note.part, note.channel) for note in notes}
    return build_score(path, notes, names, {(part, channel): DRUMS if channel == DRUM_CHANNEL else programs[part]
                                            for part, channel in channels}, _timed_bars(bars, tempos))


def _parsed(music21: Any, path: Path, text: str, style: str) -> list[Any]:
    """The parts that music21 reads, at sounding pitch."""
    if style == "abc":
        return _voices(music21, path, text)
    found = music21.converter.parseData(text, format=style)
    if isinstance(found, music21.stream.Opus):
        scores = list(found.scores)
        if len(scores) != 1:
            raise RtsepError(f"{path} has {len(scores)} pieces: give a file with one of them")
        found = scores[0]
    if style == "mei":
        insert_marks(music21, found, text)
    return list(found.toSoundingPitch().parts) or [found]


def _voices(music21: Any, path: Path, text: str) -> list[Any]:
    """The voices of ABC as parts."""
    parts = []
    for voice in split_voices(path, text):
        part = music21.converter.parseData(voice.tune, format="abc").parts[0]
        if voice.is_bass:
            for clef in list(part.recurse().getElementsByClass("Clef")):
                clef.activeSite.remove(clef)
            part.insert(0, music21.clef.BassClef())
        part.partName = voice.name
        parts.append(part)
    return parts


def _hands(parts: Sequence[Any]) -> dict[int, str]:
    """The names of the staves of a player who has several; the names are hands if there are two."""
    players: dict[str, list[int]] = {}
    for number, part in enumerate(parts):
        whose, staff, _ = str(part.id).rpartition("-Staff")
        if staff and "PartStaff" in part.classes:
            players.setdefault(whose, []).append(number)
    if len(parts) == 2 and not players and _clef(parts[0]) + _clef(parts[1]) in ("GF", "FG"):
        return {number: HANDS[_clef(part) == "F"] for number, part in enumerate(parts)
                if str(parts[0].partName or "") == str(parts[1].partName or "")}
    single, found = sum(len(staves) == 2 for staves in players.values()) == 1, dict[int, str]()
    for staves in players.values():
        for place, number in enumerate(staves):
            name = HANDS[place] if len(staves) == 2 else f"staff {place + 1}"
            found[number] = name if single and len(staves) == 2 else f"{parts[number].partName or 'part'} {name}"
    return found


def _clef(part: Any) -> str:
    """The sign of the first clef in a part."""
    first = part.recurse().getElementsByClass("Clef").first()
    return str(first.sign) if first is not None else "none"


def _share_repeats(parts: Sequence[Any]) -> None:
    """Copy the repeats of one part to parts without repeats: signs such as D.C. are often only above the highest staff."""
    measures = [list(part.getElementsByClass("Measure")) for part in parts]
    for kind in ("RepeatExpression", "Repeat"):
        marked = [any(_marks(measure, kind) for measure in part) for part in measures]
        for part, has_them in zip(measures, marked, strict=True):
            source = next((other for other, has in zip(measures, marked, strict=True) if has and len(other) == len(part)), None)
            for one, other in zip(part, source or () if not has_them else (), strict=False):
                for mark in _marks(other, kind):
                    if kind == "Repeat":
                        setattr(one, "leftBarline" if mark is other.leftBarline else "rightBarline", copy.deepcopy(mark))
                    else:
                        one.insert(mark.offset, copy.deepcopy(mark))


def _marks(measure: Any, kind: str) -> list[Any]:
    return list(measure.getElementsByClass(kind))


def _played_out(path: Path, part: Any, repeats: bool) -> Any:
    """The part with its measures in the order of playing. `repeats`: it certainly has repeats."""
    back = sum(bar.direction == "end" for bar in part.recurse().getElementsByClass("Repeat"))
    if back > MOST_REPEATS:
        raise RtsepError(f"{path} has {back} repeats in a part, allowed are {MOST_REPEATS}: export the music as MIDI")
    if not (repeats or back or part.recurse().getElementsByClass("RepeatExpression").first() is not None):
        return part
    name = part.partName
    try:
        played = part.expandRepeats()
    except Exception as error:  # music21 raises several kinds of exceptions.
        raise RtsepError(f"{path}: the repeats{' of ' + name if name else ''} do not fit together: correct them, "
                         "or export the music as MIDI") from error
    played.partName = name
    return played


def _flat(played: Any) -> Any:
    """The part with its elements at offsets from the start."""
    flat = played.flatten()
    flat.partName = played.partName
    return flat


def _bars(played: Any) -> list[tuple[float, int]]:
    """Quarter and beats of each bar of a part."""
    found = []
    for measure in played.getElementsByClass("Measure"):
        signature = measure.getContextByClass("TimeSignature")
        beats = round(measure.duration.quarterLength) if signature is None else signature.beatCount
        found.append((float(measure.offset), max(int(beats), 1)))
    return found


def _tempos(flat: Any) -> Iterator[tuple[float, float]]:
    """Changes of tempo: quarter, quarters per minute."""
    for mark in flat.getElementsByClass("MetronomeMark"):
        bpm = mark.getQuarterBPM()
        if bpm and 0 < bpm < 10_000:
            yield float(mark.offset), float(bpm)


def _dynamics(parts: Sequence[Any], staves: dict[int, str], number: int) -> list[tuple[float, int]]:
    """Changes of dynamics as (quarter, velocity). A staff without any takes those of the other staves."""
    def of(part: Any) -> list[tuple[float, int]]:
        return [(float(each.offset), min(max(round(127 * each.volumeScalar), 1), 127))
                for each in part.getElementsByClass("Dynamic") if each.volumeScalar is not None]

    return of(parts[number]) or sorted(change for other in staves if number in staves for change in of(parts[other]))


def _written(flat: Any, dynamics: list[tuple[float, int]]) -> Iterator[Written]:
    """The notes of a part; tied notes are one note."""
    open_notes: dict[int, Written] = {}
    for element in flat.notes:
        if "Harmony" in element.classes:
            continue
        onset, length = float(element.offset), float(element.quarterLength) or GRACE_BEATS
        told = [velocity for quarter, velocity in dynamics if quarter <= onset]
        for note in getattr(element, "notes", None) or [element]:
            pitch, channel = _pitch(note)
            if pitch is None:
                continue
            velocity = note.volume.velocity or element.volume.velocity or (told[-1] if told else USUAL_VELOCITY)
            before = open_notes.pop(pitch, None)
            tied = note.tie is not None and note.tie.type in ("stop", "continue")
            if before is not None and tied and abs(before[1] - onset) < SAME_BEATS:
                open_notes[pitch] = (before[0], onset + length, *before[2:])
                continue
            if before is not None:
                yield before
            open_notes[pitch] = (onset, onset + length, pitch, min(max(int(velocity), 1), 127), channel)
    yield from open_notes.values()


def _pitch(note: Any) -> tuple[int | None, int]:
    """MIDI pitch and channel. The pitch of a drum is the key of its instrument."""
    if hasattr(note, "pitch"):
        return (int(note.pitch.midi) if 0 <= note.pitch.ps <= 127 else None), 0
    return getattr(note.storedInstrument or note.getInstrument(), "percMapPitch", None), DRUM_CHANNEL


def _program(music21: Any, flat: Any) -> int:
    """The General MIDI program of a part: its own, else the program that fits its name, else 0."""
    told = [each.midiProgram for each in flat.getElementsByClass("Instrument") if each.midiProgram is not None]
    with contextlib.suppress(music21.exceptions21.Music21Exception):
        return int(told[0] if told else music21.instrument.fromString(str(flat.partName or "")).midiProgram or 0)
    return 0


def _timed_bars(bars: Sequence[tuple[float, int]], tempos: Sequence[tuple[float, float]]) -> Bars:
    """Bars in quarters as bars in seconds."""
    if not bars:
        return NO_BARS
    return Bars(seconds_of_beats([quarter for quarter, _ in bars], tempos), np.array([beats for _, beats in bars], np.int64))


def _timed(written: Sequence[Written], tempos: Sequence[tuple[float, float]], part: int) -> Iterator[Note]:
    """Notes in quarters as notes in seconds."""
    onsets = seconds_of_beats([note[0] for note in written], tempos)
    offsets = seconds_of_beats([note[1] for note in written], tempos)
    for onset, offset, note in zip(onsets, offsets, written, strict=True):
        yield Note(float(onset), float(offset), note[2], note[3], part, note[4])
