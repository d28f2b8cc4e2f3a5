"""The PortAudio backend: a stream with our own native callback, so that no sample waits for the interpreter.

Only this file uses sounddevice's private names (`_StreamBase`, `_ffi`, `_libname`, `_initialize`, `_terminate`,
`_exit_handler`); `_StreamBase` takes a C callback and is meant for libraries.
"""

from __future__ import annotations

import atexit
import ctypes
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rtsep.compiling import machine
from rtsep.errors import RtsepError
from rtsep.hosts.advice import Words
from rtsep.hosts.devices import (
    Device,
    device_error,
    feedback_risk,
    find_device,
    holding_block,
    import_sounddevice,
    list_devices,
)
from rtsep.hosts.driver import Heartbeat, closed_in_time, quiet_libraries
from rtsep.hosts.lanes import Lanes
from rtsep.hosts.roundtrip import Floats, measure_ms

SERVER_BUFFERS_S = (0.0, 0.1, 0.2, 0.4)  # After an early loss, a sound server gets the next of these buffers, in seconds.
EARLY_S = 30.0  # A loss is early within this many seconds after opening.
STALLED_S = 1.0  # A device counts as dead after this many seconds without a block, whatever it reports.
SERVER_STALLED_S = 2.0  # A sound server has this many seconds, since it takes a second to recover from a dropout.
STARTING_S = 5.0  # A device has this many seconds until its first block.
WORST_LATENCY_S = 5.0  # A reported latency above this many seconds counts as unknown.


@dataclass(frozen=True)
class Wanted:
    """What to open: devices by number or name (None: the default), channels (0: what the device has, at most 2), Hz."""

    input: str | None = None
    output: str | None = None
    inputs: int = 0
    outputs: int = 0
    sample_rate: float = 0.0  # 0: the device's usual rate.
    block: int = 0  # Samples; 0: what the device prefers.
    allow_feedback: bool = False
    listens: bool = True  # Whether to open an input.
    buffer_s: float = 0.0  # Length of each direction's buffer in seconds; 0: the driver's own short one.


class PortAudio:
    """A duplex stream. Thread: control; the callback runs on PortAudio's thread.

    `server`: whether a sound server is behind the device; it needs large blocks. `rescan`: list the devices again first. Do not
    use it while a stream of this process hangs: it would hang, too.
    """

    has_midi = False
    words = Words("give --block {}", "is it the right one (--input)")
    objects: tuple[str, ...] = ()

    def __init__(self, wanted: Wanted, rescan: bool = False) -> None:
        self._module = import_sounddevice()
        if rescan:
            self._rescan()
        self.warning, self._wanted = "", wanted
        with quiet_libraries():
            self._choose(wanted)
        self._stream: Any = None
        self._finished = threading.Event()
        self._heart: Heartbeat | None = None

    def _rescan(self) -> None:
        """Renew PortAudio's list of devices; without it, devices that have come back are missing."""
        with quiet_libraries():
            self._module._terminate()
            self._module._initialize()

    def _choose(self, wanted: Wanted) -> None:
        devices = list_devices(self._module)
        default_in, default_out = self._module.default.device
        self._source = find_device(devices, wanted.input, "input", default_in) if wanted.listens else None
        self._target = find_device(devices, wanted.output, "output", default_out)
        if self._source is not None and feedback_risk(self._source, self._target) and not wanted.allow_feedback:
            raise RtsepError(f"microphone ({self._source.name}) and loudspeaker ({self._target.name}) are built into the same "
                             "computer: this causes feedback. Use headphones and give --allow-feedback, or choose other "
                             "devices")
        self.inputs = 0 if self._source is None else _channels(wanted.inputs, self._source, self._source.inputs, "input")
        self.outputs = _channels(wanted.outputs, self._target, self._target.outputs, "output")
        self.sample_rate = wanted.sample_rate or (self._source or self._target).sample_rate
        least = max(holding_block(device, devices) for device in self._devices)
        self.server, self.block, self._buffer = least > 0, wanted.block or least, wanted.buffer_s or "low"
        if self.block != wanted.block:
            self.warning = (f"the device is a sound server, so blocks have {self.block} samples"
                            + (f" and buffers {wanted.buffer_s:g} s" if wanted.buffer_s else "")
                            + "; a sound card itself (--input, --output) has less latency")
        same = len({device.name for device in self._devices}) == 1
        self.name = self._target.label if same else " to ".join(device.label for device in self._devices)

    @property
    def _devices(self) -> list[Device]:
        """The input device, if there is one, and the output device."""
        return [device for device in (self._source, self._target) if device is not None]

    def settings(self) -> dict[str, Any]:
        """Entries of a set-up that open this stream again: the devices by name, and the options that were given."""
        asked = {"inputs": self._wanted.inputs, "outputs": self._wanted.outputs, "rate": self._wanted.sample_rate,
                 "block": self._wanted.block, "allow_feedback": self._wanted.allow_feedback}
        names = {} if self._source is None else {"input": self._source.label}
        return names | {"output": self._target.label} | {k: v for k, v in asked.items() if v}

    def sources(self, stems: Sequence[str]) -> None:
        """None: the routes, not the device, decide what the outputs play."""

    def start(self, lanes: Lanes) -> None:
        """Open and start the stream. RtsepError if the device refuses."""
        callback = machine.address("live", "portaudio_callback")
        ffi = self._module._ffi
        self._finished.clear()
        try:
            with quiet_libraries():
                both = self._source is not None
                kind, sides = ("duplex" if both else "output"), {
                    "device": (self._source.number, self._target.number) if self._source else self._target.number,
                    "channels": (self.inputs, self.outputs) if both else self.outputs}
                self._stream = self._module._StreamBase(
                    kind, samplerate=self.sample_rate, blocksize=self.block, dtype="float32", latency=self._buffer,
                    callback=ffi.cast("PaStreamCallback*", callback), userdata=ffi.cast("void*", lanes.address),
                    wrap_callback=None, clip_off=True, dither_off=True, finished_callback=self._finished.set, **sides)
                self._ask_for_real_time()
                self._stream.start()
        except (self._module.PortAudioError, ValueError) as error:
            raise device_error(error, self._source, self._target, self.sample_rate) from error
        self._heart = Heartbeat(lanes, SERVER_STALLED_S if self.server else STALLED_S, STARTING_S)

    def _ask_for_real_time(self) -> None:
        """Ask ALSA for a real-time callback thread; by default it does not use one."""
        if not sys.platform.startswith("linux") or self._target.api != "ALSA":
            return
        library = ctypes.CDLL(self._module._libname)
        pointer = int(self._module._ffi.cast("intptr_t", self._stream._ptr))
        if library.PaAlsa_EnableRealtimeScheduling(ctypes.c_void_p(pointer), 1) != 0:
            self.warning = "no real-time scheduling: dropouts are more likely (see ulimit -r and the group `audio`)"

    def measure_latency_ms(self) -> float:
        """Measure from output 1 through a cable to input 1, before `start`. RtsepError if nothing is heard."""
        if self._source is None:
            raise RtsepError("--measure-latency needs an input: give --input DEV")
        try:
            return measure_ms(self._play_and_record, self.sample_rate)
        except self._module.PortAudioError as error:
            raise device_error(error, self._source, self._target, self.sample_rate) from error

    def _play_and_record(self, sent: Floats) -> Floats:
        heard = self._module.playrec(
            sent[:, None], samplerate=self.sample_rate, channels=1, dtype="float32", blocksize=self.block, latency=self._buffer,
            device=tuple(device.number for device in self._devices), blocking=True)
        return np.asarray(heard)[:, 0]

    def midi_ports(self) -> tuple[str, ...]:
        """Empty: PortAudio carries no notes."""
        return ()

    def midi_parted(self) -> bool:
        """False: PortAudio carries no notes."""
        return False

    def trouble(self) -> str:
        """Why the stream no longer plays, or ""."""
        if self._stream is None or self._heart is None:
            return "not open"
        if self._finished.is_set():
            return "it stopped by itself"
        if not self._stream.active:
            return "it is no longer there"
        return "it stopped asking for sound" if self._heart.stopped() else ""

    def latency_ms(self) -> float | None:
        """Input plus output latency in ms, as the driver reports them; None if the value is not credible."""
        if self._stream is None:
            return None
        latency = self._stream.latency
        seconds = sum(latency) if isinstance(latency, tuple) else latency
        return 1000 * seconds if 0 < seconds < WORST_LATENCY_S else None

    def close(self) -> bool:
        """Stop and close. False: the driver still hangs after two seconds, and is left alone."""
        stream, self._stream = self._stream, None
        if stream is None:
            return True
        closed = closed_in_time(lambda: self._close(stream))
        if not closed:  # At the exit, PortAudio would wait for this stream.
            atexit.unregister(self._module._exit_handler)
        return closed

    def _close(self, stream: Any) -> None:
        with quiet_libraries():
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)


class Opener:
    """Opens the device `wanted`, again after each loss. After an early loss, a sound server gets a longer buffer.

    If a block size was given, it changes nothing. Thread: control.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted, self._buffers = wanted, list(SERVER_BUFFERS_S)
        self._since_s = -EARLY_S
        self._server = False

    def __call__(self, rescan: bool) -> PortAudio:
        now_s = time.monotonic()
        if self._server and now_s < self._since_s + EARLY_S and len(self._buffers) > 1:
            self._buffers.pop(0)
            self._server = False  # One loss is one step, even if the device is away for long.
        device = PortAudio(replace(self._wanted, buffer_s=self._buffers[0]), rescan)
        self._server, self._since_s = device.server and not self._wanted.block, now_s
        return device


def _channels(wanted: int, device: Device, there: int, side: str) -> int:
    if wanted > there:
        raise RtsepError(f"--{side}s {wanted}: {device.label} has {there} {side} channel{'s' if there > 1 else ''}")
    return wanted or min(there, 2)
