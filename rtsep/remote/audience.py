"""Everybody who looks: what has changed goes to each of them, the picture to those who want it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from rtsep.params import Value
from rtsep.presets.families import by_family
from rtsep.remote import frames, picture
from rtsep.remote.hub import Hub
from rtsep.remote.outbox import Outbox
from rtsep.remote.picture import Spectrum
from rtsep.remote.view import View, control_of, reading, told

PICTURE_S = 0.04  # Seconds between two columns of the picture: 25 a second.


def described(view: View) -> dict[str, Any]:
    """Every control as pages need it to draw it."""
    found = {}
    for target in view.values:
        control = control_of(target)
        found[target] = {
            "kind": control.kind, "help": control.help, "unit": control.unit, "choices": list(control.choices),
            "low": control.low, "high": control.high, "keys": list(control.more)}
    return found


class Audience:
    """The outboxes of all pages. Thread: the server's."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.view: View | None = None
        self.watched: dict[Outbox, tuple[str, ...]] = {}  # Of every page, the sources of its picture.
        self._told: Mapping[str, Any] = {}
        self._notes = b""
        self._spectrum: Spectrum | None = None
        self._watching = False

    def hello(self, view: View, guest: bool) -> dict[str, Any]:
        """The whole state, for a page that begins."""
        values = {target: reading(control_of(target), value) for target, value in view.values.items()}
        return {"hello": 1, "guest": guest, "stems": list(view.stems), "controls": described(view), "values": values,
                "status": told(view), "presets": by_family(), "sources": list(picture.sources(view)),
                "lowest": picture.LOWEST, "bands": picture.BANDS, "picture_s": PICTURE_S}

    def see(self, view: View) -> None:
        """Send what has changed."""
        before: Mapping[str, Value] = self.view.values if self.view is not None else {}
        said = told(view)
        values = {target: reading(control_of(target), value) for target, value in view.values.items()
                  if before.get(target) != value}
        changed = {name: value for name, value in said.items() if self._told.get(name) != value}
        self.view, self._told = view, said
        levels = frames.levels(view.status)
        for outbox in self.watched:
            outbox.put_changes(values, changed)
            outbox.put_frame(levels)

    def notes_frame(self) -> bytes:
        """The open notes, as they were seen last."""
        return frames.notes(self._notes)

    async def paint(self) -> None:
        """Send notes and pictures while somebody looks, for ever."""
        next_s = time.monotonic()
        while True:
            next_s = max(next_s + PICTURE_S, time.monotonic())
            await asyncio.sleep(max(next_s - time.monotonic(), 0))
            player, view = self._hub.player, self.view
            if player is None or view is None:
                continue
            self._look_at_notes(view)
            wanted = list(dict.fromkeys(name for names in self.watched.values() for name in names))
            if bool(wanted) != self._watching:
                self._watching = bool(wanted)
                player.lanes.stem_ear.watch(self._watching)
            if wanted:
                self._paint(view, wanted)

    def _look_at_notes(self, view: View) -> None:
        assert self._hub.player is not None
        found = picture.notes(self._hub.player, view)
        if found != self._notes:
            self._notes = found
            for outbox in self.watched:
                outbox.put_frame(frames.notes(found))

    def _paint(self, view: View, wanted: list[str]) -> None:
        assert self._hub.player is not None
        if self._spectrum is None:
            self._spectrum = Spectrum(view.status.sample_rate)
        columns = picture.columns(self._hub.player, view, self._spectrum, wanted)
        for outbox, names in self.watched.items():
            if names:
                outbox.put_columns(frames.picture([columns[name] for name in names]))
