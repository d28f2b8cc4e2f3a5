"""The preset of a voice's stem: it has no templates, since stage `voice` makes the voice's model."""

from __future__ import annotations

from functools import cache

import numpy as np

from rtsep.presets.preset import PITCHES, PROVENANCE, Preset


@cache
def no_templates() -> Preset:
    """A preset without templates, always the same object."""
    nothing = np.zeros(PITCHES, np.float32)
    rows, pitches = np.zeros((0, 2049), np.float32), np.zeros(0, np.int16)
    return Preset("voice", "A singing voice", 44100, 4096, 512, rows, pitches, (), nothing, nothing,
                  dict.fromkeys(PROVENANCE, ""))
