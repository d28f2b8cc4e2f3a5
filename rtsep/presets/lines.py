"""Which presets play single lines: instruments that sound one note at a time."""

from __future__ import annotations

from collections.abc import Sequence

from rtsep.presets.preset import Preset

LINES = frozenset((*range(40, 44), *range(56, 61), *range(64, 80)))
"""General MIDI programs, from 0: bowed solo strings, single brass instruments, reeds and pipes."""


def plays_line(presets: Sequence[Preset]) -> bool:
    """Whether there are presets, and all of them are of one instrument that plays single lines."""
    return len({preset.name for preset in presets}) == 1 and bool(presets[0].programs) and LINES.issuperset(presets[0].programs)
