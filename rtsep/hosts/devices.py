"""Sound devices: list them, find the one that an option means, and explain errors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rtsep.errors import RtsepError
from rtsep.hosts.asked import nearest
from rtsep.hosts.driver import import_library

AVOIDED = "JACK Audio Connection Kit"  # PortAudio's own view of JACK: it hangs when the server dies. --jack does not use it.
BUILT_IN = re.compile(r"built.?in|internal|macbook|imac|hda intel|pch|realtek|conexant|cirrus logic|sof-|laptop", re.I)
PULSE = "pulse"  # ALSA's name for its plugin to PulseAudio.
PULSE_BLOCK = 1024  # The smallest block, in samples, with which this plugin plays for long.
RATE, CHANNELS, UNAVAILABLE, DEVICE = -9997, -9998, -9985, -9996  # Errors of PaErrorCode in portaudio.h.


@dataclass(frozen=True)
class Device:
    """A sound device as PortAudio lists it, with the low latencies that its driver reports."""

    number: int
    name: str
    api: str
    inputs: int
    outputs: int
    sample_rate: float
    input_latency_ms: float
    output_latency_ms: float

    @property
    def label(self) -> str:
        """The name with the host API."""
        return f"{self.name} ({self.api})"


def import_sounddevice() -> Any:
    """The module. RtsepError, which says what to install, if PortAudio is missing."""
    return import_library("sounddevice", "live sound needs PortAudio, which is missing here ({}). On Debian and Ubuntu: "
                          "sudo apt install libportaudio2. rtsep render works without it")


def list_devices(sounddevice: Any) -> list[Device]:
    """All sound devices, except PortAudio's own view of JACK."""
    apis = [api["name"] for api in sounddevice.query_hostapis()]
    return [
        Device(number, found["name"], apis[found["hostapi"]], found["max_input_channels"], found["max_output_channels"],
               found["default_samplerate"], 1000 * found["default_low_input_latency"],
               1000 * found["default_low_output_latency"])
        for number, found in enumerate(sounddevice.query_devices())
        if apis[found["hostapi"]] != AVOIDED
    ]


def find_device(devices: Sequence[Device], wanted: str | None, side: str, default: int) -> Device:
    """The device for `side` ("input" or "output"): a number, a name, part of a name, or None for the default one."""
    able = [device for device in devices if (device.inputs if side == "input" else device.outputs) > 0]
    if not able:
        raise RtsepError(f"there is no {side} device; connect one, or separate files with rtsep render")
    if wanted is None:
        return next((device for device in able if device.number == default), able[0])
    if wanted.isdecimal():
        found = [device for device in able if device.number == int(wanted)]
    else:
        found = [device for device in able if wanted in (device.name, device.label)]
        found = found or [device for device in able if wanted.lower() in device.label.lower()]
    if len({device.name for device in found}) == 1:
        return found[0]
    listing = ", ".join(f"{device.number}: {device.label}" for device in found or able)
    if found:
        raise RtsepError(f"--{side} {wanted}: several {side} devices have this name: {listing}; give a number")
    near = nearest(wanted, [name for device in able for name in (device.name, device.label)])
    raise RtsepError(f"--{side} {wanted}: no {side} device has this name{near}; the {side} devices are {listing}")


def holding_block(device: Device, devices: Sequence[Device]) -> int:
    """The block size, in samples, that `device` needs; with smaller blocks it is lost again and again. 0: any size.

    ALSA's plugin to PulseAudio needs it. ALSA's `default` is this plugin if it has the same number of channels.
    """
    channels = {(each.inputs, each.outputs) for each in devices if each.name == PULSE and each.api == "ALSA"}
    behind = device.name == PULSE or (device.name == "default" and (device.inputs, device.outputs) in channels)
    return PULSE_BLOCK if device.api == "ALSA" and behind else 0


def feedback_risk(source: Device, target: Device) -> bool:
    """Whether microphone and loudspeaker are built into the same computer, so that one hears the other."""
    return bool(BUILT_IN.search(source.name) and BUILT_IN.search(target.name))


def device_error(error: Exception, source: Device | None, target: Device | None, rate: float) -> RtsepError:
    """The message for a device that could not be opened."""
    code = next((word for word in getattr(error, "args", ()) if isinstance(word, int)), 0)
    names = " and ".join(dict.fromkeys(device.label for device in (source, target) if device is not None))
    rates = ", ".join(f"{device.sample_rate:g}" for device in (source, target) if device is not None)
    sentences: Mapping[int, str] = {
        RATE: f"{names} cannot run at {rate:g} Hz; its usual rate is {rates} Hz: give --rate",
        CHANNELS: f"{names} has fewer channels than you asked for: see rtsep devices, and give --inputs and --outputs",
        UNAVAILABLE: f"{names} is busy: another program uses it; close that program, or choose another device",
        DEVICE: f"{names} is gone; plug it in, and see rtsep devices",
    }
    told = error.args[0] if error.args else type(error).__name__
    return RtsepError(sentences.get(code, f"{names} could not be opened: {told}"))
