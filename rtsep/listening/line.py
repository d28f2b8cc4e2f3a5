"""Turns the sound of a single line into notes with bends while it comes in: clarity, ears, scores and the best path.

It serves one instrument that plays one note at a time, or a voice. `transcriber` hears chords.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rtsep.fit.hearing import HIGHEST, LOWEST
from rtsep.listening.clarity import Clarity
from rtsep.listening.ears import STEP_S, Ears
from rtsep.listening.line_path import LAG, Decided, LinePath
from rtsep.listening.line_scores import LineScores, Scored
from rtsep.listening.transcriber import Told
from rtsep.presets.preset import Preset

LINE_LOWEST, LINE_HIGHEST = 36, 84  # The range without a preset, as MIDI pitches: that of voices.
REST_S = 0.3  # So much silence after the end of the sound ends all notes.
LATE_S = 0.02  # Onsets are heard this many seconds late; the median on the tuning lines.
LOUDEST, DB_OF_DOUBLE = 98.0, 12.0  # The velocity of the loudest note, and by how many dB half of it is softer.


class Sounding(NamedTuple):
    """In one frame, a note sounds so many semitones above its pitch."""

    second: float
    above: float


class LineTranscriber:
    """Hears a single line in sound of `channels` channels at `sample_rate` Hz, with the rows of `presets`, or combs.

    span: the lowest and the highest MIDI pitch; usually those of the presets. The same sound gives the same notes, whatever the
    sizes of its blocks. sounded: of the notes that began so far, in order, how they sounded above their pitches.
    """

    def __init__(self, presets: Sequence[Preset], sample_rate: float, channels: int = 1,
                 span: tuple[int, int] | None = None) -> None:
        self._rate, self._channels = sample_rate, channels
        self._span = span or span_of(presets)
        self._ears = Ears(presets, sample_rate, channels)
        self._clarity = Clarity(*self._span, sample_rate, channels)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._ears.reset()
        self._clarity.reset()
        self._scores, self._path = LineScores(*self._span), LinePath(self._span[1] - self._span[0] + 1)
        self._kept = deque[Scored](maxlen=LAG + 1)
        self._frame, self._sounds = 0, -1  # How many frames were decided, and the number of the pitch that sounds.
        self.sounded = list[list[Sounding]]()

    def hear(self, block: npt.ArrayLike) -> list[Told]:
        """What is found at the end of `block`, float32 [channel, sample]; it lies 130 ms before that."""
        found = list[Told]()
        for scored in self._scores.step(self._clarity.hear(block), self._ears.hear(block)):
            self._kept.append(scored)
            if (decided := self._path.step(scored.score, scored.bonus)) is not None:
                found += self._told(decided)
        return found

    def finish(self) -> list[Told]:
        """The last notes, and the ends of those that still sound."""
        return [*self.hear(np.zeros((self._channels, round(REST_S * self._rate)), np.float32)), *self._told(Decided(-1, False))]

    def _told(self, decided: Decided) -> list[Told]:
        """What changes in the oldest frame that is kept."""
        found, second = list[Told](), max(self._frame * STEP_S - LATE_S, 0.0)
        if self._sounds >= 0 and (decided.begins or decided.pitch != self._sounds):
            found.append(Told(second, self._span[0] + self._sounds, 0))
        if decided.pitch >= 0 and (decided.begins or decided.pitch != self._sounds):
            loud_db = max(scored.level_db for scored in self._kept)
            velocity = int(np.clip(round(LOUDEST * 2 ** (loud_db / DB_OF_DOUBLE)), 1, 127))
            found.append(Told(second, self._span[0] + decided.pitch, velocity))
            self.sounded.append([])
        if decided.pitch >= 0:
            self.sounded[-1].append(Sounding(second, float(self._kept[0].above[decided.pitch])))
        self._sounds = decided.pitch
        self._frame += 1
        return found


def span_of(presets: Iterable[Preset]) -> tuple[int, int]:
    """The lowest and the highest MIDI pitch of presets, within those of the ears; without presets, those of voices."""
    pitches = [int(pitch) for preset in presets for pitch in preset.row_pitch]
    if not pitches:
        return LINE_LOWEST, LINE_HIGHEST
    return max(min(pitches), LOWEST), min(max(pitches), HIGHEST)
