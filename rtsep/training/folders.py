"""Reads folders with one sound file per note, also in subfolders: finds each file's note by its name and by its sound.

All names are read together, in every way that fits all of them (`names`). The root notes that samplers write into files are one
more way. The way that agrees with the sound is taken. If the names are octaves off, or only count the notes, they are
corrected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rtsep.errors import RtsepError
from rtsep.files.root_note import root_note
from rtsep.training.agreement import Chosen, choose
from rtsep.training.dynamics import layered, velocities
from rtsep.training.kinds import left_out
from rtsep.training.names import HIGHEST, Reading, pitch_of, readings, strays
from rtsep.training.samples import Sample, Samples, hear

ENDINGS = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")  # Files with these endings are read.
# A pattern of names consists of these and of plain text.
PLACES = {"{note}": r"(?P<note>[A-Ha-h](?:[#♯♭bB]|sharp|flat|is|es|s)?[ _]?-?\d|(?<!\d)\d{1,3})(?!\d)",
          "{velocity}": r"(?<!\d)(?P<velocity>\d{1,3})(?!\d)", "{layer}": r"(?<!\d)(?P<layer>\d{1,3})(?!\d)", "*": ".*"}
# Messages: no reading, or more than one reading of the names, tells the pitches.
NO_NOTE = "which note is it? A name must have one note such as C#4 (C4 is 60), or its number 0 to 127 (see --name-pattern)"
SEVERAL = ("which note is it? The names in its folder can be read in several ways, or do not agree with the sound: say "
           "where the note is, such as --name-pattern '*_{note}_*'")
MIDDLE = 4  # Middle C, pitch 60, is written with this octave, unless the user or the sound says otherwise.
OCTAVE = 12  # An octave has this many semitones.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Naming:
    """The user's hints about names: the octave of middle C, a pattern with {note}, and whether the sounds have pitches."""

    octave: int | None = None
    pattern: str | None = None
    pitched: bool = True


def folder_samples(folder: Path, naming: Naming | None = None, progress: Progress | None = None) -> Samples:
    """The sound files in `folder` and its subfolders, each one note (`Piano_C#4_v80.wav`, `A0v12.flac`, `004-060-127.wav`).

    C4 is 60, unless the sound or `naming` says otherwise. RtsepError: no sound files, or it is not clear which notes they are.
    """
    naming = naming or Naming()
    paths = _files(folder)
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in paths]
    levels = None
    if naming.pattern is None:
        kept, said = _usual(names)
        found = _readings([paths[place] for place in kept], [names[place] for place in kept])
    else:
        kept, found, levels = _by_pattern(folder, names, naming.pattern)
        left = len(names) - len(kept)
        said = [f"{left} files whose names do not fit --name-pattern are left out"] if left else []
    paths, names = [paths[place] for place in kept], [names[place] for place in kept]
    if not found:
        raise RtsepError(f"{_unclear(paths, names)}: {NO_NOTE}")
    chosen = _chosen(folder, paths, found, naming, progress)
    return Samples(_samples(paths, names, chosen, levels), tuple(f"{folder.name}: {each}" for each in (*said, *chosen.said)))


def _samples(paths: Sequence[Path], names: Sequence[str], chosen: Chosen, levels: Sequence[int] | None) -> tuple[Sample, ...]:
    """The samples whose pitches are known."""
    if levels is None:
        folders = [name.rpartition("/")[0] for name in names]
        rests = [f"{above}/{rest}" for above, rest in zip(folders, chosen.reading.rests, strict=True)]
        levels = velocities(rests, chosen.reading.follows)
    return tuple(Sample(path, pitch, level) for path, pitch, level in zip(paths, chosen.pitches, levels, strict=True)
                 if pitch is not None and 0 <= pitch <= HIGHEST)


def _files(folder: Path) -> list[Path]:
    """The sound files in the folder and its subfolders, except hidden ones. RtsepError: there are none."""
    every = [path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file()]
    paths = sorted(path for path in every if not any(part.startswith(".") or part == "__MACOSX"
                                                     for part in path.relative_to(folder).parts))
    if not paths:
        raise RtsepError(f"{folder} has no sound files: give a folder with one file per note, or one of rtsep live --record")
    return paths


def _usual(names: Sequence[str]) -> tuple[list[int], list[str]]:
    """The indices of names that are notes in the usual articulation, and messages about the others."""
    out, said = left_out(names)
    kept = [place for place, is_out in enumerate(out) if not is_out]
    stray = {kept[place] for place in strays([names[place].rpartition("/")[2] for place in kept])}
    if stray:
        said.append(f"{len(stray)} files whose names differ from the others are left out, such as {names[min(stray)]}")
    return [place for place in kept if place not in stray], said


def _readings(paths: Sequence[Path], names: Sequence[str]) -> list[Reading]:
    """Ways to read the files: by root notes in them, by their own names, or else by names with folders (one per note)."""
    stems = [name.rpartition("/")[2] for name in names]
    found = readings(stems) or readings(names)
    roots = [root_note(path) for path in paths]
    said = [root for root in roots if root is not None]
    if len(said) == len(paths) and (len(set(said)) > 1 or len(said) == 1):  # Samplers write equal notes by default.
        rests = next((each.rests for each in found if each.kind == "notes" or each.pitches == tuple(said)), tuple(stems))
        found.insert(0, Reading("root", tuple(said), rests))
    return found


def _chosen(folder: Path, paths: Sequence[Path], found: Sequence[Reading], naming: Naming, progress: Progress | None) -> Chosen:
    """The reading that agrees with the sound. RtsepError: none agrees, or several are equally good."""
    heard = list[float | None]()
    for number, path in enumerate(paths if naming.pitched else (), 1):
        pitch = hear(path)
        heard.append(pitch.pitch if pitch else None)
        if progress is not None:
            progress("listening", number, len(paths))
    moved = None if naming.octave is None else OCTAVE * (MIDDLE - naming.octave)
    chosen = choose(found, heard or [None] * len(paths), [path.name for path in paths], moved)
    if chosen is None:
        raise RtsepError(f"{paths[0]}: {SEVERAL if any(max(each.pitches) <= HIGHEST for each in found) else NO_NOTE}")
    if all(pitch is None or not 0 <= pitch <= HIGHEST for pitch in chosen.pitches):
        raise RtsepError(f"{folder}: no name tells a pitch from 0 to 127: give --octave or --name-pattern")
    return chosen


def _by_pattern(folder: Path, names: Sequence[str], pattern: str) -> tuple[list[int], list[Reading], list[int] | None]:
    """The indices of the names that fit the pattern, their only reading, and their velocities if the pattern has them."""
    whole = _expression(pattern)
    found = {place: match for place, name in enumerate(names)
             if (match := whole.fullmatch(name if "/" in pattern else name.rpartition("/")[2]))}
    read = {place: pitch_of(match["note"]) for place, match in found.items()}
    notes = {place: pitch for place, pitch in read.items() if pitch is not None and pitch <= HIGHEST}
    if not notes:
        raise RtsepError(f"--name-pattern {pattern}: no name in {folder} fits, such as {names[0]}: give another one, such as "
                                 "'*_{note}_*'")
    kept = [found[place] for place in notes]
    kind = "numbers" if all(match["note"].isdigit() for match in kept) else "notes"
    rests = tuple(match.string[: match.start("note")] + "_" + match.string[match.end("note") :] for match in kept)
    return [*notes], [Reading(kind, tuple(notes.values()), rests)], _levels([match.groupdict() for match in kept])


def _levels(groups: Sequence[dict[str, str]]) -> list[int] | None:
    """Velocities by the pattern; None if it has none."""
    if "velocity" in groups[0]:
        return [min(max(int(each["velocity"]), 1), 127) for each in groups]
    return layered([int(each["layer"]) for each in groups]) if "layer" in groups[0] else None


def _expression(pattern: str) -> re.Pattern[str]:
    """--name-pattern as a regular expression. RtsepError: it has no {note}, something twice, or something unknown."""
    parts = re.split(r"(\{\w*\}|\*)", pattern)
    unknown = [part for part in parts if part.startswith("{") and part not in PLACES]
    twice = any(pattern.count(place) > 1 for place in PLACES if place != "*")
    if pattern.count("{note}") != 1 or unknown or twice:
        raise RtsepError(f"--name-pattern {pattern}: give {{note}} once, and {{velocity}} or {{layer}} if names have it; * "
                         "stands for anything: '*_{note}_v{layer}'")
    return re.compile("".join(PLACES.get(part, re.escape(part)) for part in parts))


def _unclear(paths: Sequence[Path], names: Sequence[str]) -> Path:
    """The first file whose name alone cannot be read."""
    return next((path for path, name in zip(paths, names, strict=True)
                 if not any(0 <= each.pitches[0] <= HIGHEST for each in readings([name.rpartition("/")[2]]))), paths[0])
