"""The JACK backend: a client with a port for every stem, and notes from a MIDI port in the same callback.

Only this file uses JACK-Client's private names (`_ffi`, `_lib`, `_ptr`, `_libname`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from rtsep.compiling import machine
from rtsep.errors import RtsepError
from rtsep.hosts.driver import Heartbeat, closed_in_time, import_library, quiet_libraries
from rtsep.hosts.lanes import MIX, Lanes

STALLED_S = 2.0  # JACK counts as dead after this many seconds without a block.


def import_jack() -> Any:
    """The module. RtsepError that says what to install if it is missing."""
    return import_library("jack", "--jack needs JACK-Client and JACK itself, and one of them is missing here ({}): "
                          "pip install 'rtsep[jack]', and on Debian and Ubuntu: sudo apt install jackd2")


class JackClient:
    """The client `rtsep`: in_1 ..., mix_1 ..., a port per stem and channel, and midi_in. Thread: control.

    `connect`: whether to connect inputs and mix to the sound card's ports.
    """

    has_midi = True
    objects: tuple[str, ...] = ("jack",)
    warning = ""

    def __init__(self, inputs: int, connect: bool = True) -> None:
        self._jack = import_jack()
        self._client = self._open()
        self.name = f"JACK ({self._client.name})"
        self.sample_rate = float(self._client.samplerate)
        self.inputs, self.outputs = inputs, 0  # The outputs follow from the stems.
        self.block = int(self._client.blocksize)
        self._connect = connect
        self._names: list[str] = []
        self._gone = threading.Event()
        self._lanes: Lanes | None = None
        self._heart: Heartbeat | None = None

    def _open(self) -> Any:
        try:
            with quiet_libraries():
                return self._jack.Client("rtsep", no_start_server=True)
        except self._jack.JackError as error:
            raise RtsepError("no JACK server answers: start one (qjackctl, or jackd -d alsa), or leave out --jack") from error

    def sources(self, stems: Sequence[str]) -> list[tuple[int, int]]:
        """The mix, then every stem, each with all channels."""
        channels = range(self.inputs)
        self._names = [f"mix_{c + 1}" for c in channels]
        self._names += [f"{stem}_{c + 1}" if self.inputs > 1 else stem for stem in stems for c in channels]
        return [(stem, c) for stem in (MIX, *range(len(stems))) for c in channels]

    def start(self, lanes: Lanes) -> None:
        """Register ports and begin to play. RtsepError if the server refuses."""
        client, callback = self._client, self._callback()
        self._lanes, self._heart = lanes, Heartbeat(lanes, STALLED_S, STALLED_S)
        try:
            midi = client.midi_inports.register("midi_in")
            sound_in = [client.inports.register(f"in_{c + 1}") for c in range(self.inputs)]
            out = [client.outports.register(name) for name in self._names]
            lanes.set_ports([self._address(port) for port in (midi, *sound_in, *out)])
            client.set_shutdown_callback(lambda *_: self._gone.set())
            client.set_xrun_callback(lambda *_: self._count_xrun())
            ffi = self._jack._ffi
            if self._jack._lib.jack_set_process_callback(
                    client._ptr, ffi.cast("JackProcessCallback", callback), ffi.cast("void*", lanes.address)):
                raise self._jack.JackError("it takes no process callback")
            client.activate()
            if self._connect:
                self._connect_to_card(sound_in, out)
        except self._jack.JackError as error:
            raise RtsepError(f"JACK refuses: {error}") from error

    def _callback(self) -> int:
        """The compiled process callback; it calls libjack by name, so that library must be loaded."""
        machine.load_library(self._jack._libname)
        return machine.address("jack", "process_callback")

    def _address(self, port: Any) -> int:
        return int(self._jack._ffi.cast("intptr_t", port._ptr))

    def _count_xrun(self) -> None:
        if self._lanes is not None:
            self._lanes.xruns += 1

    def _connect_to_card(self, sound_in: Sequence[Any], out: Sequence[Any]) -> None:
        """Connect as many ports as possible; the rest is left to the user's patchbay."""
        client = self._client
        captures = client.get_ports(is_audio=True, is_output=True, is_physical=True)
        playbacks = client.get_ports(is_audio=True, is_input=True, is_physical=True)
        mixes = [*out[: self.inputs]] * (2 if self.inputs == 1 else 1)
        with suppress(self._jack.JackError):
            for source, target in chain(zip(captures, sound_in, strict=False), zip(mixes, playbacks, strict=False)):
                client.connect(source, target)

    def trouble(self) -> str:
        """Why nothing is played, or ""."""
        if self._gone.is_set():
            return "the JACK server has gone"
        if self._heart is None:
            return "not open"
        return "the JACK server does not respond" if self._heart.stopped() else ""

    def measure_latency_ms(self) -> float:
        """RtsepError: JACK has its own program for this."""
        raise RtsepError("--measure-latency does not go with --jack: jack_iodelay measures there")

    def latency_ms(self) -> float | None:
        """Two periods, which JACK itself adds; JACK-Client reports no latencies of ports."""
        return None if self._gone.is_set() else 2000 * int(self._client.blocksize) / self.sample_rate

    def close(self) -> bool:
        """Leave the server; False if it still hangs after two seconds, and is left alone."""
        return closed_in_time(self._close)

    def _close(self) -> None:
        with suppress(self._jack.JackError), quiet_libraries():
            self._client.deactivate()
            self._client.close()
