"""What the picture shows: a column of a spectrogram, a band for each semitone, and the notes whose templates are open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rtsep.engine.streaming import open_notes
from rtsep.hosts.player import Player
from rtsep.remote.view import View

FRAME = 4096  # Samples that each column hears.
LOWEST, BANDS = 21, 108  # The MIDI pitch of the lowest band, and the number of bands: from 27.5 Hz to 13 kHz.
FLOOR_DB = -96.0  # The level, in dB below a sine of full scale, that is drawn as nothing.
MIX, INPUT = "mix", "input"  # What can be looked at beside the stems.

Floats = npt.NDArray[np.float64]


class Spectrum:
    """Columns of spectrograms of sound at `sample_rate` Hz."""

    def __init__(self, sample_rate: float) -> None:
        self._window = np.hanning(FRAME)
        edges = 440 * 2 ** ((LOWEST - 69 + np.arange(BANDS + 1) - 0.5) / 12) * FRAME / sample_rate
        self._centres = np.sqrt(edges[:-1] * edges[1:])
        self._first = np.clip(np.ceil(edges[:-1]).astype(int), 0, FRAME // 2)
        self._wide = (self._first + 1 < edges[1:]) & (edges[1:] < FRAME // 2)  # These hold two bins or more.

    def column(self, sound: npt.NDArray[np.float32]) -> bytes:
        """A byte for each band of the last FRAME samples: 0 for FLOOR_DB and below, 255 for full scale."""
        magnitude = np.abs(np.fft.rfft(sound * self._window)) / (FRAME / 4)
        bands = np.interp(self._centres, np.arange(len(magnitude)), magnitude, right=0.0)
        loudest = np.maximum.reduceat(magnitude, self._first)
        bands[self._wide] = np.maximum(bands, loudest)[self._wide]
        level = 20 * np.log10(np.maximum(bands, 1e-9))
        return np.clip(255 * (1 - level / FLOOR_DB), 0, 255).astype(np.uint8).tobytes()


def sources(view: View) -> tuple[str, ...]:
    """What can be looked at."""
    return (MIX, INPUT, *view.stems)


def columns(player: Player, view: View, spectrum: Spectrum, wanted: Sequence[str]) -> dict[str, bytes]:
    """The present column of everything that is wanted. Thread: any one."""
    stems = player.lanes.stem_ear.last(FRAME)
    found = {}
    for name in wanted:
        if name == INPUT or (name == MIX and view.status.bypass):
            sound = player.lanes.ear.last(FRAME).mean(axis=0)
        elif name == MIX:
            sound = _gains(view) @ stems
        else:
            sound = stems[view.stems.index(name)]
        found[name] = spectrum.column(sound)
    return found


def _gains(view: View) -> npt.NDArray[np.float32]:
    """How loud each stem is in the mix."""
    stems = view.status.stems
    soloed = any(stem.soloed for stem in stems)
    heard = [not stem.muted and (stem.soloed or not soloed) for stem in stems]
    return np.array([10 ** (stem.gain_db / 20) * on for stem, on in zip(stems, heard, strict=True)], np.float32)


def notes(player: Player, view: View) -> bytes:
    """Stem, MIDI pitch, and whether it is held (1) or fades (0), of every open note; none while no device plays."""
    if view.status.state != "playing":
        return b""
    return bytes(number for note in open_notes(player.separator.prepared) for number in note)
