"""Stage: what the told notes leave of a frame. See `rtsep.stages.voice_left`."""

from __future__ import annotations

import numpy as np

from rtsep.reference.passed import Floats
from rtsep.stages.voice_left import CAUTION, LEAST_POWER, LEAST_REST


def leave(V: Floats, notes: Floats, expected: Floats, others: Floats) -> Floats:
    """What the told notes leave of V [bin], by the models of the notes, what is expected of them, and all others."""
    other = others * np.maximum(V - CAUTION * expected, LEAST_REST * V)
    left: Floats = V * other / (other + np.maximum(notes, expected) ** 2 + LEAST_POWER)
    return left
