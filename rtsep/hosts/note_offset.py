"""How much later the sound of notes begins than the notes, as the engine hears both."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

BEFORE_S, AFTER_S = 0.15, 0.25  # The onset of the sound is searched from this many seconds before the note to this many after.
WINDOW_S, STEP_S = 0.012, 0.001  # Levels of partials are means over a window of this many seconds, in steps of this many.
RISE_S = 0.01  # The rise of a level is its difference over this many seconds.
PARTIALS = 3  # The level of a note is the sum of this many partials.
FLOOR = 1e-4  # Levels below this magnitude count as silence.
LEAST = 4  # Fewer notes than this give no result.


def note_offset_ms(sound: npt.NDArray[np.float32], rate: float, notes: Iterable[tuple[float, int]]) -> float | None:
    """The median offset of `notes` (onset in seconds, pitch) in `sound` [sample], in ms; positive: notes come first.

    None: too few notes.
    """
    return median_ms(offset_s(sound, rate, onset_s, pitch) for onset_s, pitch in notes)


def median_ms(offsets_s: Iterable[float | None]) -> float | None:
    """The median of the offsets of single notes, in ms; None if there are too few."""
    found = [each for each in offsets_s if each is not None]
    return 1000 * float(np.median(found)) if len(found) >= LEAST else None


def offset_s(sound: npt.NDArray[np.float32], rate: float, onset_s: float, pitch: int) -> float | None:
    """The offset of one note in seconds; None if no sound begins near it."""
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
