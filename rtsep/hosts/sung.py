"""What the engine finds of a voice during a run: its pitch, and the files that are made of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from rtsep.callbacks.shared import RECORDED
from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.files.results import UnwritableError, atomic_write
from rtsep.hosts.lanes import Lanes
from rtsep.hosts.words import note_name
from rtsep.notes.sung import SungPitch, midi_of, notes_of, semitones
from rtsep.stages.voice_pitch import TRACE

LOOKS = 5  # The last looks at a recording tell where its sound is.
FORGOTTEN_S = 1.0  # Without a recording, the pitch of this many seconds is kept.


def told_note(engine: Engine) -> str:
    """The note that the voice sings now, such as "A4 +12 cents"; "-" in a rest, "" if the engine has no voice."""
    if not isinstance(engine, Separator) or engine.routing.voice is None:
        return ""
    state = engine.prepared.state
    hz = float(state["pitch_trace"][(int(state["pitch_frames"][0]) - 1) % TRACE, 0])
    if not hz > 0:
        return "-"
    pitch = float(semitones(np.array(hz)))
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

    def hears(self, separator: Separator) -> bool:
        """Whether it listens to this separator, which has not begun again."""
        return separator is self._separator and int(separator.prepared.state["pitch_frames"][0]) >= self._frames

    def forget(self, seconds: float) -> None:
        """Forget all frames but those of the last `seconds`, and a few more."""
        kept = int(seconds / self._hop_s)
        while len(self._pieces) > 1 and sum(map(len, self._pieces[1:])) >= kept:
            del self._pieces[0]

    def found(self) -> SungPitch:
        """The pitch of all frames so far."""
        rows = np.concatenate(self._pieces) if self._pieces else np.zeros((0, 3))
        return SungPitch(*rows.T.astype(np.float64))


class TakenVoice:
    """The pitch of the voice during live playing, for the files of takes.

    `look` must be called at least once in TRACE hops; it keeps the last FORGOTTEN_S while nothing is recorded. Threads: control
    looks, and the recorder's thread saves.
    """

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._listener: Listener | None = None
        self._name = ""
        self._recorded = 0  # Samples of recordings at the last look.
        # In the last looks: samples of recordings, less samples of the engine. Some are wrong where a recording begins or ends.
        self._shifts = deque[int](maxlen=LOOKS)

    def look(self, engine: Engine, recording: bool) -> None:
        """Take the frames since the last call, if the engine has a voice."""
        if not isinstance(engine, Separator) or engine.routing.voice is None:
            return
        if self._listener is None or not self._listener.hears(engine):
            self._listener = Listener(engine)
            self._name = engine.stem_names[engine.routing.voice]
        recorded = self._lanes.word(RECORDED)
        if recorded != self._recorded:
            self._shifts.append(recorded - int(engine.prepared.state["position"][0]))
        self._recorded = recorded
        self._listener.listen()
        if not recording:
            self._listener.forget(FORGOTTEN_S)

    def save(self, folder: Path, seconds: float, at: Callable[[int], int], say: Callable[[str], None]) -> None:
        """Write the files of a take of this length; `at` gives the sample of the take for a sample of recordings.

        If this fails, the player is told. An empty take has no folder, and gets no files.
        """
        if self._listener is None or not self._shifts or not folder.exists():
            return
        rate, sung = self._lanes.sample_rate, self._listener.found()
        samples = np.rint(sung.times_s * rate + np.median(self._shifts)).astype(np.int64)
        times_s = np.array([at(sample) for sample in samples.tolist()], np.float64) / rate
        for name, content in files_of(replace(sung, times_s=times_s).at_steps(0, seconds), self._name).items():
            try:
                atomic_write(folder / name, content.encode() if isinstance(content, str) else content)
            except UnwritableError as error:
                say(f"the take is whole, but without {name}: {error}")


def names_of(voice: str) -> tuple[str, ...]:
    """The names of the files of a voice's stem; none if `voice` is empty."""
    return (f"{voice}.csv", f"{voice}.mid") if voice else ()


def files_of(sung: SungPitch, name: str) -> dict[str, bytes | str]:
    """The files of a voice called `name` by their names: its pitch as a table, and its notes with bends. Times are in steps."""
    return dict(zip(names_of(name), (sung.table(), midi_of(notes_of(sung), name)), strict=True))
