"""The plug-in's core in C (rtsep/plugin/native/plugin.h) for Python. All formats of the plug-in share it."""

import ctypes
import shutil
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from conftest import SMALL, in_blocks, make_preset, midi

from rtsep.compiling import machine, portable, store
from rtsep.compiling.target import processor
from rtsep.notes.routing import by_split
from rtsep.plugin.bundle import PluginForm, write_data
from rtsep.plugin.layout import header
from rtsep.plugin.link import ENGINE, NATIVE, SHARED

needs_compiler = pytest.mark.skipif(not shutil.which("cc") or sys.platform == "win32", reason="there is no C compiler")
PITCHES, RATE = [48, 55, 64, 72], 44100


def form_of(name="Keys", presets=None, routing=None, rates=(RATE,), channels=2, split=60, **params):
    """A small plug-in."""
    routing = by_split(None, 60) if routing is None else routing
    presets = presets or {"keys": make_preset(PITCHES, rows=1)}
    return PluginForm(name, routing, {program: (preset,) * len(routing.names) for program, preset in presets.items()},
                      {**SMALL, **params}, rates, channels, split)


def bundle_of(folder, **options):
    """Make the plug-in's form, and write its data into `folder`."""
    form = form_of(**options)
    write_data(form, folder, lambda text: None)
    return form


@contextmanager
def own_processor():
    """Plug-ins are made for this computer's own processor, as the engine is: then both play the same samples, bit for bit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portable, "baseline", lambda system="": processor())
        yield


def build(target, *options, sources=SHARED):
    """Compile the core, with more `sources`, to a shared library. Its functions can be called unless `options` hide them."""
    machine.compile_objects("engine")
    (target.parent / "layout.h").write_text(header())
    objects = [str(store.code_folder() / f"{name}.o") for name in ENGINE]
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared", f"-I{target.parent}",
                    f"-I{NATIVE}", *options, *(str(NATIVE / source) for source in sources), *objects, "-lm", "-o", str(target)],
                   check=True)
    return target


def notes_of(rng, length, pitches=PITCHES, channel=0):
    """Random notes on these keys."""
    events = []
    for at in np.sort(rng.integers(0, length - 4000, 40)).tolist():
        pitch = int(rng.choice(pitches))
        events += [(at, 0x90 | channel, pitch, int(rng.integers(20, 127)), 0),
                   (at + int(rng.integers(200, 4000)), 0x80 | channel, pitch, 0, 0)]
    return midi(*sorted(events))


class Core:
    """One instance of the plug-in with the data in `folder`."""

    def __init__(self, library, folder):
        self._lib, pointer, i64, real = ctypes.CDLL(str(library)), ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
        for name, result, arguments in (
                ("new", pointer, [ctypes.c_char_p]), ("free", None, [pointer]), ("trouble", ctypes.c_char_p, [pointer]),
                ("channels", ctypes.c_int, [pointer]), ("stems", ctypes.c_int, [pointer]), ("knobs", ctypes.c_int, [pointer]),
                ("knob", ctypes.c_char_p, [pointer, ctypes.c_int]), ("prepare", ctypes.c_int, [pointer, real]),
                ("reset", None, [pointer]), ("asks", ctypes.c_int, [pointer]),
                ("serve", ctypes.c_int, [pointer]), ("latency", i64, [pointer]), ("set", None, [pointer, ctypes.c_int, real]),
                ("get", real, [pointer, ctypes.c_int]), ("note", None, [pointer, i64, ctypes.c_char_p, ctypes.c_int]),
                ("process", None, [pointer, i64, pointer, pointer, pointer]),
                ("save", pointer, [pointer, ctypes.POINTER(ctypes.c_size_t)]),
                ("load", ctypes.c_int, [pointer, ctypes.c_char_p, ctypes.c_size_t])):
            function = getattr(self._lib, f"plugin_{name}")
            function.restype, function.argtypes = result, arguments
        self.own = self._lib.plugin_new(str(folder).encode())
        self.knobs = [self._lib.plugin_knob(self.own, k).decode() for k in range(self._lib.plugin_knobs(self.own))]
        self.channels, self.stems = self._lib.plugin_channels(self.own), self._lib.plugin_stems(self.own)

    @property
    def trouble(self):
        return self._lib.plugin_trouble(self.own).decode()

    @property
    def latency(self):
        return self._lib.plugin_latency(self.own)

    def prepare(self, rate=RATE):
        return bool(self._lib.plugin_prepare(self.own, rate))

    def reset(self):
        self._lib.plugin_reset(self.own)

    def asks(self):
        return bool(self._lib.plugin_asks(self.own))

    def serve(self):
        """Call plugin_serve; returns SERVED, SERVED_AT_START or SERVED_NOT."""
        return self._lib.plugin_serve(self.own)

    def set(self, name, value):
        self._lib.plugin_set(self.own, self.knobs.index(name), value)

    def get(self, name):
        return self._lib.plugin_get(self.own, self.knobs.index(name))

    def play(self, sound, events, sizes=(512,), turn=lambda begin: None):
        """Play; returns stems [stem, channel, sample] and mix [channel, sample]. `turn` is called before every block."""
        stems = np.zeros((self.stems, *sound.shape), np.float32)
        mix = np.zeros_like(sound)
        for begin, end in in_blocks(sound.shape[1], sizes):
            turn(begin)
            self.notes(events[(events["sample"] >= begin) & (events["sample"] < end)], begin)
            self.process(end - begin, *(places(planes, begin) for planes in (sound, mix, stems.reshape(-1, sound.shape[1]))))
        return stems, mix

    def notes(self, events, begin):
        """Give the events of the next block, which starts at sample `begin`."""
        for event in events:
            message = bytes(int(event[name]) for name in ("status", "data1", "data2"))
            self._lib.plugin_note(self.own, int(event["sample"]) - begin, message, 3)

    def process(self, frames, *planes):
        """Play a block; `planes` are the `places` of input, mix and stems."""
        self._lib.plugin_process(self.own, frames, *planes)

    def save(self):
        size = ctypes.c_size_t()
        data = self._lib.plugin_save(self.own, ctypes.byref(size))
        try:
            return ctypes.string_at(data, size.value)
        finally:
            ctypes.CDLL(None).free(ctypes.c_void_p(data))

    def load(self, data):
        return bool(self._lib.plugin_load(self.own, data, len(data)))

    def close(self):
        self._lib.plugin_free(self.own)


def places(planes, begin=0):
    """The addresses of a sample in all planes, for C."""
    return (ctypes.c_void_p * max(len(planes), 1))(*(plane[begin:].ctypes.data for plane in planes))
