"""MIDI ports: they are found by name, polled by a separate thread, and reconnected when they return after a loss.

The callbacks of python-rtmidi are not used: with JACK they would run in its process thread and stop the whole graph.
"""

from __future__ import annotations

import ctypes
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from rtsep.errors import RtsepError
from rtsep.hosts.asked import nearest
from rtsep.hosts.driver import import_library, quiet_libraries
from rtsep.notes.messages import Message, MidiParser

POLL_S = 0.001  # MIDI inputs are read at intervals of this many seconds.
LOOK_S = 0.5  # The list of MIDI ports is read at intervals of this many seconds.
CLIENT_NAME = "rtsep"


class NoMidiError(RtsepError):
    """This computer has no MIDI: python-rtmidi or the MIDI system is missing."""


def import_rtmidi() -> Any:
    """The module. NoMidiError if it is missing."""
    return import_library("rtmidi", "live MIDI needs python-rtmidi, which is missing here ({}): pip install 'rtsep[midi]'",
                          NoMidiError)


def plain_name(name: str) -> str:
    """The name of a port without ALSA's client and port numbers: these change when the port is plugged in again."""
    return re.sub(r"\s+\d+:\d+$", "", name)


def _new_input(rtmidi: Any) -> Any:
    """An input on the first MIDI system that answers: the platform's own, or JACK."""
    apis = rtmidi.get_compiled_api()
    for api in sorted(apis, key=lambda api: api == rtmidi.API_UNIX_JACK):
        try:
            with quiet_libraries():
                return rtmidi.MidiIn(api, name=CLIENT_NAME)
        except OSError:  # rtmidi.SystemError is an OSError.
            continue
    raise NoMidiError("no MIDI system answers on this computer (on Linux: ALSA's sequencer, or a JACK server)")


def list_midi_ports(rtmidi: Any = None) -> list[str]:
    """The names of all ports that notes can come from. NoMidiError: this computer has no MIDI."""
    found = _new_input(rtmidi or import_rtmidi())
    names = _names(found)
    found.delete()
    return names


def _names(midi_in: Any) -> list[str]:
    with quiet_libraries():
        return [name for name in midi_in.get_ports() if not plain_name(name).startswith(f"{CLIENT_NAME}:")]


def _listing(names: Sequence[str]) -> str:
    return ", ".join(f"{number}: {name}" for number, name in enumerate(names)) or "none"


def choose_port(names: Sequence[str], wanted: str) -> str | None:
    """The port with this number, name, or part of a name; None: no port has this name yet.

    RtsepError, with a list of the ports: several have the name, or none has the number.
    """
    if wanted.isdecimal() and int(wanted) < len(names):
        return plain_name(names[int(wanted)])
    plain = list(dict.fromkeys(map(plain_name, names)))
    found = [name for name in plain if name == plain_name(wanted)]
    found = found or [name for name in plain if wanted.lower() in name.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise RtsepError(f"--midi {wanted}: several MIDI ports have this name: {', '.join(found)}; give more of the name")
    if wanted.isdecimal():
        raise RtsepError(f"--midi {wanted}: no MIDI port has this number; the ports now: {_listing(names)}. To wait for a port "
                         "that is not there yet, give its name")
    return None


def _leak(midi_in: Any) -> None:
    """Keep an object of a dead MIDI system for ever: RtMidi 5 with JACK crashes if it is deleted."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(midi_in))


class _Port:
    """One input of ours, connected to the port of a keyboard while that port exists.

    `name`: the name of the port, or the part of it that is `known` so far.
    """

    def __init__(self, part: int, name: str, known: bool, midi_in: Any) -> None:
        self.part, self.name, self.known = part, name, known
        self.renew(midi_in)

    def renew(self, midi_in: Any) -> None:
        """Start again with a new object."""
        self.open = False
        self.midi_in = midi_in
        midi_in.ignore_types(sysex=True, timing=True, active_sense=True)
        self._parser = MidiParser(self.part)

    def look(self, names: Sequence[str]) -> bool:
        """Connect if the port exists, disconnect if it does not. Returns whether it was lost in this call."""
        if not self.known:
            self._recognise(names)
        there = [number for number, name in enumerate(names) if plain_name(name) == self.name]
        if self.open and not there:
            self.open = False  # It is closed later: if the MIDI system has died, closing now would hang.
            return True
        if there and not self.open:
            self.midi_in.close_port()
            self.midi_in.open_port(there[0], name=f"in {self.part + 1}")
            self._parser = MidiParser(self.part)
            self.open = True
        return False

    def _recognise(self, names: Sequence[str]) -> None:
        """Take the full name of the port that rtsep waits for, if it exists now and is the only one with this name."""
        try:
            found = choose_port(names, self.name)
        except RtsepError:
            return
        if found is not None:
            self.name, self.known = found, True

    def read(self) -> list[Message]:
        """All messages that have arrived."""
        found: list[Message] = []
        while (event := self.midi_in.get_message()) is not None:
            found += self._parser.feed(event[0])
        return found


class MidiPorts:
    """Several ports, each with its own part: `receive(part, time_ns, message)` for every message, `lost(part)` for a lost port.

    The thread that `with` starts calls both, and `say`. `names`: numbers, names or parts of names. A port that does not exist
    yet is connected when it appears. NoMidiError: this computer has no MIDI. RtsepError: a name fits several ports.
    """

    def __init__(
        self, names: Sequence[str], receive: Callable[[int, int, Message], None], lost: Callable[[int], None],
        say: Callable[[str], None], rtmidi: Any = None,
    ) -> None:
        self._rtmidi = rtmidi or import_rtmidi()
        self._receive, self._lost, self._say = receive, lost, say
        self._listing = _new_input(self._rtmidi)
        there = _names(self._listing)
        chosen = [choose_port(there, name) for name in names]
        self._ports = [_Port(part, found or wanted, found is not None, _new_input(self._rtmidi))
                       for part, (wanted, found) in enumerate(zip(names, chosen, strict=True))]
        for wanted in (wanted for wanted, found in zip(names, chosen, strict=True) if found is None):
            near = nearest(wanted, map(plain_name, there))
            say(f"MIDI port {wanted} is not there{near}: rtsep waits for it; the ports now: {_listing(there)}")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="midi", daemon=True)
        self._look_again_s = 0.0
        self._system_died = threading.Event()

    @property
    def ports(self) -> list[str]:
        """The names of the ports, with a mark at those that are not there."""
        return [port.name if port.open else f"{port.name} ({'gone' if port.known else 'waited for'})" for port in self._ports]

    @property
    def names(self) -> list[str]:
        """The names of the ports, without marks."""
        return [port.name for port in self._ports]

    def system_died(self) -> None:
        """Report that the JACK server has died: its ports remain in the list. Any thread can call it."""
        self._system_died.set()

    def __enter__(self) -> MidiPorts:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(2.0)
        alive = not self._system_died.is_set() and bool(_names(self._listing))
        for midi_in in (self._listing, *(port.midi_in for port in self._ports)):
            if alive:
                midi_in.close_port()
                midi_in.delete()
            else:
                _leak(midi_in)

    def _run(self) -> None:
        while not self._stop.wait(POLL_S):
            for port in self._ports:
                for message in port.read():
                    self._receive(port.part, time.monotonic_ns(), message)
            if time.monotonic() >= self._look_again_s:
                self._look()

    def _look(self) -> None:
        """Check which ports exist now, and connect or release them."""
        self._look_again_s = time.monotonic() + LOOK_S
        names = [] if self._system_died.is_set() else _names(self._listing)
        names = names or self._names_of_new_system()
        for port in self._ports:
            was_open = port.open
            try:
                gone = port.look(names)
            except (OSError, RuntimeError):  # The port was removed after it was listed.
                continue
            if gone:
                self._lost(port.part)
                self._say(f"MIDI port {port.name} is gone: its notes are released")
            elif port.open and not was_open:
                self._say(f"MIDI port {port.name} is connected")

    def _names_of_new_system(self) -> list[str]:
        """If no port exists, the MIDI system has perhaps died and started again, and new objects are needed.

        Returns the names of the ports that new objects find.
        """
        for port in self._ports:
            if port.open:
                return []  # First report it as lost.
        try:
            listing = _new_input(self._rtmidi)
            names = _names(listing)
            fresh = [_new_input(self._rtmidi) for _ in self._ports] if names else []
        except NoMidiError:
            return []
        if not names:
            listing.delete()
            return []
        for old in (self._listing, *(port.midi_in for port in self._ports)):
            _leak(old)
        self._listing = listing
        self._system_died.clear()
        for port, midi_in in zip(self._ports, fresh, strict=True):
            port.renew(midi_in)
        return names
