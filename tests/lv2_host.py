"""A host of LV2 plug-ins in Python, of the core specification and of URID, worker and state: it says when the worker works."""

import ctypes
import struct
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_int, c_size_t, c_uint32, c_void_p

import numpy as np
from conftest import in_blocks

MAP = CFUNCTYPE(c_uint32, c_void_p, c_char_p)
SCHEDULE = CFUNCTYPE(c_int, c_void_p, c_uint32, c_void_p)
WORK = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_uint32, c_void_p)


class Feature(Structure):
    """LV2_Feature."""

    _fields_ = [("uri", c_char_p), ("data", c_void_p)]


class Pair(Structure):
    """LV2_URID_Map and LV2_Worker_Schedule: a handle and a function."""

    _fields_ = [("handle", c_void_p), ("function", c_void_p)]


class Descriptor(Structure):
    """LV2_Descriptor."""

    _fields_ = [("uri", c_char_p),
                ("instantiate", CFUNCTYPE(c_void_p, c_void_p, c_double, c_char_p, POINTER(POINTER(Feature)))),
                ("connect_port", CFUNCTYPE(None, c_void_p, c_uint32, c_void_p)), ("activate", CFUNCTYPE(None, c_void_p)),
                ("run", CFUNCTYPE(None, c_void_p, c_uint32)), ("deactivate", c_void_p), ("cleanup", CFUNCTYPE(None, c_void_p)),
                ("extension_data", CFUNCTYPE(c_void_p, c_char_p))]


class Library(Structure):
    """LV2_Lib_Descriptor."""

    _fields_ = [("handle", c_void_p), ("size", c_size_t), ("cleanup", CFUNCTYPE(None, c_void_p)),
                ("get_plugin", CFUNCTYPE(POINTER(Descriptor), c_void_p, c_uint32))]


class Lv2Host:
    """One instance of the plug-in in `folder`. worker: "none" is there; it works "at once", "later" (`work`), or is "full"."""

    def __init__(self, binary, folder, rate, worker):
        self.worker, self.scheduled, self._uris = worker, 0, []
        self._library = ctypes.CDLL(str(binary))
        entry = self._library.lv2_lib_descriptor
        entry.restype = POINTER(Library)
        self._found = entry(f"{folder}/".encode(), None)
        self._plugin = self._found.contents.get_plugin(self._found.contents.handle, 0).contents
        self._calls = MAP(self._map), SCHEDULE(self._schedule)
        pairs = [Pair(None, ctypes.cast(call, c_void_p)) for call in self._calls]
        features = [Feature(uri, ctypes.addressof(pair)) for uri, pair in zip(
            (b"http://lv2plug.in/ns/ext/urid#map", b"http://lv2plug.in/ns/ext/worker#schedule"), pairs, strict=True)]
        features = features[:1] if worker == "none" else features
        self._kept = pairs, features, (POINTER(Feature) * 3)(*map(ctypes.pointer, features))
        self._handle = self._plugin.instantiate(ctypes.byref(self._plugin), rate, f"{folder}/".encode(), self._kept[2])
        interface = self._plugin.extension_data(b"http://lv2plug.in/ns/ext/worker#interface")
        self._work = WORK(c_void_p.from_address(interface).value)

    def _map(self, _handle, uri):
        self._uris += [] if uri in self._uris else [uri]
        return 1 + self._uris.index(uri)

    def _schedule(self, _handle, size, _data):
        assert size, "some hosts refuse an empty message"
        self.scheduled += 1
        if self.worker == "at once":
            self.work()
        return 2 if self.worker == "full" else 0

    def work(self):
        """What a host's worker does."""
        assert self._work(self._handle, None, None, 1, None) == 0

    def activate(self):
        self._plugin.activate(self._handle)

    def _sequence(self, events, begin):
        """LV2_Atom_Sequence of EVENTs, in a block from sample `begin` on."""
        kind, body = self._map(None, b"http://lv2plug.in/ns/ext/midi#MidiEvent"), struct.pack("=II", 0, 0)
        for event in events:
            message = bytes(int(event[name]) for name in ("status", "data1", "data2"))
            body += struct.pack("=qII8s", int(event["sample"]) - begin, 3, kind, message)
        return ctypes.create_string_buffer(struct.pack("=II", len(body), 0) + body)

    def play(self, sound, events, outputs, knobs, sizes, turn=lambda begin: None):
        """What the outputs give for sound [channel, sample] and EVENTs; knobs: {port: [value]}. `turn` before every block."""
        played = np.zeros((outputs, sound.shape[1]), np.float32)
        for begin, end in in_blocks(sound.shape[1], sizes):
            turn(begin)
            notes = self._sequence(events[(events["sample"] >= begin) & (events["sample"] < end)], begin)
            self._plugin.connect_port(self._handle, len(sound), ctypes.addressof(notes))
            for port, plane in [*enumerate(sound), *enumerate(played, len(sound) + 1)]:
                self._plugin.connect_port(self._handle, port, plane[begin:].ctypes.data)
            for port, value in knobs.items():
                self._plugin.connect_port(self._handle, port, value.ctypes.data)
            self._plugin.run(self._handle, end - begin)
        return played

    def close(self):
        self._plugin.cleanup(self._handle)
        self._found.contents.cleanup(self._found.contents.handle)


def control(value):
    """A control port's memory."""
    return np.full(1, value, np.float32)

