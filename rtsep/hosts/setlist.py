"""A set list: the scenes of a set-up, to step through during play. If windows and latency stay, there is no gap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from rtsep.engine.design import preset_defaults
from rtsep.errors import RtsepError
from rtsep.hosts.setups import Settings
from rtsep.notes.names import find_stem
from rtsep.params import Value, param_of
from rtsep.presets.preset import Preset


class Played(Protocol):
    """The part of a player that scenes change."""

    stem_names: tuple[str, ...]
    muted: set[str]
    soloed: set[str]

    def change(self, params: Mapping[str, Value], presets: Sequence[Preset] | None) -> None:
        """Change to these parameters and presets, all at once."""

    def set(self, name: str, value: Value) -> None:
        """Change a parameter of the mixer."""

    def mute(self, stem: str, on: bool, /) -> None:
        """Silence a stem, or play it again."""

    def solo(self, stem: str, on: bool, /) -> None:
        """Solo a stem, or end its solo."""

    def say(self, text: str) -> None:
        """Show a message."""


def with_stems(settings: Settings, stems: Sequence[str], missing: Callable[[str], None]) -> Settings:
    """The settings, with names of stems instead of numbers. `missing` is called for a stem that does not exist."""
    def found(text: str, entry: str) -> list[str]:
        if text in stems:
            return [text]
        try:
            return [stems[find_stem(text, stems[:-1])]]
        except RtsepError as error:
            missing(f"{entry}: {error}")
            return []

    return replace(
        settings, gains={stem: db for text, db in settings.gains.items() for stem in found(text, f"gain_db.{text}")},
        muted=tuple(stem for text in settings.muted for stem in found(text, "mute")),
        soloed=tuple(stem for text in settings.soloed for stem in found(text, "solo")))


def set_mixer(player: Played, settings: Settings) -> None:
    """Set gains, mutes and solos. Stems that `settings` does not name get 0 dB, and are neither muted nor soloed."""
    for stem in player.stem_names:
        player.set(f"gain_db.{stem}", settings.gains.get(stem, 0.0))
        player.mute(stem, stem in settings.muted)
        player.solo(stem, stem in settings.soloed)


class SetList:
    """The scenes, and the number `at` of the present one. There can be no scene at all. Thread: control.

    `presets`: for every scene, the preset of each stem; None for a mosaic, which has none. `fallback`: values for parameters
    that other scenes set, if a scene does not set them.
    """

    def __init__(
        self, scenes: Sequence[Settings], presets: Sequence[Sequence[Preset] | None], fallback: Mapping[str, Value]
    ) -> None:
        self.scenes, self.at = list(scenes), 0
        self._presets, self._fallback = list(presets), fallback
        self._names = sorted({name for scene in scenes for name in scene.params})

    @property
    def told(self) -> str:
        """The present scene as text, or ""."""
        return f"scene {self.at + 1} of {len(self.scenes)}: {self.scenes[self.at].name}" if self.scenes else ""

    def put(self, number: int, scene: Settings, presets: Sequence[Preset] | None) -> None:
        """Put a scene in the place of another one, or after the last one."""
        self.scenes[number : number + 1], self._presets[number : number + 1] = [scene], [presets]
        self._names = sorted({*self._names, *scene.params})

    def step(self, player: Played, by: int) -> None:
        """Go to the next scene (1) or to the previous one (-1); it stops at the first and at the last scene."""
        if not self.scenes:
            raise RtsepError("there are no scenes: start with a set-up that has some (rtsep live SETUP)")
        number = min(max(self.at + by, 0), len(self.scenes) - 1)
        if number == self.at:
            player.say(f"{self.told}, which is the {'last' if by > 0 else 'first'}")
        else:
            self.go(player, number)

    def program(self, player: Played, program: int) -> None:
        """Go to the scene of a MIDI program, from 1. Programs without a scene do nothing: they are for other instruments."""
        numbers = {scene.program or number: number - 1 for number, scene in enumerate(self.scenes, 1)}
        if program in numbers:
            self.go(player, numbers[program])

    def choose(self, player: Played, number: str) -> None:
        """Go to a scene by its number, from 1."""
        if not number.isdecimal() or not 1 <= int(number) <= len(self.scenes):
            raise RtsepError(f"scene {number}: the set list has {len(self.scenes)}; give a number from 1")
        self.go(player, int(number) - 1)

    def go(self, player: Played, number: int) -> None:
        """Go to a scene, from 0. RtsepError if it cannot be played now; then nothing has changed."""
        scene, presets = self.scenes[number], self._presets[number]
        params = {name: self._value(name, scene, presets or ()) for name in self._names}
        player.change({name: value for name, value in params.items() if not param_of(name).live}, presets)
        for name, value in params.items():
            if param_of(name).live:
                player.set(name, value)
        set_mixer(player, scene)
        self.at = number
        player.say(self.told)

    def _value(self, name: str, scene: Settings, presets: Sequence[Preset]) -> Value:
        defaults: dict[str, Any] = {name: param_of(name).default, **preset_defaults(presets), **self._fallback, **scene.params}
        return defaults[name]  # type: ignore[no-any-return]
