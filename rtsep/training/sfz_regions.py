"""One region of an SFZ instrument, from its opcodes, which are read in order: the last one of a kind counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rtsep.errors import RtsepError
from rtsep.training.samples import RELEASE_S
from rtsep.training.sfz_text import Opcode

CENTRE = 60  # A region without a pitch plays its sample as recorded at this key.
KEYS = 128  # Number of MIDI keys.
USUAL_CONTROLLERS = {7: 100, 10: 64, 11: 127}  # MIDI controllers have these values before they move; others have 0.
STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}  # Each step lies this many semitones above C.
SIGNS = {"#": 1, "s": 1, "♯": 1, "b": -1, "♭": -1, "": 0}  # A sign adds this many semitones.
NOTE_NAME = re.compile(r"([a-g])(#|b|s|♯|♭)?(-?\d+)", re.IGNORECASE)
CONDITION = re.compile(r"(on_|start_)?(lo|hi)(?:hd)?cc(\d+)")
ATTACKS = ("attack", "first")  # Regions with these triggers sound when a key is struck.
FIELDS = {"lovel": "lovel", "hivel": "hivel", "pitch_keytrack": "keytrack", "transpose": "transpose", "tune": "tune",
          # Opcodes that are numbers, with their fields.
          "pitch": "tune", "ampeg_release": "release_s", "offset": "skip", "end": "end"}
MOST = 1e9  # A number in an instrument is at most this, in its own unit; the largest numbers are samples.
LEAST_TRACK = 0.01  # A keytrack of fewer cents per key counts as none.


@dataclass
class Region:
    """A region: keys, velocities, how its pitch follows the keys, and which key-switch it needs."""

    sample: str = ""
    default_path: str = ""
    low: int = 0
    high: int = KEYS - 1
    centre: int | None = CENTRE  # None: the file has it.
    lovel: float = 1
    hivel: float = 127
    keytrack: float = 100  # Cents per key.
    transpose: float = 0  # Semitones.
    tune: float = 0  # Cents.
    release_s: float = RELEASE_S
    skip: float = 0  # Samples.
    end: float = 0  # Samples; negative: the region is silent.
    trigger: str = "attack"
    moved: bool = False  # The region sounds when a controller moves, or needs a moved controller.
    switch: tuple[int, int] | None = None  # The lowest and the highest key-switch with which it sounds.
    switched_first: int | None = None  # The key-switch at the start.
    label: str = ""  # The articulation's name.
    held_switch: bool = False  # The region needs a held key-switch.
    controllers: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def is_struck(self) -> bool:
        """Whether it sounds when a key is struck, with all controllers at their first values."""
        return (bool(self.sample) and not self.sample.startswith("*") and self.trigger in ATTACKS and self.end >= 0
                and 0 <= max(self.low, 0) <= self.high and self.high >= 0 and not self.moved and not self.held_switch)

    def original_key(self, centre: int) -> int:
        """The key on which the sample plays as it was recorded; this need not be one of the region's keys."""
        track = self.keytrack if abs(self.keytrack) >= LEAST_TRACK else 100.0
        return round(centre - (self.transpose + self.tune / 100) * 100 / track)


def read_region(path: Path, opcodes: Sequence[Opcode]) -> Region:
    """The region of these opcodes. RtsepError: one of them is broken."""
    region = Region()
    for opcode in opcodes:
        try:
            _obey(region, opcode)
        except ValueError as error:
            name = next((each.value for each in opcodes if each.name == "sample"), "no sample")
            raise RtsepError(f"{path}: the region of {name} is broken: {opcode.name}={opcode.value} ({error})") from error
    control = opcodes[-1].control if opcodes else {}
    region.moved |= any(not low <= _at_start(number, control) <= high for number, (low, high) in region.controllers.items())
    return region


def _obey(region: Region, opcode: Opcode) -> None:
    """Let one opcode change the region. ValueError: it is broken."""
    name, value = opcode.name, opcode.value
    if name == "sample":
        region.sample, region.default_path = value, opcode.control.get("default_path", "")
    elif name in ("key", "lokey", "hikey", "pitch_keycenter"):
        _obey_key(region, opcode)
    elif name in FIELDS:
        setattr(region, FIELDS[name], _number(value))
    elif name == "trigger":
        region.trigger = value
    elif name.startswith("sw_"):
        _obey_switch(region, opcode)
    else:
        _obey_controller(region, opcode)


def _obey_key(region: Region, opcode: Opcode) -> None:
    if opcode.name == "pitch_keycenter" and opcode.value.lower() == "sample":
        region.centre = None
        return
    key = _key(opcode)
    if opcode.name in ("key", "lokey"):
        region.low = key
    if opcode.name in ("key", "hikey"):
        region.high = key
    if opcode.name == "pitch_keycenter" or (opcode.name == "key" and opcode.value != "-1"):
        region.centre = key


def _obey_switch(region: Region, opcode: Opcode) -> None:
    name = opcode.name
    if name in ("sw_last", "sw_lolast", "sw_hilast"):
        key, (low, high) = _key(opcode), region.switch or (0, KEYS - 1)
        region.switch = (key if name != "sw_hilast" else low, key if name != "sw_lolast" else high)
    elif name == "sw_default":
        region.switched_first = _key(opcode)
    elif name == "sw_label":
        region.label = opcode.value
    elif name == "sw_down":
        region.held_switch = True


def _obey_controller(region: Region, opcode: Opcode) -> None:
    condition = CONDITION.fullmatch(opcode.name)
    if condition and condition[1]:
        region.moved = True
    elif condition:
        number, value = int(condition[3]), _number(opcode.value) * (127 if "hd" in opcode.name else 1)
        low, high = region.controllers.get(number, (0.0, 127.0))
        region.controllers[number] = (value, high) if condition[2] == "lo" else (low, value)


def _at_start(number: int, control: dict[str, str]) -> float:
    """The value of a controller before it is moved."""
    try:
        if f"set_hdcc{number}" in control:
            return float(control[f"set_hdcc{number}"]) * 127
        return float(control.get(f"set_cc{number}", USUAL_CONTROLLERS.get(number, 0)))
    except ValueError:
        return 0.0


def _number(text: str) -> float:
    """A plausible number. ValueError: it is no number, or absurdly large."""
    number = float(text)
    if not abs(number) <= MOST:
        raise ValueError(text)
    return number


def _key(opcode: Opcode) -> int:
    """A key in SFZ's notation, 60, c4, c#4 or db4, moved by note_offset and octave_offset; -1 means none."""
    text = opcode.value
    if text == "-1":
        return -1
    name = NOTE_NAME.fullmatch(text)
    key = 12 * (int(name[3]) + 1) + STEPS[name[1].lower()] + SIGNS[(name[2] or "").lower()] if name else int(text)
    moved = int(opcode.control.get("note_offset", 0)) + 12 * int(opcode.control.get("octave_offset", 0))
    return key + moved
