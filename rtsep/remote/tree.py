"""OSC's tree of addresses, made from the table of controls: what can be set, and what can be read.

| address | what it is |
| --- | --- |
| /rtsep/stem/left/gain | a control of a stem, by the stem's name or number; `gain` is `gain_db` in the table |
| /rtsep/bypass | any other control, by its name |
| …/position, …/step | of such a control: where it stands from 0 to 1; a step on (1) or back (-1) |
| /rtsep/preset, /rtsep/scene | a preset by its name, and perhaps a stem; a scene by its number |
| /rtsep/stem/left/level, /rtsep/load | levels, and the other things that are only read |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from rtsep.hosts.table import CONTROLS, Control
from rtsep.params import Value
from rtsep.remote.view import View, control_of

ROOT = "/rtsep"
SHORT = {"gain_db": "gain"}  # Controls that are called otherwise in addresses.
READ = {  # What is only read.
    "state": "playing, or what is the matter", "load": "share of a block's time that the last blocks took, 0 to 1",
    "worst_load": "the same of the worst block of 10 s", "late_blocks": "blocks that came too late since the start",
    "xruns": "dropouts that JACK told of", "latency_ms": "latency of engine and device, as far as it is known, in ms",
    "recording": "the state of the recording, or nothing", "message": "the last message",
    "scene_name": "where the set list stands, or nothing"}
POSITION, STEP = "position", "step"
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.+-]")  # These letters mean something else in addresses, or are no ASCII.


def safe(name: str) -> str:
    """A stem's name as a part of an address."""
    return _FORBIDDEN.sub("_", name)


def address(target: str, stems: tuple[str, ...], numbers: bool = False) -> str:
    """The address of a control such as gain_db.left; `numbers`: with the stem's number instead of its name."""
    name, _, of = target.partition(".")
    short = SHORT.get(name, name)
    return f"{ROOT}/{short}" if not of else f"{stem_address(of, stems, numbers)}/{short}"


def stem_address(stem: str, stems: tuple[str, ...], numbers: bool) -> str:
    """/rtsep/stem/left or /rtsep/stem/1."""
    return f"{ROOT}/stem/{stems.index(stem) + 1 if numbers else safe(stem)}"


def addresses(view: View) -> dict[str, str]:
    """The target of every address that can be set: by names and by numbers."""
    return {address(target, view.stems, numbers): target for numbers in (True, False) for target in view.values}


def matching(pattern: str, known: Mapping[str, str]) -> list[str]:
    """The targets of an address, or of a pattern with * and ?, which no part of an address reaches beyond."""
    if pattern in known:
        return [known[pattern]]
    if not set(pattern) & set("*?["):
        return []
    parts = pattern.split("/")
    return list(dict.fromkeys(
        target for each, target in known.items() if len(own := each.split("/")) == len(parts)
        and all(fnmatchcase(one, part) for one, part in zip(own, parts, strict=True))))


def state(view: View, numbers: bool) -> dict[str, tuple[Value, ...]]:
    """Everything that can be read, by its address; numbers of controls come with their positions."""
    status = view.status
    found: dict[str, tuple[Value, ...]] = {}
    for target, value in view.values.items():
        control, at = control_of(target), address(target, view.stems, numbers)
        if control.kind == "number":
            found[at] = (float(value),)
            found[f"{at}/{POSITION}"] = (round(control.position(value), 4),)
        elif control.kind != "press":
            found[at] = (int(value) if control.kind == "switch" else value,)
    latency_ms = 1000 * status.latency_samples / status.sample_rate + (status.device_latency_ms or 0.0)
    told: dict[str, Value] = {
        "state": status.state, "load": round(status.load, 3), "worst_load": round(status.peak_load, 3),
        "late_blocks": status.late_blocks, "xruns": status.xruns, "latency_ms": round(latency_ms, 2),
        "recording": status.recording, "message": status.message, "scene_name": status.scene, "scene": view.scene}
    found |= {f"{ROOT}/{name}": (value,) for name, value in told.items()}
    levels = {f"{ROOT}/{kind}/{at}/level": db for kind, peaks in (("input", status.input_db), ("output", status.output_db))
              for at, db in enumerate(peaks, 1)}
    for stem, row in zip(view.stems, status.stems, strict=True):
        levels[f"{stem_address(stem, view.stems, numbers)}/level"] = row.peak_db
    return found | {at: (round(db, 1),) for at, db in levels.items()}


def listing() -> Iterator[tuple[str, str, str]]:
    """Every address with what it takes and what it is; STEM stands for the name or number of a stem."""
    for control in CONTROLS:
        name = SHORT.get(control.name, control.name)
        at = f"{ROOT}/stem/STEM/{name}" if control.per == "stem" else f"{ROOT}/{name}"
        yield at, takes(control), control.help
        if control.kind == "number":
            yield f"{at}/{POSITION}", "0 to 1", "where it stands between its ends"
        if control.kind != "press":
            yield f"{at}/{STEP}", "1, -1", "a step on or back; a switch changes over"
    for kind in ("input/N", "output/N", "stem/STEM"):
        yield f"{ROOT}/{kind}/level", "read", "level in dBFS"
    for name, text in READ.items():
        yield f"{ROOT}/{name}", "read", text
    yield f"{ROOT}/subscribe", "PORT RATE", "send what changes to this port of the sender, RATE times a second, for 60 s"
    yield f"{ROOT}/unsubscribe", "PORT", "end that"
    yield f"{ROOT}/list", "", "send all addresses back"


def takes(control: Control) -> str:
    """The values that a control takes, for people."""
    if control.per in ("preset", "scene"):
        return {"preset": "NAME [STEM]", "scene": "number"}[control.per]
    if control.kind == "press":
        return "1, or nothing"
    if control.kind == "switch":
        return "0, 1"
    if control.kind == "choice":
        return ", ".join(map(str, control.choices))
    return f"{control.low:g} to {control.high:g} {control.unit}".strip()


def sendable(value: Value) -> Value:
    """A value that OSC has a type for."""
    return int(value) if isinstance(value, bool) else value
