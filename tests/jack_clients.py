"""JACK clients that tests play against: a keyboard, an instrument with its sound, and a sound card with a cable."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

SETTLED = 3  # A change of connections takes effect after this many cycles.
WATCHDOG_S = 60


class Keyboard:
    """A client `keys` with one MIDI output; leaving `with` closes it."""

    def __init__(self):
        import jack

        self.client = jack.Client("keys", no_start_server=True)
        self._waiting = deque()
        self._port = self.client.midi_outports.register("midi")
        self._cycles = 0
        self.client.set_process_callback(self._process)

    def _process(self, _frames):
        self._cycles += 1
        self._port.clear_buffer()
        while self._waiting:
            self._port.write_midi_event(0, self._waiting.popleft())

    def connect(self):
        """Connect it to `rtsep`. A connection takes effect in the next cycle; what is played before is lost."""
        self.client.connect("keys:midi", "rtsep:midi_in")
        cycles, until_s = self._cycles, time.monotonic() + WATCHDOG_S
        while self._cycles < cycles + SETTLED and time.monotonic() < until_s:
            time.sleep(0.001)

    def play(self, *message):
        self._waiting.append(message)

    def __enter__(self):
        self.client.activate()
        self.connect()
        return self

    def __exit__(self, *_error):
        self.client.deactivate()
        self.client.close()


class Instrument:
    """A client `instrument` that plays `sound` [sample] to in_1 in a loop, with its `notes`, messages by sample."""

    def __init__(self, sound, notes):
        import jack

        self.client = jack.Client("instrument", no_start_server=True)
        self._sound, self._notes, self._at = sound, notes, 0
        self._out, self._midi = self.client.outports.register("out"), self.client.midi_outports.register("midi")
        self.client.set_process_callback(self._process)

    def _process(self, frames):
        self._midi.clear_buffer()
        for sample in (sample for sample in self._notes if self._at <= sample < self._at + frames):
            self._midi.write_midi_event(sample - self._at, self._notes[sample])
        piece = self._sound[self._at : self._at + frames]
        self._out.get_array()[:] = np.concatenate([piece, np.zeros(frames - len(piece), np.float32)])
        self._at = self._at + frames if self._at < len(self._sound) else 0

    def __enter__(self):
        self.client.activate()
        self.client.connect("instrument:out", "rtsep:in_1")
        self.client.connect("instrument:midi", "rtsep:midi_in")
        return self

    def __exit__(self, *_error):
        self.client.deactivate()
        self.client.close()


class Cable:
    """A client `card` with a physical input and output. `heard` joins them: output 1 comes back `delay` samples later."""

    def __init__(self, delay, change=lambda samples: samples):
        import jack

        self.client = jack.Client("card", no_start_server=True)
        self._play = self.client.inports.register("playback_1", is_physical=True)
        self._capture = self.client.outports.register("capture_1", is_physical=True)
        self._held, self._change = np.zeros(delay, np.float32), change
        self.client.set_process_callback(self._process)

    def _process(self, frames):
        both = np.concatenate([self._held, self._play.get_array()])
        self._held = both[frames:]
        self._capture.get_array()[:] = self._change(both[:frames])

    def __enter__(self):
        self.client.activate()
        return self

    def __exit__(self, *_error):
        self.client.deactivate()
        self.client.close()
