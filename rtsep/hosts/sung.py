"""What the engine finds of a voice during a run: its pitch, and the files that are made of it."""

from __future__ import annotations

import math

import numpy as np

from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.hosts.words import note_name
from rtsep.notes.sung import SungPitch, midi_of, notes_of
from rtsep.stages.voice_pitch import TRACE


def told_note(engine: Engine) -> str:
    """The note that the voice sings now, such as "A4 +12 cents"; "-" in a rest, "" if the engine has no voice."""
    if not isinstance(engine, Separator) or engine.routing.voice is None:
        return ""
    state = engine.prepared.state
    hz = float(state["pitch_trace"][(int(state["pitch_frames"][0]) - 1) % TRACE, 0])
    if not hz > 0:
        return "-"
    pitch = 69 + 12 * math.log2(hz / 440)
    cents = round(100 * (pitch - round(pitch)))
    return f"{note_name(round(pitch))} {cents:+d} cents"


class Listener:
    """Reads the pitch of the voice from a separator that has such a stem. Call `listen` at least once in TRACE hops.

    `start_s`: the time of the first sample that the separator gets.
    """

    def __init__(self, separator: Separator, start_s: float = 0.0) -> None:
        now = separator.prepared
        self._hop_s = separator.framing.hop / separator.sample_rate
        # A frame has the time of the middle of its window.
        self._first_s = start_s + self._hop_s - now.plan.values["melody_middle"] / separator.sample_rate
        self._separator, self._frames = separator, 0
        self._pieces: list[np.ndarray] = []

    def listen(self) -> None:
        """Take the frames since the last call."""
        state = self._separator.prepared.state
        frames = int(state["pitch_frames"][0])
        numbers = np.arange(max(self._frames, frames - TRACE), frames)
        self._pieces.append(np.column_stack([self._first_s + numbers * self._hop_s, state["pitch_trace"][numbers % TRACE]]))
        self._frames = frames

    def found(self) -> SungPitch:
        """The pitch of all frames so far."""
        rows = np.concatenate(self._pieces) if self._pieces else np.zeros((0, 3))
        return SungPitch(*rows.T.astype(np.float64))


def names_of(voice: str) -> tuple[str, ...]:
    """The names of the files of a voice's stem; none if `voice` is empty."""
    return (f"{voice}.csv", f"{voice}.mid") if voice else ()


def files_of(sung: SungPitch, name: str) -> dict[str, bytes | str]:
    """The files of a voice called `name` by their names: its pitch as a table, and its notes with bends. Times are in steps."""
    return dict(zip(names_of(name), (sung.table(), midi_of(notes_of(sung), name)), strict=True))
