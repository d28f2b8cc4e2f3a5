"""Names of pitches. This module loads nothing, so that typing errors are reported at once."""

from __future__ import annotations

import re

from rtsep.errors import RtsepError

PITCHES = 128  # MIDI's number of pitches.
_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}


def parse_pitch(text: str) -> int:
    """The MIDI pitch, 0 to 127, of a note name or number: "C4" = "60", "F#3", "Bb2", "c-1". RtsepError: any other text."""
    word = text.strip()
    name = re.fullmatch(r"([A-Ga-g])([#♯b♭]?)(-?[0-9]{1,2})", word)
    if name:
        step, accidental, octave = name.groups()
        pitch = 12 * (int(octave) + 1) + _STEPS[step.lower()] + _ACCIDENTALS[accidental]
    else:
        pitch = int(word) if re.fullmatch("[0-9]{1,3}", word) else -1
    if not 0 <= pitch < PITCHES:
        raise RtsepError(f"pitch {text!r}: give a note from C-1 to G9, such as C4, F#3 or Bb2, or a number from 0 to 127")
    return pitch
