"""Finds which files of a sample library are notes in the usual articulation, and which are noises, releases and others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

# These words mark sounds other than the note: releases, pedals, mechanics, resonance.
NOISE = frozenset(("release", "releases", "rel", "rels", "pedal", "pedals", "pedalu", "pedald", "noise", "noises", "keyoff",
                   "keyup", "noteoff", "hammer", "mechanical", "resonance", "sympathetic", "harml", "harms", "harmv", "breath",
                   "damper"))
# Words that begin like this name other articulations than the usual one.
UNUSUAL = ("stac", "spic", "pizz", "trem", "trill", "mute", "harmonic", "flutter", "marc", "gliss", "legato", "slide", "bend",
           "fall", "slap", "ghost", "tapping", "collegno", "ponticello", "tasto", "cresc", "dim", "swell", "short", "phrase")


def left_out(names: Sequence[str]) -> tuple[list[bool], list[str]]:
    """A mask of the names (with their folders) to leave out, never all of them, and messages about it."""
    words = [_words(name) for name in names]
    noise = [bool(NOISE & {*found}) for found in words]
    if all(noise):
        noise = [False] * len(names)
    ways = ["" if noisy else _way(found) for noisy, found in zip(noise, words, strict=True)]
    plain = [way == "" and not noisy for way, noisy in zip(ways, noise, strict=True)]
    taken = "" if any(plain) else Counter(filter(None, ways)).most_common(1)[0][0]
    other = [not noisy and way != taken for way, noisy in zip(ways, noise, strict=True)]
    said = [f"{sum(noise)} files of releases, pedals and noises are left out"] if any(noise) else []
    if any(other):
        named = ", ".join(sorted({way for way, is_other in zip(ways, other, strict=True) if is_other}))
        said.append(f"{sum(other)} files of other articulations are left out ({named})")
    return [a or b for a, b in zip(noise, other, strict=True)], said


def _words(name: str) -> list[str]:
    """The words of a name in lower case: rel1 has rel, pedalU2 has pedalu, and SustainVib has both words."""
    parts = re.findall(r"[^\W\d_]+", name)
    split = [word for part in parts for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", part)]
    mixed = [part[:5] for part in parts if part.startswith("harm") and part[4:5] in ("L", "S", "V")]
    return [word.lower() for word in (*parts, *split, *mixed)]


def _way(words: Sequence[str]) -> str:
    """The articulation that the words name, if it is not the usual one; else an empty string."""
    return next((word for word in words if word.startswith(UNUSUAL)), "")
