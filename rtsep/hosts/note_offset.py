"""How much later the sound of notes begins than the notes say, as the engine hears both."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

BEFORE_S, AFTER_S = 0.15, 0.25  # The beginning of a note's sound is looked for so many seconds around the note.
WINDOW_S, STEP_S = 0.012, 0.001  # Levels of partials are taken over so many seconds, at so many seconds.
RISE_S = 0.01  # The rise of a level is taken over this many seconds.
PARTIALS = 3  # The level of a note is that of so many partials.
FLOOR = 1e-4  # Levels below this magnitude are none.
LEAST = 4  # Fewer notes than this tell nothing.


def note_offset_ms(sound: npt.NDArray[np.float32], rate: float, notes: Iterable[tuple[float, int]]) -> float | None:
    """The median over `notes` (onset in seconds, pitch) in `sound` [sample], in ms; positive: notes first. None: too few."""
    return median_ms(offset_s(sound, rate, onset_s, pitch) for onset_s, pitch in notes)


def median_ms(offsets_s: Iterable[float | None]) -> float | None:
    """The median of single notes' offsets in ms; None if there are too few."""
    found = [each for each in offsets_s if each is not None]
    return 1000 * float(np.median(found)) if len(found) >= LEAST else None


def offset_s(sound: npt.NDArray[np.float32], rate: float, onset_s: float, pitch: int) -> float | None:
    """The offset of one note in seconds; None if nothing begins around it."""
    first, last = round((onset_s - BEFORE_S) * rate), round((onset_s + AFTER_S) * rate)
    if first < 0 or last > len(sound):
        return None
    piece, t = sound[first:last].astype(np.float64), np.arange(last - first) / rate
    window = np.hanning(max(round(WINDOW_S * rate), 3))
    hz = 440 * 2 ** ((pitch - 69) / 12) * np.arange(1, PARTIALS + 1)
    bands = [np.abs(np.convolve(piece * np.exp(-2j * np.pi * f * t), window / window.sum(), "same")) for f in hz]
    level = np.log(np.sum(bands, axis=0)[:: max(round(STEP_S * rate), 1)] + FLOOR)
    steps = round(RISE_S / STEP_S)
    rise = level[steps:] - level[:-steps]
    if rise.max() < 1:  # Nothing began there.
        return None
    return float((rise.argmax() + steps / 2) * max(round(STEP_S * rate), 1) / rate - BEFORE_S)
