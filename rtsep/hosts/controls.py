"""Knobs and buttons of a MIDI controller. They are bound to controls by moving them; the user's settings keep the bindings.

A knob changes a value only after it has passed it, so that nothing jumps. docs/reference/controls.md describes the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_config_path

from rtsep.errors import RtsepError
from rtsep.files.results import atomic_write
from rtsep.hosts.table import Control, find, shown
from rtsep.notes.messages import CONTROLLERS, Message
from rtsep.params import Value

if TYPE_CHECKING:
    from rtsep.hosts.player import Player

PEDALS = CONTROLLERS | {67}  # These controllers belong to the notes.
NEAR = 1 / 127  # A knob that is as near to a value as one step of MIDI, on its way from 0 to 1, stands on the value.

Place = tuple[int, int]  # Channel, 0 to 15, and controller.


def controls_path() -> Path:
    """The file of the user's bindings."""
    return user_config_path("rtsep", appauthor=False) / "controls.json"


class Controls:
    """Bindings of knobs and buttons to controls (`rtsep.hosts.table`).

    A file that cannot be read is reported in `notes`, and renamed when bindings are saved. `bindings` of a set-up replace the
    file, which is then neither read nor written. Thread: control.
    """

    def __init__(self, path: Path | None = None, bindings: Mapping[tuple[int, int], str] | None = None) -> None:
        self.path = controls_path() if path is None else path
        self.notes: list[str] = []
        self.bindings: dict[Place, str] = dict(bindings or {})
        self.learning = ""  # The control that waits for its knob, or "".
        self._has_file = bindings is None
        self._broken = False
        self._seen: dict[Place, float] = {}  # The last position of each knob.
        self._left: dict[Place, Value] = {}  # The last value that each knob has set.
        self._waiting: set[Place] = set()  # Knobs that have not passed their value yet, and for which a message said so.
        if self._has_file:
            self._load()

    def _load(self) -> None:
        try:
            given = json.loads(self.path.read_text(encoding="utf-8"))
            for target, (channel, controller) in given["controls"].items():
                self.bindings[_checked(channel, 1, 16) - 1, _checked(controller, 0, 127)] = str(target)
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            self.bindings, self._broken = {}, True
            self.notes.append(f"{self.path} is not a list of controls ({error}): knobs do nothing until you learn them again; "
                              "rtsep will keep this file beside the new one")

    def learn(self, target: str) -> None:
        """Bind the next knob or button that moves to `target`; "": stop learning."""
        self.learning = target

    def forget(self, target: str) -> None:
        """Remove the binding of `target`. RtsepError if this cannot be saved."""
        self.bindings = {place: each for place, each in self.bindings.items() if each != target}
        self._save()

    def turn(self, player: Player, messages: Sequence[Message]) -> None:
        """Do what controller messages ask for. If several come from one knob, a number follows the last one."""
        last = {(message[0] & 0x0F, message[1]): at for at, message in enumerate(messages)}
        for at, (status, controller, value) in enumerate(messages):
            place = (status & 0x0F, controller)
            if controller not in PEDALS:
                player.attempt(partial(self._turn, player, place, value / 127, at == last[place]))

    def _turn(self, player: Player, place: Place, position: float, last: bool) -> None:
        if self.learning:
            self._learnt(player, place, position)
            return
        found = find(self.bindings[place], player) if place in self.bindings else None
        if found is None:
            return
        control, of = found
        if control.kind == "number":
            if last:
                self._move(player, place, position, control, of)
        elif control.kind == "switch":
            if bool(control.read(player, of)) != (position >= 0.5):
                control.write(player, of, position >= 0.5)
        elif position >= 0.5:  # Only a press of a button counts.
            control.pressed(player, of, 1)

    def _learnt(self, player: Player, place: Place, position: float) -> None:
        target, before = self.learning, self.bindings.get(place)
        self.learning = ""
        self.bindings = {key: each for key, each in self.bindings.items() if each != target} | {place: target}
        self._seen[place] = position
        self._left.pop(place, None)
        instead = f", instead of {shown(before, player)}" if before and before != target else ""
        player.say(f"learnt: {_told(place)} is {shown(target, player)}{instead}")
        self._save()

    def _move(self, player: Player, place: Place, position: float, control: Control, of: str) -> None:
        """Change a number, if the knob stands on it or passes it now."""
        value = control.read(player, of)
        before, self._seen[place] = self._seen.get(place, position), position
        low, high = sorted((before, position))
        passed = low - NEAR <= control.position(value) <= high + NEAR
        if passed or self._left.get(place) == value:
            self._waiting.discard(place)
            control.write(player, of, control.value_at(position))
            self._left[place] = control.read(player, of)
        elif place not in self._waiting:
            self._waiting.add(place)
            player.say(f"{_told(place)} waits: move it past {shown(self.bindings[place], player)}'s {control.text(value)}")

    def _save(self) -> None:
        if not self._has_file:
            return
        listing = {target: [channel + 1, controller] for (channel, controller), target in self.bindings.items()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._broken:
                self.path.replace(self.path.with_name(self.path.name + ".broken"))
                self._broken = False
            atomic_write(self.path, (json.dumps({"controls": listing}, indent=2) + "\n").encode())
        except OSError as error:
            raise RtsepError(f"{self.path} cannot be written ({error.strerror}): what was learnt is lost at the end") from error

    def bound(self, target: str) -> str:
        """The knob or button of `target` as text, or ""."""
        return next((_told(place) for place, each in self.bindings.items() if each == target), "")


def _told(place: Place) -> str:
    return f"controller {place[1]} on channel {place[0] + 1}"


def _checked(number: int, low: int, high: int) -> int:
    if not low <= int(number) <= high:
        raise ValueError(f"{number} is not {low} to {high}")
    return int(number)
