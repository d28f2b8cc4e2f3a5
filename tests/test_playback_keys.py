"""A recording plays through JACK: a real MIDI keyboard opens its stems, and keys in a real terminal control it."""

import sys
import threading
from collections import deque

import numpy as np
import pytest
import soundfile
from jack_clients import Keyboard
from jack_server import jack_server, needs_jack  # noqa: F401
from tmux import Terminal, needs_tmux

pytestmark = [needs_tmux, needs_jack]
RATE, SECONDS, PITCH, WATCHDOG_S = 48000, 120, 60, 20
LOUD, SILENT = 0.05, 1e-4  # The least peak of a stem that sounds, and the greatest of a stem that does not.


class Ears:
    """A JACK client that hears the stem piano and the mix, and keeps the peaks of the cycles of the last second."""

    def __init__(self):
        import jack

        self.client = jack.Client("ears", no_start_server=True)
        self._ports = [self.client.inports.register(name) for name in ("piano", "mix")]
        self._peaks = [deque(maxlen=RATE // 128 // 2) for _ in self._ports]
        self._changed = threading.Condition()
        self.client.set_process_callback(self._process)

    def _process(self, _frames):
        with self._changed:
            for port, peaks in zip(self._ports, self._peaks, strict=True):
                peaks.append(float(np.abs(port.get_array()).max()))
            self._changed.notify()

    def __enter__(self):
        self.client.activate()
        self.client.connect("rtsep:piano", "ears:piano")
        self.client.connect("rtsep:mix_1", "ears:mix")
        return self

    def __exit__(self, *_error):
        self.client.deactivate()
        self.client.close()

    def until(self, piano, mix):
        """Wait for half a second in which the stem and the mix, in this order, are loud (True) or silent (False) throughout."""
        def fits():
            return all(len(peaks) == peaks.maxlen and (min(peaks) > LOUD if loud else max(peaks) < SILENT)
                       for peaks, loud in zip(self._peaks, (piano, mix), strict=True))

        with self._changed:
            self._again()
            assert self._changed.wait_for(fits, WATCHDOG_S), [(min(peaks), max(peaks)) for peaks in self._peaks]

    def _again(self):
        for peaks in self._peaks:
            peaks.clear()


@pytest.fixture
def song(tmp_path):
    """A steady tone of one pitch with partials. Only the keyboard gives notes for it."""
    t = np.arange(SECONDS * RATE) / RATE
    hz = 440 * 2 ** ((PITCH - 69) / 12)
    tone = sum(np.sin(2 * np.pi * m * hz * t) / m for m in range(1, 8))
    soundfile.write(tmp_path / "song.wav", (0.3 * tone / np.abs(tone).max()).astype(np.float32), RATE, subtype="FLOAT")


def test_a_keyboard_opens_the_stem_of_a_recording_and_keys_drive_it(jack_server, song, tmp_path):  # noqa: F811
    command = ("rtsep live --jack --inputs 1 --play song.wav --preset piano --mode live --set window_samples=1024 "
               "--set background_learns=off")
    with Terminal(tmp_path, jack_server.environment) as terminal:
        terminal.type(f"{sys.executable} -m {command}", "Enter")
        terminal.until(lambda text: "q: quit" in text and "song.wav 0:0" in text)
        with Ears() as ears, Keyboard() as keys:
            ears.until(piano=False, mix=True)
            keys.play(0x90, PITCH, 90)
            ears.until(piano=True, mix=True)
            keys.play(0x80, PITCH, 0)
            ears.until(piano=False, mix=True)
            keys.play(0x90, PITCH, 90)
            ears.until(piano=True, mix=True)
            terminal.type("Enter")
            terminal.until("paused")
            ears.until(piano=False, mix=False)
            terminal.type("Enter")
            ears.until(piano=True, mix=True)
            terminal.type(".", ".", ".")
            terminal.until(lambda text: any(f"song.wav 0:{second}" in text for second in range(15, 39)))
            ears.until(piano=True, mix=True)
            terminal.type("a")
            terminal.until("loop from 0:")
            ears.until(piano=True, mix=True)
            terminal.type("a")
            terminal.until(" to 0:")
            for _ in range(4):
                ears.until(piano=True, mix=True)
            terminal.type("a")
            terminal.until(lambda text: "loop from" not in text)
            terminal.type(*",,,,,,,,,,,,")
            terminal.until(lambda text: any(f"song.wav 0:0{second}" in text for second in range(6)))
            ears.until(piano=True, mix=True)
            keys.play(0x80, PITCH, 0)
            ears.until(piano=False, mix=True)
        terminal.type("q")
        terminal.until("rtsep: played")
