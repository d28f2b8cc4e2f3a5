"""Makes a separate tune of each voice of a tune in ABC: music21 would play voices that take turns one after the other."""

from __future__ import annotations

import re
from typing import NamedTuple

from rtsep.errors import RtsepError
from rtsep.notes.build import Path

VOICE = re.compile(r"^\s*\[?V:\s*([^\s\]]+)([^\]\n]*)\]?(.*)$")  # A change of voice: its name, its properties, music after it.


class Voice(NamedTuple):
    """A voice: its name, whether it has a bass clef, and a tune with only this voice."""

    name: str
    is_bass: bool
    tune: str


def split_voices(path: Path, text: str) -> list[Voice]:
    """The voices of the one tune in `text`. RtsepError: there are several tunes."""
    tunes = [found.start() for found in re.finditer(r"^X:", text, re.MULTILINE)]
    if len(tunes) > 1:
        raise RtsepError(f"{path} has {len(tunes)} pieces: give a file with one of them")
    lines = [line.rstrip() for line in text[tunes[0] :].splitlines()]
    begin = next((number for number, line in enumerate(lines, 1) if line.startswith("K:")), len(lines))
    about: dict[str, str] = {}
    music: dict[str, list[str]] = {}
    head, current = [line for line in lines[:begin] if not line.startswith("V:")], ""
    for line in (*(line for line in lines[:begin] if line.startswith("V:")), *lines[begin:]):
        change = VOICE.match(line)
        if change:
            current, told, line = change[1], change[2], change[3]
            about[current] = about.get(current, "") + told
        if line.strip():
            music.setdefault(current, []).append(line)
    shared = music.pop("", []) if len(music) > 1 else []  # Lines before the first voice: usually fields such as a tempo.
    return [Voice(_name(about.get(voice, "")), "bass" in about.get(voice, ""), _tune([*head, *shared, *body]))
            for voice, body in music.items()] or [Voice("", False, _tune(head))]


def _name(told: str) -> str:
    found = re.search(r'(?:name|nm)\s*=\s*(?:"([^"]*)"|(\S+))', told)
    return (found[1] or found[2] or "") if found else ""


def _tune(lines: list[str]) -> str:
    """A tune in the form that music21 needs: with a unit of length, two plain bar lines after each repeat, no double repeats.

    It also has no meters: they move no note, and music21 would search for a meter for every long measure, for minutes.
    """
    if not any(line.startswith("L:") for line in lines):
        meter = next((re.search(r"(\d+)\s*/\s*(\d+)", line) for line in lines if line.startswith("M:")), None)
        short = meter is not None and 4 * int(meter[1]) < 3 * int(meter[2])  # ABC's rule: sixteenths below 3/4, else eighths.
        lines = [*lines[:1], "L:1/16" if short else "L:1/8", *lines[1:]]
    music = "\n".join(line for line in lines if not line.startswith("M:"))
    music = re.sub(r":\|?\|?:", ":| |:", re.sub(r"\[M:[^\]\n]*\]", "", music))
    return re.sub(r":\|(?![:|\d\[])", ":| | | |", music) + "\n"
