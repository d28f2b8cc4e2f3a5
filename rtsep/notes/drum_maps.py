"""Drums: which group each key belongs to, on General MIDI kits and on the electronic kits of Roland, Yamaha and Alesis.

For any other kit, a file of `--drum-map` says it: each line has a key and a group with a comma between them, such as `22,hihat`
or `F#1,kick`. Empty lines, text after a `#` at the start of a word, and a first line `note,group` are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from rtsep.errors import RtsepError
from rtsep.notes.pitch import parse_pitch

DRUM_GROUPS = {  # General MIDI's percussion keys.
    "kick": (35, 36), "snare": (37, 38, 39, 40), "hihat": (42, 44, 46), "toms": (41, 43, 45, 47, 48, 50),
    "cymbals": (49, 51, 52, 53, 55, 57, 59), "percussion": (54, 56, 58, *range(60, 82)),
}
GM_GROUPS = {pitch: group for group, pitches in DRUM_GROUPS.items() for pitch in pitches}
# Keys of electronic kits that are not in General MIDI level 1, and the General MIDI keys that sound like them: edges of the
# hi-hat (Roland), its half-open and splash strokes (Alesis), kick, snare and its rims and brushes (Yamaha).
STAND_INS = {21: 44, 22: 42, 23: 46, 26: 46, 25: 38, 27: 38, 28: 38, 29: 38, 31: 38, 33: 36, 34: 40}
# If one of the first keys is played, it is such a kit, and the other keys differ from General MIDI: the rim of the third tom
# (Roland, Alesis), edges and splash of the hi-hat (Yamaha).
KITS: tuple[tuple[frozenset[int], Mapping[int, int]], ...] = (
    (frozenset((21, 22, 23, 26)), {58: 43}),
    (frozenset((31, 33, 34)), {78: 46, 79: 42, 83: 44}),
)
TYPICAL = {"kick": 36, "snare": 38, "hihat": 42, "toms": 45, "cymbals": 49, "percussion": 54}  # A General MIDI key of each.
MAX_BYTES = 100_000  # A drum map has at most this many bytes.


def stand_ins(played: Collection[int], own: Mapping[int, str] | None = None) -> dict[int, int]:
    """The General MIDI keys that sound like keys of electronic kits. The `played` keys show the kit; `own` is a drum map."""
    found = dict(STAND_INS)
    for signs, keys in KITS:
        if signs & set(played):
            found.update(keys)
    for pitch, group in (own or {}).items():
        if group_of(pitch, found) != group:
            found[pitch] = TYPICAL[group]
    return found


def group_of(pitch: int, instead: Mapping[int, int]) -> str | None:
    """The group of a key, given its `stand_ins`."""
    return GM_GROUPS.get(instead.get(pitch, pitch))


def read_drum_map(path: Path | None) -> dict[int, str]:
    """The group of each key in a file; empty without a file. RtsepError, with the line: a text that is not a key or a group."""
    if path is None:
        return {}
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RtsepError(f"{path} is too large for a drum map: give lines such as 22,hihat")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give a drum map with lines such as 22,hihat") from error
    except UnicodeDecodeError:
        raise RtsepError(f"{path} is not a text file: give a drum map with lines such as 22,hihat") from None
    found = dict[int, str]()
    for number, line in enumerate(lines, 1):
        words = [word.strip().strip('"') for word in re.split("[,;\t]", re.sub(r"(^|\s)#.*", "", line))]
        if any(words) and not (not found and [word.lower() for word in words[:2]] == ["note", "group"]):
            found.update([_entry(path, number, words)])
    if not found:
        raise RtsepError(f"{path} names no drum: give lines such as 22,hihat")
    return found


def _entry(path: Path, number: int, words: list[str]) -> tuple[int, str]:
    where = f"{path}, line {number}"
    if len(words) < 2 or words[1].lower() not in DRUM_GROUPS:
        raise RtsepError(f"{where}: {','.join(words)!r} names no group; give a note and one of {', '.join(DRUM_GROUPS)}, "
                         "such as 22,hihat")
    try:
        return parse_pitch(words[0]), words[1].lower()
    except RtsepError as error:
        raise RtsepError(f"{where}: {error}") from None
