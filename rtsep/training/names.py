"""Reads pitches from the file names of a folder, all together: finds every reading that fits all names.

Names contain notes (C4, C_4, Csharp4, Db4, German H and Es) or numbers: one number is the pitch, and others are takes, layers
and velocities. This module orders the readings, the most usual first. `agreement` decides by the sound which one is right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11, "h": 11}  # Each step lies this many semitones above C.
NOTE = re.compile(r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-H]))([A-Ha-h])"
                  r"([ _-]?(?:[Ss]harp|[Ff]lat|SHARP|FLAT)|[#♯♭bB]|[iI][sS]|[eE][sS]|[sS])?([ _]?)(-?)(\d)(?!\d)")
NUMBER = re.compile(r"([A-Za-z]*)[ _=-]?(?<!\d)(\d{1,4})(?!\d)")
# A number after one of the first words is a pitch; after one of the second words it is a velocity or a layer.
PITCH_WORDS = frozenset(("m", "midi", "note", "notes", "key", "pitch", "p", "n", "nn", "k", "root"))
LAYER_WORDS = frozenset(("v", "vel", "velocity", "vl", "lay", "layer", "lyr", "dyn", "dynamic", "l"))
# Numbers after these words mean something else: takes, round robins, microphones, formats.
OTHER_WORDS = frozenset(("rr", "roundrobin", "robin", "take", "t", "seq", "s", "mic", "ch", "rep", "var", "alt", "bit", "khz",
                         "hz", "x", "version", "no", "nr", "bpm", "set", "bank", "part"))
NSYNTH = re.compile(r"-(\d{3})-(\d{3})$")  # NSynth names notes like this: instrument, pitch and velocity.
USUAL = range(21, 109)  # The MIDI pitches of a piano: numbers among them are more likely to be pitches.
FEW = 0.1  # At most this share of the names can differ from the rest.
HIGHEST = 127  # The highest MIDI pitch.


@dataclass(frozen=True)
class Reading:
    """One way to read all names: pitches [file], the rest of each name, and how the pitches are written.

    kind: "root", "notes" or "numbers". follows: the number right after each pitch, if all names have one.
    rank: how unusual the reading is; readings of equal rank are equally likely.
    """

    kind: str
    pitches: tuple[int, ...]
    rests: tuple[str, ...]
    rank: tuple[int, ...] = ()
    follows: tuple[int, ...] | None = None


def readings(stems: Sequence[str]) -> list[Reading]:
    """All readings of the names (without endings), the most usual first; readings with equal pitches count as one."""
    found = [*_note_readings(stems), *_number_readings(stems)]
    distinct = {each.pitches: each for each in reversed(sorted(found, key=lambda each: each.rank))}
    varied = any(len(set(each.pitches)) > 1 for each in distinct.values())
    kept = [each for each in distinct.values() if len(set(each.pitches)) > 1 or not varied]
    return sorted(kept, key=lambda each: each.rank)


# --- notes ------------------------------------------------------------------------------------------------------------


def _note_readings(stems: Sequence[str]) -> Iterator[Reading]:
    """Readings by names of notes: the first or last in each name, in English or German, with dashes or negative octaves."""
    all_found = [list(NOTE.finditer(stem)) for stem in stems]
    if not all(all_found):
        return
    for place in (0, -1):
        notes = [found[place] for found in all_found]
        rests = tuple(stem[: note.start()] + "_" + stem[note.end() :] for stem, note in zip(stems, notes, strict=True))
        for rank, german in enumerate(_languages(notes)):
            for dashed, is_dash in enumerate(_dashes(notes)):
                pitches = [_pitch(note, german, is_dash) for note in notes]
                if min(pitches) < 0:  # C-2 is the lowest pitch if C3 is 60.
                    pitches = [pitch + 12 for pitch in pitches]
                if min(pitches) >= 0:
                    yield Reading("notes", tuple(pitches), rests, (0, rank, dashed), _following(stems, notes))


def _following(stems: Sequence[str], notes: Sequence[re.Match[str]]) -> tuple[int, ...] | None:
    """The first number after each note without another meaning, if all names have one."""
    after = [[each.value for each in _numbers(stem[note.end() :]) if each.word not in OTHER_WORDS]
             for stem, note in zip(stems, notes, strict=True)]
    return tuple(each[0] for each in after) if all(after) else None


def strays(stems: Sequence[str]) -> list[int]:
    """The indices of the few names without a note if nearly all have one, or without a number if nearly all have one."""
    for found in ([bool(NOTE.search(stem)) for stem in stems], [bool(_numbers(stem)) for stem in stems]):
        few = found.count(False)
        if few <= FEW * len(stems):
            return [place for place, has_one in enumerate(found) if not has_one]
    return []


def _languages(notes: Sequence[re.Match[str]]) -> list[str]:
    """ "english"; "german" if there is an H, an Es or an Is: then B is B flat; "dutch" is German with B as B."""
    signs = [(note[1].lower(), (note[2] or "").lower()) for note in notes]
    if any(step == "h" for step, _ in signs):
        return ["german"]
    if any(sign in ("is", "es") or (step, sign) == ("e", "s") for step, sign in signs):
        return ["german", "dutch"]
    return ["english"]


def _dashes(notes: Sequence[re.Match[str]]) -> list[bool]:
    """Whether a dash before the octave only separates it; both answers if both are possible."""
    octaves = [int(note[5]) for note in notes if note[4]]
    if not octaves:
        return [False]
    return [True] if max(octaves) > 2 else [False, True]


def _pitch(note: re.Match[str], language: str, is_dash: bool) -> int:
    step, sign = note[1].lower(), (note[2] or "").lower().strip(" _-")
    flat = sign in ("flat", "b", "♭", "es") or (language != "english" and sign == "s" and step in "ae")
    if language == "german" and step == "b" and not sign:
        flat = True
    octave = int(note[5]) * (-1 if note[4] and not is_dash else 1)
    return 12 * (octave + 1) + STEPS[step] + (-1 if flat else 1 if sign else 0)


def pitch_of(text: str) -> int | None:
    """The pitch of a note's name or of a number; None if it is neither."""
    if text.isascii() and text.isdigit():
        return int(text)
    note = NOTE.fullmatch(text)
    return _pitch(note, "german" if note[1] in "hH" else "english", False) if note else None


# --- numbers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Number:
    word: str
    value: int
    begin: int
    end: int


def _numbers(stem: str) -> list[_Number]:
    """The numbers in a name, each with the word before it, without velocities and layers."""
    found = [_Number(each[1].lower(), int(each[2]), each.start(2), each.end(2)) for each in NUMBER.finditer(stem)]
    return [each for each in found if each.word not in LAYER_WORDS]


def _number_readings(stems: Sequence[str]) -> Iterator[Reading]:
    """Readings by a number: the first, the second and so on, from the beginning or from the end, or the one after a word."""
    numbers = [_numbers(stem) for stem in stems]
    shortest = min(len(found) for found in numbers)
    columns = [[found[place] for found in numbers] for place in (*range(shortest), *range(-1, -shortest - 1, -1))]
    for word in sorted({each.word for each in numbers[0]} & PITCH_WORDS):
        with_word = [[each for each in found if each.word == word] for found in numbers]
        if all(with_word):
            columns.append([found[-1] for found in with_word])
    for column in columns:
        yield _number_reading(stems, numbers, column)


def _without_notes(rest: str) -> str:
    """A name without names of notes: the F of F4 does not mean forte."""
    return NOTE.sub(lambda note: note[0] if note[3] else "_", rest)


def _number_reading(stems: Sequence[str], numbers: Sequence[list[_Number]], column: Sequence[_Number]) -> Reading:
    values = tuple(number.value for number in column)
    rests = tuple(_without_notes(stem[: number.begin] + "_" + stem[number.end :])
                  for stem, number in zip(stems, column, strict=True))
    after = [[each.value for each in found if each.begin > number.begin] for found, number in zip(numbers, column, strict=True)]
    words = {number.word for number in column}
    named = words <= PITCH_WORDS or all((found := NSYNTH.search(stem)) and found.start(1) == number.begin
                                        for stem, number in zip(stems, column, strict=True))
    rank = (1, int(max(values) > HIGHEST), 0 if named else 2 if words & OTHER_WORDS else 1,
            int(not all(value in USUAL for value in values)), -len(set(values)))
    follows = tuple(each[0] for each in after) if all(after) else None
    return Reading("numbers", values, rests, rank, follows)
