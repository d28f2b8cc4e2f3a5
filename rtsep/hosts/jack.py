"""The JACK backend: a client with a port for every stem. Notes come from a MIDI port, in the same callback.

Only this file uses JACK-Client's private names (`_ffi`, `_lib`, `_ptr`, `_libname`).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np

from rtsep.callbacks.shared import LATENCY
from rtsep.compiling import machine
from rtsep.errors import RtsepError
from rtsep.hosts.advice import Words
from rtsep.hosts.driver import Heartbeat, closed_in_time, import_library, quiet_libraries
from rtsep.hosts.jack_connections import Connections
from rtsep.hosts.jack_latency import CAPTURE, PLAYBACK, Latencies
from rtsep.hosts.lanes import MIX, Lanes
from rtsep.hosts.roundtrip import Floats, measure_ms

SLOW_S = 10.0  # A measurement takes at most this many seconds longer than its sound.
STALLED_S = 2.0  # JACK counts as dead after this many seconds without a block.


def import_jack() -> Any:
    """The module. RtsepError, which says what to install, if it is missing."""
    return import_library("jack", "--jack needs JACK-Client and JACK itself, and one of them is missing here ({}): "
                          "pip install 'rtsep[jack]', and on Debian and Ubuntu: sudo apt install jackd2")


def running_server() -> tuple[float, int]:
    """Sample rate in Hz and block in samples of the running JACK server. RtsepError: no server runs, or JACK is missing."""
    client = JackClient(0)
    client.close()
    return client.sample_rate, client.block


class JackClient:
    """The client `rtsep`, with ports in_1 ..., mix_1 ..., one per stem and channel, and midi_in. Thread: control.

    `connect`: whether to connect the mix and the inputs to the ports of the sound card; with `listens` False, only the mix. If
    there was a client before, its `connections` are made again instead.
    """

    has_midi = True
    words = Words("set jack_bufsize {}", "is in_1 connected to the right port")
    objects: tuple[str, ...] = ("jack",)
    warning = ""

    def __init__(
        self, inputs: int, connect: bool = True, listens: bool = True, connections: Connections | None = None
    ) -> None:
        self._jack = import_jack()
        self._library = ctypes.CDLL(self._jack._libname)
        self._client = self._open()
        self.name = f"JACK ({self._client.name})"
        self.sample_rate = float(self._client.samplerate)
        self.inputs, self.outputs = inputs, 0  # The stems decide the outputs.
        self.block = int(self._client.blocksize)
        self._connect, self._listens, self._connections = connect, listens, connections or Connections()
        self._names: list[str] = []
        self._gone, self._parted = threading.Event(), threading.Event()
        self._midi: Any = None
        self._sound_in: list[Any] = []
        self._out: list[Any] = []
        self._lanes: Lanes | None = None
        self._heart: Heartbeat | None = None
        self._latencies: Latencies | None = None

    def _open(self) -> Any:
        try:
            with quiet_libraries():
                return self._jack.Client("rtsep", no_start_server=True)
        except self._jack.JackError as error:
            raise RtsepError("no JACK server answers: start one (qjackctl, or jackd -d alsa), or leave out --jack") from error

    def settings(self) -> dict[str, Any]:
        """Entries of a set-up that open this client again."""
        return {"jack": True, "inputs": self.inputs}

    def sources(self, stems: Sequence[str]) -> list[tuple[int, int]]:
        """The mix, then every stem; each of them with all channels."""
        channels = range(self.inputs)
        self._names = [f"mix_{c + 1}" for c in channels]
        self._names += [f"{stem}_{c + 1}" if self.inputs > 1 else stem for stem in stems for c in channels]
        return [(stem, c) for stem in (MIX, *range(len(stems))) for c in channels]

    def start(self, lanes: Lanes) -> None:
        """Register ports and begin to play. RtsepError if the server refuses."""
        client, callback = self._client, self._callback()
        self._lanes, self._heart = lanes, Heartbeat(lanes, STALLED_S, STALLED_S)
        try:
            self._midi = client.midi_inports.register("midi_in")
            self._sound_in = [client.inports.register(f"in_{c + 1}") for c in range(self.inputs)]
            self._out = [client.outports.register(name) for name in self._names]
            ports = [self._midi, *self._sound_in, *self._out]
            addresses = [self._address(each) for each in (client, *ports)]
            lanes.set_ports(addresses)
            self._latencies = Latencies(self._library, addresses[0], addresses[1], addresses[2 : 2 + self.inputs],
                                        addresses[2 + self.inputs :], lambda: lanes.word(LATENCY))
            self._latencies.register()
            client.set_shutdown_callback(lambda *_: self._gone.set())
            client.set_xrun_callback(lambda *_: self._count_xrun())
            client.set_port_connect_callback(self._note_connection, only_available=False)
            ffi = self._jack._ffi
            if self._jack._lib.jack_set_process_callback(
                    client._ptr, ffi.cast("JackProcessCallback", callback), ffi.cast("void*", lanes.address)):
                raise self._jack.JackError("it takes no process callback")
            client.set_port_registration_callback(lambda *_: self._connections.note(), only_available=False)
            client.activate()
            if self._connections.begin(client, ports, self._jack.JackError) and self._connect:
                self._connect_to_card()
            self._connections.attend()
        except self._jack.JackError as error:
            raise RtsepError(f"JACK refuses: {error}") from error

    def _callback(self) -> int:
        """The address of the compiled process callback. It calls libjack by name, so libjack must be loaded."""
        machine.load_library(self._jack._libname)
        return machine.address("jack", "process_callback")

    def _address(self, each: Any) -> int:
        """The address of a client or a port."""
        return int(self._jack._ffi.cast("intptr_t", each._ptr))

    def _count_xrun(self) -> None:
        if self._lanes is not None:
            self._lanes.xruns += 1

    def _note_connection(self, a: Any, b: Any, connected: bool) -> None:
        """Note that a port was disconnected from our MIDI port. A port of a client that is gone can be unknown (None)."""
        self._connections.note()
        midi = self._midi
        if not connected and midi is not None and any(port is not None and port == midi for port in (a, b)):
            self._parted.set()

    def midi_ports(self) -> tuple[str, ...]:
        """The ports that are connected to midi_in."""
        if self._midi is None or self._gone.is_set():
            return ()
        try:
            return tuple(port.name for port in self._midi.connections)
        except self._jack.JackError:  # One of them is going away now.
            return ()

    def midi_parted(self) -> bool:
        """Whether a port was disconnected from midi_in since the last call."""
        parted = self._parted.is_set()
        self._parted.clear()
        return parted

    def _cards(self, client: Any) -> tuple[list[Any], list[Any]]:
        """The ports of the sound card: its inputs and its outputs."""
        return (client.get_ports(is_audio=True, is_output=True, is_physical=True),
                client.get_ports(is_audio=True, is_input=True, is_physical=True))

    def _connect_to_card(self) -> None:
        """Connect as many ports as possible; the user connects the rest with a patchbay."""
        captures, playbacks = self._cards(self._client)
        mixes = [*self._out[: self.inputs]] * (2 if self.inputs == 1 else 1)
        with suppress(self._jack.JackError):
            heard = captures if self._listens else []
            for source, target in chain(zip(heard, self._sound_in, strict=False), zip(mixes, playbacks, strict=False)):
                self._client.connect(source, target)

    def trouble(self) -> str:
        """Why nothing plays, or "". During play, this call also looks after connections and latencies."""
        if self._gone.is_set():
            return "the JACK server has gone"
        if self._heart is None:
            return "not open"
        if self._heart.stopped():
            return "the JACK server does not respond"
        self._connections.attend()
        if self._latencies is not None:
            self._latencies.attend()
        return ""

    def measure_latency_ms(self) -> float:
        """Measure from the first output of the card through a cable to its first input. RtsepError if no clear signal comes."""
        try:
            return measure_ms(self._play_and_record, self.sample_rate)
        except self._jack.JackError as error:
            raise RtsepError(f"--measure-latency: JACK refuses: {error}") from error

    def _play_and_record(self, sent: Floats) -> Floats:
        """Play and record with a separate client, since ours runs no Python in its process thread."""
        client, done = self._jack.Client("rtsep-latency", no_start_server=True), threading.Event()
        sound_in, out = client.inports.register("in"), client.outports.register("out")
        heard, position = np.zeros_like(sent), 0

        @client.set_process_callback  # type: ignore[untyped-decorator]
        def process(frames: int) -> None:
            nonlocal position
            count = min(frames, len(sent) - position)
            samples = out.get_array()
            samples[:] = 0
            samples[:count] = sent[position : position + count]
            heard[position : position + count] = sound_in.get_array()[:count]
            position += count
            if count < frames:
                done.set()

        captures, playbacks = self._cards(client)
        if not captures or not playbacks:
            raise RtsepError("--measure-latency: this JACK server has no sound card with an input and an output")
        with client:
            client.connect(captures[0], sound_in)
            client.connect(out, playbacks[0])
            if not done.wait(len(sent) / self.sample_rate + SLOW_S):
                raise RtsepError("--measure-latency: the JACK server does not respond")
        return heard

    def latency_ms(self) -> float | None:
        """The latency of our ports by JACK, in ms: card to inputs plus mix to card; None if neither is connected."""
        if self._gone.is_set() or not self._out or self._latencies is None:
            return None
        sides = ((self._sound_in, CAPTURE), (self._out[: self.inputs], PLAYBACK))
        samples = sum(self._latencies.longest([self._address(port) for port in ports], mode) for ports, mode in sides)
        return 1000 * samples / self.sample_rate if samples else None

    def close(self) -> bool:
        """Leave the server. False: it still hangs after two seconds, and is left alone."""
        self._midi, self._sound_in, self._out = None, [], []  # Their memory goes with the client.
        return closed_in_time(self._close)

    def _close(self) -> None:
        with suppress(self._jack.JackError), quiet_libraries():
            self._client.deactivate()
            self._client.close()
