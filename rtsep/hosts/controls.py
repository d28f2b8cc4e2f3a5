"""Knobs and buttons of a MIDI controller: bindings are learnt by moving them, and kept in the user's configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from platformdirs import user_config_path

from rtsep.engine.separator import SILENT_DB
from rtsep.errors import RtsepError
from rtsep.files.results import atomic_write
from rtsep.hosts.setlist import SetList
from rtsep.notes.messages import CONTROLLERS, Message
from rtsep.params import Value, param_of
from rtsep.presets.preset import Preset

PEDALS = CONTROLLERS | {67}  # These controllers belong to the notes.
SCENES = {"next_scene": 1, "previous_scene": -1}  # Targets that step through a set list, by so many.
BUTTONS = ("panic", "record", "next_take", "save_setup", *SCENES)  # Targets that a press does.
LOWEST_DB, HIGHEST_DB = -60.0, 6.0  # Gains, in dB, at the two ends of a fader.
UNITY = 0.75  # At this position, from 0 to 1, a fader stands at 0 dB.


class Controlled(Protocol):
    """What knobs can do with a player."""

    stem_names: tuple[str, ...]
    muted: set[str]
    soloed: set[str]
    setlist: SetList
    save_setup: Callable[[], object]

    def change(self, params: Mapping[str, Value], presets: Sequence[Preset] | None) -> None:
        """Go on with parameters and presets, all at once."""

    def say(self, text: str) -> None:
        """Tell the player."""

    def set(self, name: str, value: Value) -> None:
        """Change a parameter."""

    def mute(self, stem: str, on: bool) -> None:
        """Silence a stem."""

    def solo(self, stem: str, on: bool) -> None:
        """Silence all other stems."""

    def use_preset(self, name: str) -> None:
        """Play with another preset."""

    def panic(self) -> None:
        """All notes off."""

    def record(self) -> None:
        """Begin or end a take."""

    def next_take(self) -> None:
        """Begin the next take."""


def controls_path() -> Path:
    """The file of the user's bindings."""
    return user_config_path("rtsep", appauthor=False) / "controls.json"


def fader_db(position: float) -> float:
    """The gain in dB of a fader at 0 (silence) to 1 (+6 dB): linear in dB below and above 0.75 (0 dB)."""
    if position <= 0:
        return SILENT_DB
    if position <= UNITY:
        return LOWEST_DB * (1 - position / UNITY)
    return HIGHEST_DB * (position - UNITY) / (1 - UNITY)


class Controls:
    """Bindings of (channel 0 to 15, controller) to targets: a mixer parameter (`gain_db.STEM`, `wet`, `bypass`),
    `mute.STEM`, `solo.STEM`, `preset.NAME`, or one of `BUTTONS`.

    A file that cannot be read is reported in `notes` and set aside when bindings are saved. `bindings` of a set-up
    stand instead of the file, which is then neither read nor written. Thread: control.
    """

    def __init__(self, path: Path | None = None, bindings: Mapping[tuple[int, int], str] | None = None) -> None:
        self.path = controls_path() if path is None else path
        self.notes: list[str] = []
        self.bindings = dict(bindings or {})
        self._has_file = bindings is None
        self._broken = False
        self._learning = ""
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
            self.notes.append(f"{self.path} is no list of controls ({error}): knobs do nothing until they are learnt again; "
                              "the file will be kept beside the new one")

    def learn(self, target: str) -> None:
        """Bind the next knob that moves to `target`."""
        self._learning = target

    def receive(self, message: Message) -> tuple[str, float] | None:
        """What a controller message asks for, (target, 0 to 1), or None if it is not bound. Completes a `learn`.

        RtsepError if the new binding could not be saved; it still holds until the end.
        """
        status, controller, value = message
        if controller in PEDALS:
            return None
        place = (status & 0x0F, controller)
        if self._learning:
            self.bindings = {key: target for key, target in self.bindings.items() if target != self._learning}
            self.bindings[place] = self._learning
            self._learning = ""
            if self._has_file:
                self._save()
        return (self.bindings[place], value / 127) if place in self.bindings else None

    def _save(self) -> None:
        listing = {target: [channel + 1, controller] for (channel, controller), target in self.bindings.items()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._broken:
                self.path.replace(self.path.with_name(self.path.name + ".broken"))
                self._broken = False
            atomic_write(self.path, (json.dumps({"controls": listing}, indent=2) + "\n").encode())
        except OSError as error:
            raise RtsepError(f"{self.path} cannot be written ({error.strerror}): the knob is learnt for now") from error

    def apply(self, player: Controlled, target: str, position: float) -> None:
        """Do what `target` says with a knob at `position` 0 to 1. Stems that do not exist are ignored."""
        what, _, of = target.partition(".")
        on = position >= 0.5
        if what in ("gain_db", "mute", "solo") and of not in player.stem_names:
            return
        if what == "gain_db":
            player.set(target, fader_db(position))
        elif what == "mute":
            player.mute(of, on)
        elif what == "solo":
            player.solo(of, on)
        elif what in ("preset", *BUTTONS):
            if on:  # Only a press of a button counts.
                self._press(player, what, of)
        else:
            param = param_of(target)
            player.set(target, on if param.kind == "switch" else param.low + position * (param.high - param.low))

    def _press(self, player: Controlled, what: str, of: str) -> None:
        if what == "preset":
            player.use_preset(of)
        elif what in SCENES:
            player.setlist.step(player, SCENES[what])
        else:
            getattr(player, what)()

    def told(self, stems: Collection[str]) -> list[str]:
        """The bindings, for people."""
        return [f"controller {controller} on channel {channel + 1}: {target}"
                for (channel, controller), target in sorted(self.bindings.items())
                if target.partition(".")[2] in ("", *stems) or target.startswith("preset.")]


def _checked(number: int, low: int, high: int) -> int:
    if not low <= int(number) <= high:
        raise ValueError(f"{number} is not {low} to {high}")
    return int(number)
