"""Lets drum kits play keys that they have not learnt, with the templates of another key that sounds similar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from rtsep.presets.preset import Preset


def with_stand_ins(preset: Preset, instead: Mapping[int, int]) -> Preset:
    """The preset with the keys of `instead` (key -> similar key) that it lacks; the same preset if it lacks none."""
    has = set(preset.pitches.tolist())
    added = {key: like for key, like in instead.items() if key not in has and like in has}
    if not added:
        return preset
    rows = [(int(pitch), row) for row, pitch in enumerate(preset.row_pitch)]
    rows += [(key, row) for key, like in added.items() for row in np.flatnonzero(preset.row_pitch == like).tolist()]
    rows.sort()
    order = [row for _, row in rows]
    by_pitch = {name: _copied(getattr(preset, name), added) for name in ("release_s", "decay_s", "filled", "choke")}
    return replace(
        preset, W=preset.W[order], row_pitch=np.array([pitch for pitch, _ in rows], np.int16),
        row_role=tuple(preset.row_role[row] for row in order), row_age_s=preset.row_age_s[order],
        encoder=None if preset.encoder is None else preset.encoder[order],
        envelope_db=None if preset.envelope_db is None else _copied(preset.envelope_db, added), **by_pitch)


def _copied(values: Any, added: Mapping[int, int]) -> Any:
    """The values of all pitches, with those of the added keys."""
    found = values.copy()
    for key, like in added.items():
        found[key] = values[like]
    return found
