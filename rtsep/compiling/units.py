"""The units of compiling: object files with a few functions each, which call each other by name."""

from __future__ import annotations

OBJECTS = {  # Name -> the modules that export functions into the object, in EXPORTS[name].
    "estimate": ("rtsep.stages.entries",),
    "engine": ("rtsep.stages.entries",),
    "fft": ("rtsep.kernels.fft",),
    "notes": ("rtsep.stages.entries",),
    "mosaic": ("rtsep.grains.block",),
    "live": ("rtsep.callbacks.portaudio", "rtsep.callbacks.ring", "rtsep.callbacks.taps",
             "rtsep.callbacks.playback"),
    "jack": ("rtsep.callbacks.jack",),
    "bench": ("rtsep.stages.micro_benchmark",),
}
NEEDS = {"estimate": ("fft",), "engine": ("fft", "notes", "estimate"), "mosaic": ("fft", "notes"), "bench": ("fft",)}
CALLED = {"fft": ("forward", "backward"), "notes": ("receive",), "estimate": ("hear",)}  # Functions called by other objects.
JACK = ("jack_port_get_buffer", "jack_midi_get_event_count", "jack_midi_event_get")  # The object "jack" calls these functions.
# Seconds for compiling an object, until this computer has measured it: from one core of an AMD EPYC of 2021, Numba 0.68.
USUAL_S = {"estimate": 14.0, "engine": 15.0, "fft": 3.0, "notes": 2.0, "mosaic": 6.0, "live": 4.0, "jack": 3.5, "bench": 2.5}


def with_needs(*names: str) -> list[str]:
    """These objects and those that they call, each once; an object comes after those that it calls."""
    found: list[str] = []
    for name in names:
        found += [need for need in (*NEEDS.get(name, ()), name) if need not in found]
    return found
