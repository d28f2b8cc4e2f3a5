"""Wishes: what pages and OSC ask for, checked against the table of controls and done by the control thread."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rtsep.errors import RtsepError
from rtsep.hosts.player import Player
from rtsep.hosts.table import Control, find
from rtsep.params import Value
from rtsep.presets.families import by_family


@dataclass(frozen=True)
class Wish:
    """A control, such as gain_db.left, and what it shall do: take a value, stand at a position from 0 to 1, step, or act."""

    target: str
    kind: str  # "value", "position", "step" or "press"
    value: Value = True


def fulfil(player: Player, wish: Wish) -> None:
    """Do it. RtsepError if that is not possible. Thread: control."""
    found = find(wish.target, player)
    if found is None:
        raise RtsepError(f"{wish.target} does not exist in this session")
    control, of = found
    if control.per == "preset":
        _check_preset(player, of)
    if control.kind == "press":
        control.pressed(player, of, 1)
    elif wish.kind == "step":
        control.pressed(player, of, 1 if number(wish) > 0 else -1)
    elif wish.kind == "position" and control.kind == "number":
        value = control.value_at(min(max(number(wish), 0.0), 1.0))
        control.write(player, of, round(value, 1) if control.unit == "dB" and isinstance(value, float) else value)
    else:
        control.write(player, of, _allowed(control, wish))


def number(wish: Wish) -> float:
    """The wish's value as a finite number. RtsepError if it is none."""
    try:
        found = float(wish.value)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise RtsepError(f"{wish.target} {wish.value}: give a number")
    return found


def _allowed(control: Control, wish: Wish) -> Value:
    """The value, if the control can take it."""
    if control.kind == "switch":
        return number(wish) >= 0.5
    if control.kind == "choice":
        chosen = next((choice for choice in control.choices if str(choice) == str(wish.value) or choice == wish.value), None)
        if chosen is None:
            raise RtsepError(f"{wish.target} {wish.value}: allowed is {', '.join(map(str, control.choices))}")
        return chosen
    wanted = number(wish)
    if not control.low <= wanted <= control.high:
        raise RtsepError(f"{wish.target} {wanted:g}: allowed is {control.low:g} to {control.high:g} {control.unit}".strip())
    return round(wanted) if control.whole else wanted


def _check_preset(player: Player, of: str) -> None:
    """RtsepError unless this is PRESET or PRESET@STEM of names that exist; a path of a file is never taken."""
    name, _, stem = of.partition("@")
    if name not in {each for _family, each in by_family()}:
        raise RtsepError(f"no preset is called {name!r}; rtsep presets lists them")
    if stem and stem not in player.stem_names:
        raise RtsepError(f"no stem is called {stem!r}; there are: {', '.join(player.stem_names)}")
