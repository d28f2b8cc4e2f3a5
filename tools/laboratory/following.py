"""Playing from a score: finds the stem of every struck key with the compiled note path of the engine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from laboratory.played import Performance
from rtsep.engine.note_path import receiver
from rtsep.engine.separator import Separator
from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.notes.routing import Routing
from rtsep.params import Value
from rtsep.presets.preset import Preset
from rtsep.stages.polyphony import FREE

RATE = 44100.0
VELOCITY = 64


class Keyboard:
    """A keyboard on a separator with `routing`, whose keys are struck for a moment, without sound."""

    def __init__(self, routing: Routing, preset: Preset, params: Mapping[str, Value] | None = None) -> None:
        self._separator = Separator(preset, routing, params)
        self._separator.prepare(RATE, 1, 64)

    def play(self, performance: Performance) -> np.ndarray:
        """The stem of every struck key, int64 [n], decided when the key is struck; -1: it plays nothing."""
        self._separator.reset()
        now = self._separator.prepared
        voices, receive = now.state["voices"], receiver(now)
        found = np.full(len(performance.pitch), -1)
        samples = np.rint(performance.seconds * RATE).astype(np.int64).tolist()
        for number, (sample, pitch) in enumerate(zip(samples, performance.pitch.tolist(), strict=True)):
            receive(sample, 0, NOTE_ON, pitch, VELOCITY, 0)
            struck = np.flatnonzero((voices["status"] != FREE) & (voices["pitch"] == pitch) & (voices["onset"] == sample))
            if len(struck):
                found[number] = voices["stem"][struck[0]]
            receive(sample, 0, NOTE_OFF, pitch, 0, 0)
        return found
