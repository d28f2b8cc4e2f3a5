"""Whether the notes of each stem sound in the input at all. This does not depend on what the engine does with them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rtsep.callbacks.shared import POSITION
from rtsep.engine.separator import Separator
from rtsep.fit.hearing import HIGHEST, LOWEST, Rows, combs, listen
from rtsep.hosts.player import Player

LOOK_S = 1.0  # Notes are checked at intervals of this many seconds of sound.
MOST = 4  # In each interval, the first notes of a stem, this many, are checked; each takes a few milliseconds.
AFTER_S, STEPS = 0.06, 5  # The sound of a note is searched from this many seconds after its onset, at this many places.
AGE_S = 0.4  # A note is checked when it is this many seconds old.
SOUNDS = 0.03  # A note sounds if the activation of its pitch is more than this share of the loudest pitch's.


class _Piece:
    """Sound [channel, sample], with the interface of an open file."""

    def __init__(self, sound: npt.NDArray[np.float32], rate: int) -> None:
        self._sound, self.sample_rate, self.frames = sound, rate, sound.shape[1]

    def read(self, begin: int, end: int) -> npt.NDArray[np.float32]:
        """The samples from `begin` to `end`."""
        return self._sound[:, begin:end]


class SoundingNotes:
    """For each stem, how many notes were checked so far, and how many of them sound. Thread: control."""

    def __init__(self) -> None:
        self.told, self.sounding = list[int](), list[int]()
        self._looked = 0  # Notes before this sample were checked.
        self._rows: Rows | None = None

    def look(self, player: Player) -> None:
        """Check the notes that are old enough now, if it is time again. Drums and mosaics have no pitches to search for."""
        lanes, engine = player.lanes, player.separator
        until = lanes.word(POSITION) - round(AGE_S * lanes.sample_rate)
        stems = len(engine.stem_names)
        self.told, self.sounding = self.told or [0] * stems, self.sounding or [0] * stems
        if until < self._looked + LOOK_S * lanes.sample_rate or not isinstance(engine, Separator):
            return
        heard = lanes.ear.heard(max(self._looked - round(AGE_S * lanes.sample_rate), 0))
        onsets = heard.first + np.rint(heard.notes["onset_s"] * heard.rate).astype(np.int64)
        notes = heard.notes[(onsets >= self._looked) & (onsets < until)]
        self._looked = until
        stem_of = engine.routing.table[notes["part"], notes["channel"], notes["pitch"]]
        piece = _Piece(heard.sound, heard.rate)
        for stem, preset in enumerate(engine.presets):
            pitched = (preset.row_age_s == preset.row_age_s[:1]).all()
            for note in notes[(stem_of == stem) & (notes["pitch"] >= LOWEST) & (notes["pitch"] <= HIGHEST)][: MOST * pitched]:
                self.told[stem] += 1
                self.sounding[stem] += self._sounds(piece, float(note["onset_s"]), int(note["pitch"]))

    def _sounds(self, piece: _Piece, onset_s: float, pitch: int) -> bool:
        self._rows = self._rows or combs(piece.sample_rate)
        levels = listen(piece, self._rows, onset_s + AFTER_S, STEPS)
        return bool(levels[:, pitch - LOWEST].max() > SOUNDS * levels.max())
