"""Which keyboards two hands play: all except the drums of channel 10. This holds wherever left and right hand are separated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rtsep.notes.programs import DRUM_CHANNEL, DRUMS

Keyboard = tuple[int, int]  # Part and channel, counted from 0.


def is_drums(keyboard: Keyboard, programs: Mapping[Keyboard, int]) -> bool:
    """Whether a keyboard plays a drum kit: its program says it, or, if the program is unknown, its channel."""
    return programs.get(keyboard, DRUMS if keyboard[1] == DRUM_CHANNEL else 0) == DRUMS


def hands(keyboards: Iterable[Keyboard], programs: Mapping[Keyboard, int]) -> list[Keyboard]:
    """The keyboards that are not drums. If only the channel of drums plays, all of them: some keyboards send on it."""
    there = list(keyboards)
    return [keyboard for keyboard in there if not is_drums(keyboard, programs)] or there
