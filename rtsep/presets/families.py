"""Sorts presets by family, as a player looks for them: pianos first, drums last."""

from __future__ import annotations

from rtsep.notes.programs import FAMILIES, family
from rtsep.presets.instruments import read_catalogue
from rtsep.presets.library import bundled_presets, user_presets

OTHER = "other"  # The family of presets whose family is unknown; it comes after all others.


def by_family() -> list[tuple[str, str]]:
    """(family, name) of all presets, in General MIDI's order of families, then by name.

    A preset without a program belongs to the family of a preset whose name has a word in common: my-piano to the pianos.
    """
    known = {name: family(programs[0]) for name, programs in read_catalogue().items()}
    words = {word: known[name] for name in sorted(known, reverse=True) for word in name.split("-")}
    names = {path.stem for path in (*bundled_presets(), *user_presets())}
    found = {name: known.get(name) or next((words[word] for word in reversed(name.split("-")) if word in words), OTHER)
             for name in names}
    order = {name: number for number, name in enumerate((*FAMILIES, OTHER))}
    return sorted(((found[name], name) for name in names), key=lambda each: (order[each[0]], each[1]))


def neighbour(name: str, step: int) -> str:
    """The preset `step` places after `name` in this order, which is circular; the first one if `name` is not in it."""
    names = [each for _family, each in by_family()]
    return names[(names.index(name) + step) % len(names)] if name in names else names[0]
