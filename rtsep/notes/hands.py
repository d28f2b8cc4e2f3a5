"""Which keyboards are played by hands: all but the drums of channel 10, wherever left and right hand are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rtsep.notes.programs import DRUM_CHANNEL, DRUMS

Keyboard = tuple[int, int]  # Part and channel, counted from 0.


def is_drums(keyboard: Keyboard, programs: Mapping[Keyboard, int]) -> bool:
    """Whether a keyboard plays a drum kit: its program says so, or, where none is known, its channel."""
    return programs.get(keyboard, DRUMS if keyboard[1] == DRUM_CHANNEL else 0) == DRUMS


def hands(keyboards: Iterable[Keyboard], programs: Mapping[Keyboard, int]) -> list[Keyboard]:
    """The keyboards that are not drums; all of them if only drums' channel plays, as some keyboards send on it."""
    there = list(keyboards)
    return [keyboard for keyboard in there if not is_drums(keyboard, programs)] or there
