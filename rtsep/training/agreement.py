"""Finds which reading of the file names agrees with the sound, and by how many semitones it has to be moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rtsep.training.names import HIGHEST, Reading

NEAR = 0.6  # A sound agrees with a pitch if it lies within this many semitones of it.
# From this MIDI pitch on, where pianos are tuned sharp, differences of up to this many semitones are not reported.
HIGH, NEAR_HIGH = 96, 1.2
AGREED = 0.6  # A reading is right if at least this share of the sounds agree.
AS_GOOD = 0.1  # Readings whose shares differ by less than this are equally good.
FEWEST = 3  # A reading is moved only if at least this many different pitches were heard.
ASKING = 0.5  # Plain numbers have to agree if more than this share of the files has a clear pitch.
RISING = 0.8  # Numbers count the notes if at least this share of the sounds rises with them.
MOST_BY_CHANCE = 4  # Moved numbers have to agree with the sound for at least this many different pitches.
STEPS = range(2, 13)  # Numbers can count notes that lie this many semitones apart.
OCTAVE = 12  # An octave has this many semitones.
# If at most this share of the sounds lies an octave off, that counts as a mistake of the measurement, and is not reported.
FEW = 0.2


@dataclass(frozen=True)
class Chosen:
    """A reading, the pitch of each file (None: unknown, left out), and messages about it."""

    reading: Reading
    pitches: tuple[int | None, ...]
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Fit:
    """A reading, moved by `moved` semitones, and the share of sounds that agree with it."""

    reading: Reading
    moved: int
    share: float


def choose(readings: Sequence[Reading], heard: Sequence[float | None], names: Sequence[str],
           moved: int | None) -> Chosen | None:
    """The reading to take, of `readings`, which begin with the most usual; None if that is not clear.

    heard: the pitch of each file's sound; None if it has none. moved: semitones by which the user moves names of notes.
    """
    fits = [_fit(each, heard, moved) for each in (*readings, *_counted(readings))]
    known = [pitch for pitch in heard if pitch is not None]
    good = [fit for fit in fits if known and fit.share >= AGREED]
    if good:
        most = max(fit.share for fit in good)
        best = min((fit for fit in good if fit.share > most - AS_GOOD), key=lambda fit: (fit.moved != 0, fits.index(fit)))
        return _taken(best, heard, names, moved)
    rising = _rising(readings, heard)
    if rising and not any(each.kind in ("notes", "root") for each in readings):
        return rising
    usual = _usual(readings)
    if usual is None or (_is_plain(usual) and len(known) > ASKING * len(heard)):
        return None
    return _taken(_Fit(usual, _told(usual, moved), 0.0), heard, names, moved)


def _counted(readings: Sequence[Reading]) -> list[Reading]:
    """Readings of plain numbers that count notes several semitones apart."""
    return [replace(each, pitches=tuple(step * number for number in each.pitches)) for each in readings if _is_plain(each)
            for step in STEPS]


def _usual(readings: Sequence[Reading]) -> Reading | None:
    """The most usual reading, whatever the sound; None if another one is as usual, or if pitches lie beyond MIDI's range."""
    within = [each for each in readings if max(each.pitches) <= HIGHEST]
    if not within or (within[0].kind == "numbers" and any(each.kind == "notes" for each in readings)):
        return None
    return None if any(each.rank == within[0].rank for each in within[1:]) else within[0]


def _is_plain(reading: Reading) -> bool:
    """Whether the pitches are numbers without a word that marks them as pitches."""
    return reading.kind == "numbers" and bool(reading.rank) and reading.rank[2] > 0


def _told(reading: Reading, moved: int | None) -> int:
    return moved or 0 if reading.kind == "notes" else 0


def _fit(reading: Reading, heard: Sequence[float | None], moved: int | None) -> _Fit:
    """How well a reading agrees: unchanged, moved by whole octaves, or, for numbers, moved by any interval."""
    apart = [pitch - read for pitch, read in zip(heard, reading.pitches, strict=True) if pitch is not None]
    if not apart:
        return _Fit(reading, _told(reading, moved), 0.0)
    told = _told(reading, moved)
    here = _share(apart, told)
    pitches = {read for pitch, read in zip(heard, reading.pitches, strict=True) if pitch is not None}
    fixed = moved is not None and reading.kind == "notes"
    if here >= AGREED or fixed or len(pitches) < FEWEST:
        return _Fit(reading, told, here)
    step = 1 if reading.kind == "numbers" else OCTAVE
    most = Counter(step * round(each / step) for each in apart).most_common(1)[0][0]
    there = _share(apart, most)
    agreeing = {read for pitch, read in zip(heard, reading.pitches, strict=True)
                if pitch is not None and abs(pitch - read - most) <= NEAR}
    right = there >= AGREED and (reading.kind != "numbers" or len(agreeing) >= MOST_BY_CHANCE)
    return _Fit(reading, most, there) if right else _Fit(reading, told, here)


def _share(apart: Sequence[float], moved: int) -> float:
    return sum(abs(each - moved) <= NEAR for each in apart) / len(apart)


def _taken(fit: _Fit, heard: Sequence[float | None], names: Sequence[str], moved: int | None) -> Chosen:
    """The pitches of the chosen reading, with messages: that it was moved, and which files sound different from their names."""
    pitches = tuple(read + fit.moved for read in fit.reading.pitches)
    said = [_about_moving(fit, names)] if fit.moved and fit.moved != _told(fit.reading, moved) else []
    apart = [(name, pitch, sound) for name, pitch, sound in zip(names, pitches, heard, strict=True)
             if sound is not None and abs(sound - pitch) > (NEAR if pitch < HIGH else NEAR_HIGH)]
    known = sum(sound is not None for sound in heard)
    if len(apart) <= FEW * known:
        apart = [each for each in apart if abs(each[2] - each[1]) % OCTAVE > NEAR and -abs(each[2] - each[1]) % OCTAVE > NEAR]
    if apart:
        name, pitch, sound = apart[0]
        said.append(f"{len(apart)} of {known} files do not sound like their names, such as {name}: {pitch} by its name, "
                    f"{sound:.1f} by its sound; they are learnt as named (--octave, --name-pattern)")
    return Chosen(fit.reading, pitches, tuple(said))


def _about_moving(fit: _Fit, names: Sequence[str]) -> str:
    first, to = names[0], fit.reading.pitches[0] + fit.moved
    if fit.reading.kind == "numbers":
        return f"the numbers in its names are not pitches: {first} is {to} by its sound, and the other files are moved alike"
    octaves = abs(fit.moved) // OCTAVE
    where = f"{octaves} octave{'s' if octaves > 1 else ''} {'higher' if fit.moved > 0 else 'lower'}"
    return f"it sounds {where} than its names say with C4 as 60: {first} is {to} (--octave 4 takes the names as they are)"


def octaves_apart(pitches: Sequence[int], heard: Sequence[float | None]) -> int:
    """The number of octaves by which most sounds lie above their pitches; 0 if they do not, or if too few can be heard."""
    fit = _fit(Reading("root", tuple(pitches), ()), heard, None)
    return fit.moved // OCTAVE


def _rising(readings: Sequence[Reading], heard: Sequence[float | None]) -> Chosen | None:
    """The pitches of the sounds, if they rise with the numbers in the names; files that do not fit are left out."""
    for reading in readings:
        numbers = reading.pitches
        files = sorted((i for i, pitch in enumerate(heard) if pitch is not None), key=lambda i: (numbers[i], heard[i] or 0))
        rising = _longest_rise([round(heard[i] or 0) for i in files], [numbers[i] for i in files])
        if len({numbers[i] for i in files}) >= FEWEST and len(rising) >= RISING * len(heard):
            kept = {files[place] for place in rising}
            pitches = tuple(round(pitch) if pitch is not None and i in kept else None for i, pitch in enumerate(heard))
            lost = len(heard) - len(kept)
            said = ("the numbers in its names count the notes: the pitches are taken from the sound"
                    + (f", and {lost} files of unclear pitch are left out" if lost else ""))
            return Chosen(reading, pitches, (said,))
    return None


def _longest_rise(pitches: Sequence[int], numbers: Sequence[int]) -> list[int]:
    """Indices of the longest part in which pitches rise with numbers; files with one number have one pitch."""
    best: list[list[int]] = []
    for place, (pitch, number) in enumerate(zip(pitches, numbers, strict=True)):
        before = [run for run in best if (pitches[run[-1]] == pitch) if numbers[run[-1]] == number]
        before += [run for run in best if pitches[run[-1]] < pitch and numbers[run[-1]] < number]
        best.append([*max(before, key=len, default=[]), place])
    return max(best, key=len, default=[])
