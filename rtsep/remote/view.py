"""What pages and OSC see of the engine that plays: read by the control thread, after keys, knobs and wishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtsep.engine.separator import Separator
from rtsep.hosts.player import Player
from rtsep.hosts.status import Status
from rtsep.hosts.table import BY_NAME, Control, find, targets
from rtsep.hosts.words import latency_texts, losses_texts, recording_text
from rtsep.params import Value


@dataclass(frozen=True)
class View:
    """The whole state at one moment; it never changes."""

    status: Status
    values: Mapping[str, Value]  # Of every control by its target, such as gain_db.left; False for what is done.
    stems: tuple[str, ...]  # Names that controls have.
    shown: tuple[str, ...]  # Names that people read.
    presets: tuple[str, ...]  # Of each stem; none with a mosaic.
    scenes: tuple[str, ...]  # Names of the scenes of a set list.
    scene: int  # The number of the present one, from 1; 0: there is none.


def look(player: Player, status: Status) -> View:
    """The view now. Thread: control."""
    found = {target: find(target, player) for target in targets(player)}
    values = {target: each[0].read(player, each[1]) for target, each in found.items() if each is not None}
    presets = player.separator.plays if isinstance(player.separator, Separator) else ()
    scenes = tuple(scene.name for scene in player.setlist.scenes)
    return View(status, values, player.stem_names, player.shown_names, presets, scenes,
                player.setlist.at + 1 if scenes else 0)


def control_of(target: str) -> Control:
    """The control of a target that exists, such as gain_db.left."""
    return BY_NAME[target.partition(".")[0]]


def reading(control: Control, value: Value) -> dict[str, Any]:
    """A value as pages are told it: itself, its text, and of a number its position from 0 to 1."""
    if control.kind != "number":
        return {"value": value}
    return {"value": value, "position": round(control.position(value), 4), "text": control.text(value)}


def told(view: View) -> dict[str, Any]:
    """What pages write of the status, by name; levels are not among it."""
    status = view.status
    return {
        "state": status.state, "device": f"{status.device}, {status.sample_rate:g} Hz", "preset": status.preset,
        "latency": latency_texts(status)[-1], "latency_long": latency_texts(status)[0],
        "losses": losses_texts(status)[-2], "losses_long": losses_texts(status)[0],
        "late": status.late_blocks + status.underflows + status.xruns, "midi": ", ".join(status.midi), "hint": status.hint,
        "recording": recording_text(status), "frozen": status.frozen, "bypass": status.bypass, "learning": status.learning,
        "following": status.following, "playback": status.playback,
        "scene": view.scene, "scenes": list(view.scenes), "shown": list(view.shown),
        "presets": list(view.presets),
        "messages": [[each.number, each.time, each.text] for each in status.messages]}
