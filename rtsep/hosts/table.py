"""The table of controls: everything that can change during play, each declared once, for keys, knobs and buttons.

A control is a number, a switch, a choice, or an action (`press`). The control of one stem is called, for example, `mute.STEM`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rtsep.engine.separator import SILENT_DB, Separator
from rtsep.errors import RtsepError
from rtsep.hosts.asked import FASTEST, SLOWEST, parse_preset
from rtsep.hosts.following import MOVES
from rtsep.hosts.hands import CORRECTIONS
from rtsep.hosts.playback import LOUDEST_DB, SILENCE_DB, Playback
from rtsep.params import PARAMS, Param, Value

if TYPE_CHECKING:
    from rtsep.hosts.player import Player

Read = Callable[["Player", str], Value]
Write = Callable[["Player", str, Value], object]

LOWEST_DB, HIGHEST_DB = -60.0, 6.0  # Gains, in dB, at the two ends of a fader.
UNITY = 0.75  # At this position, from 0 to 1, a fader has 0 dB.
MANY = 50.0  # A number moves by ratios if its highest value is this many times its lowest; keys take others in this many steps.
SIZES = (0, 64, 128, 256, 512, 1024, 2048, 4096, 8192)  # Keys and buttons choose from these values, in samples; 0: the default.
STEPS = {"gain_db": 1.0, "wet": 0.1, "tuning_cents": 1.0}  # A press of a key changes these by this much, in their units.
KEYS = {"gain_db": (("+", "=", "right"), ("-", "_", "left")), "wet": (("W",), ("w",)), "bypass": (("b",), ()),
        "latency_samples": (("]",), ("[",)), "mode": (("M",), ()), "estimator": (("E",), ())}
MOST_DELAY_MS = 1000.0  # Notes can be delayed by at most this many milliseconds.
NOT_LIVE = ("learn_background_s",)  # It is the length of a lead-in, which is over during play.


@dataclass(frozen=True)
class Control:
    """One control. `more` and `less` are its keys on the terminal; `per`: there is one for each stem, or for each preset."""

    name: str
    kind: str  # number, switch, choice, press
    help: str
    write: Write
    read: Read = lambda player, of: False
    per: str = ""  # "stem", "preset", "scene", or ""
    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    step: float = 0.0  # The change by one press of a key; 0: a fiftieth of the range.
    whole: bool = False  # Whether the number is an integer.
    choices: tuple[Value, ...] = ()
    wanted: Callable[[Player], bool] = lambda player: True  # Whether it exists with this player.

    def position(self, value: Value) -> float:
        """The position, 0 to 1, of a knob with this value."""
        number = float(value)
        if self._is_fader:
            return fader_position(number)
        if self._moves_by_ratio:
            return math.log(max(number, self.low) / self.low) / math.log(self.high / self.low)
        return (number - self.low) / (self.high - self.low)

    def value_at(self, position: float) -> Value:
        """The value of a knob at this position."""
        if self._is_fader:
            return fader_db(position)
        by_ratio = self._moves_by_ratio
        number = self.low * (self.high / self.low) ** position if by_ratio else self.low + position * (self.high - self.low)
        return self._allowed(number)

    def stepped(self, value: Value, direction: int) -> Value:
        """The value after a key is pressed; `direction` is 1 or -1."""
        if self.kind == "switch":
            return not value
        if self.kind == "choice":
            at = self.choices.index(value) if value in self.choices else -direction
            return self.choices[(at + direction) % len(self.choices)]
        if self._moves_by_ratio:
            return self.value_at(min(max(self.position(value) + direction / MANY, 0.0), 1.0))
        least = 1.0 if self.whole else 0.0
        step = self.step or max(round((self.high - self.low) / MANY) if self.whole else (self.high - self.low) / MANY, least)
        return self._allowed(float(value) + direction * step)

    def pressed(self, player: Player, of: str, direction: int) -> None:
        """Do the action, or move the value one step on or back (1, -1)."""
        if self.kind == "choice":
            self._choose(player, of, direction)
        else:
            self.write(player, of, True if self.kind == "press" else self.stepped(self.read(player, of), direction))

    def _choose(self, player: Player, of: str, direction: int) -> None:
        """Go to the next choice that is possible with the other settings. RtsepError, about the last choice, if none is."""
        trouble: RtsepError | None = None
        value = self.read(player, of)
        for _ in self.choices[1:] or self.choices:  # All choices but the present one.
            value = self.stepped(value, direction)
            try:
                self.write(player, of, value)
                return
            except RtsepError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    def text(self, value: Value) -> str:
        """A value as text."""
        if self.kind == "press":
            return ""
        if self.kind == "switch":
            return "on" if value else "off"
        if self.unit == "dB" and float(value) <= SILENT_DB:
            return "off"
        return f"{value:g} {self.unit}".strip() if isinstance(value, float | int) else str(value)

    @property
    def _is_fader(self) -> bool:
        return self.name == "gain_db"

    @property
    def _moves_by_ratio(self) -> bool:
        return not self.whole and self.low > 0 and self.high / self.low >= MANY

    def _allowed(self, number: float) -> Value:
        number = min(max(number, self.low), self.high)
        if self.whole:
            return round(number)
        param = PARAMS.get(self.name)
        return round(number / param.step) * param.step if param is not None and param.step else float(f"{number:.4g}")


def fader_db(position: float) -> float:
    """The gain in dB of a fader at 0 (silence) to 1 (+6 dB): linear in dB below and above 0.75 (0 dB)."""
    if position <= 0:
        return SILENT_DB
    if position <= UNITY:
        return LOWEST_DB * (1 - position / UNITY)
    return HIGHEST_DB * (position - UNITY) / (1 - UNITY)


def fader_position(db: float) -> float:
    """The position, 0 to 1, of a fader with this gain."""
    if db <= 0:
        return max(UNITY * (1 - db / LOWEST_DB), 0.0)
    return min(UNITY + (1 - UNITY) * db / HIGHEST_DB, 1.0)


def _of_param(param: Param) -> Control:
    more, less = KEYS.get(param.name, ((), ()))
    control = Control(
        param.name, {"int": "number", "float": "number"}.get(param.kind, param.kind), param.help,
        lambda player, of, value: player.set(param.name, value), lambda player, of: player.value(param.name), "", more, less,
        param.unit, param.low, param.high, STEPS.get(param.name, param.step), param.kind == "int", param.choices,
        lambda player: isinstance(player.separator, Separator) != param.name.startswith("mosaic_") or param.live)
    if param.unit == "samples":
        return replace(control, kind="choice", choices=tuple(size for size in SIZES if size <= param.high))
    return control


def _press(name: str, text: str, do: Callable[[Player, str], object], keys: tuple[str, ...] = (), per: str = "") -> Control:
    return Control(name, "press", text, lambda player, of, value: do(player, of), per=per, more=keys)


def _recording(player: Player) -> Playback:
    if player.playback is None:
        raise RtsepError("no recording plays; start again with --play FILE")
    return player.playback


def _level(which: str, text: str, more: str, less: str) -> Control:
    """The level of "recording" or "microphone", with --play."""
    return Control(f"{which}_db", "number", text, lambda p, of, v: _recording(p).set_level(which, float(v)),
                   lambda p, of: _recording(p).levels_db[which], "", (more,), (less,), "dB", SILENCE_DB, LOUDEST_DB, 1.0)


_OF_RECORDING = (
    _press("pause", "pause the recording of --play, or go on", lambda p, of: _recording(p).pause(), ("\n", "\r")),
    _press("back", "go back in the recording by 5 s", lambda p, of: _recording(p).skip(-1), (",",)),
    _press("forward", "go forward in the recording by 5 s", lambda p, of: _recording(p).skip(1), (".",)),
    _press("loop", "first press: a loop of the recording begins here; second: it ends here; third: no loop",
           lambda p, of: _recording(p).set_loop(), ("a",)),
    Control("speed", "number", "speed of the recording, at the same pitch", lambda p, of, v: _recording(p).set_speed(float(v)),
            lambda p, of: _recording(p).speed, "", (")",), ("(",), "", SLOWEST, FASTEST, 0.1),
    _level("recording", "level of the recording; -60 is silence", "Y", "y"),
    _level("microphone", "level of the microphone beside the recording; -60 is silence", "U", "u"))
_GAIN = PARAMS["gain_db"]
CONTROLS: tuple[Control, ...] = (
    Control("gain_db", "number", "level of the stem in the mix; -120 is silence", lambda p, of, v: p.gain(of, float(v)),
            lambda p, of: p.value(f"gain_db.{of}"), "stem", *KEYS["gain_db"], "dB", _GAIN.low, _GAIN.high, STEPS["gain_db"]),
    Control("mute", "switch", "silence the stem", lambda p, of, v: p.mute(of, bool(v)), lambda p, of: of in p.muted,
            "stem", ("m",)),
    Control("solo", "switch", "hear only the soloed stems", lambda p, of, v: p.solo(of, bool(v)), lambda p, of: of in p.soloed,
            "stem", ("s",)),
    _press("next_preset", "the next preset, by family", lambda p, of: p.step_preset(1, of), ("p",)),
    _press("previous_preset", "the previous preset, by family", lambda p, of: p.step_preset(-1, of), ("P",)),
    _press("preset", "play all stems with this preset, or one of them (PRESET@STEM)",
           lambda p, of: p.use_preset(*parse_preset(of)), per="preset"),
    _press("record", "begin a take, or end it", lambda p, of: p.record(), ("r",)),
    _press("next_take", "go on to the next take, without losing a sample", lambda p, of: p.next_take(), ("n",)),
    _press("next_scene", "the next scene of the set list", lambda p, of: p.setlist.step(p, 1), ("}",)),
    _press("previous_scene", "the previous scene of the set list", lambda p, of: p.setlist.step(p, -1), ("{",)),
    _press("scene", "go to the scene with this number", lambda p, of: p.setlist.choose(p, of), per="scene"),
    _press("add_scene", "add the present settings as a scene, the last of the set list", lambda p, of: p.add_scene(), ("A",)),
    _press("save_setup", "save the present settings as a set-up", lambda p, of: p.save_setup(), ("S",)),
    *(replace(control, wanted=lambda p: p.playback is not None) for control in _OF_RECORDING),
    _press("panic", "release all notes", lambda p, of: p.panic(), (" ", "!")),
    Control("freeze", "switch", "nothing learns: templates and background stay as they are",
            lambda p, of, v: p.freeze(bool(v)), lambda p, of: p.frozen, more=("f",),
            wanted=lambda p: isinstance(p.separator, Separator)),
    _press("keep", "save the adapted preset", lambda p, of: p.keep_preset(of, False), ("k",), "stem"),
    _press("keep_background", "save the adapted preset with the background", lambda p, of: p.keep_preset(of, True), ("K",),
           "stem"),
    _press("clear_clips", "remove the clip marks", lambda p, of: p.holds.clear(), ("c",)),
    Control("split", "number", "lowest key of the stem high, as a MIDI pitch (60 is C4), with --by split",
            lambda p, of, v: p.move_split(int(v)), lambda p, of: p.split.pitch if p.split is not None else 0,
            more=(">",), less=("<",), high=127, step=1, whole=True, wanted=lambda p: p.split is not None),
    *(replace(_press(each.name, each.help, each.do, (each.key,)), wanted=each.wanted) for each in (*CORRECTIONS, *MOVES)),
    Control("midi_offset_ms", "number", "delay of the notes, for sound that comes later than its notes",
            lambda p, of, v: p.lanes.delay_notes(float(v)), lambda p, of: p.lanes.delay_ms, unit="ms", high=MOST_DELAY_MS,
            step=1),
    *(_of_param(param) for param in PARAMS.values() if param.name not in ("gain_db", *NOT_LIVE)),
)
BY_NAME = {control.name: control for control in CONTROLS}


def targets(player: Player) -> list[str]:
    """The names of all controls that `player` has, except those of single presets and scenes."""
    return [f"{control.name}.{of}" if of else control.name for control in CONTROLS if control.per in ("", "stem") and
            control.wanted(player) for of in (player.stem_names if control.per == "stem" else ("",))]


def shown(target: str, player: Player) -> str:
    """The name of a control, with the present name of its stem."""
    name, _, of = target.partition(".")
    stems = dict(zip(player.stem_names, player.shown_names, strict=True))
    return f"{name}.{stems[of]}" if of in stems else target


def find(target: str, player: Player) -> tuple[Control, str] | None:
    """The control with this name, and its stem or preset; None if this player lacks it. RtsepError: no player has it."""
    name, dot, of = target.partition(".")
    control = BY_NAME.get(name)
    if control is None or bool(dot and of) != bool(control.per):
        names = ", ".join(each.name + f".{each.per.upper()}" * bool(each.per) for each in CONTROLS)
        raise RtsepError(f"no control is called {target!r}; the controls are: {names}")
    there = control.wanted(player) and (control.per != "stem" or of in player.stem_names)
    return (control, of) if there else None
