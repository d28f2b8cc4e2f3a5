"""From what was given to a preset: choose the way of training, fill what was not played, say what was done."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rtsep.errors import RtsepError
from rtsep.preset import PROVENANCE, ROWS_PER_PITCH, Preset
from rtsep.training.combine import stack
from rtsep.training.fill import fill, fill_range
from rtsep.training.inputs import Given, Take, joined
from rtsep.training.isolated import Notes, Progress, Settings, Templates, train

ROWS_AT_EASE = 4  # per pitch: with more, the engine must open more rows than it does by default
NOTES_AT_ONCE = 16


@dataclass(frozen=True)
class Fill:
    """Which pitches get templates although they were not played: between `low` and `high`, or near the played ones; or none."""

    wanted: bool = True
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class Learnt:
    """A trained preset and what is to be said of it."""

    preset: Preset
    templates: Templates
    report: dict[str, Any]

    @property
    def interrupted(self) -> bool:
        """Whether training was ended before its time."""
        return self.templates.reason == "interrupted"


def learn(
    given: Sequence[Given], settings: Settings, stacked: bool, filling: Fill, name: str, title: str,
    provenance: Mapping[str, str], progress: Progress,
) -> Learnt:  # fmt: skip
    """Train on everything `given`; `stacked`: each is an instrument of its own, and the preset holds the rows of all.

    KeyboardInterrupt ends training with what is reached (`Learnt.interrupted`), or passes if that is nothing.
    RtsepError: inputs that cannot be trained on together.
    """
    began = time.monotonic()
    if settings.templates * settings.levels > ROWS_PER_PITCH:
        raise RtsepError(f"{settings.templates} templates for each of {settings.levels} levels are more than "
                         f"{ROWS_PER_PITCH} per pitch: lower --templates or --levels")
    templates = _train(given, settings, stacked, progress)
    played = np.unique(templates.row_pitch).astype(int)
    missing = fill_range(played, filling.low, filling.high) if filling.wanted else np.zeros(0, np.int64)
    whole = fill(templates, missing)
    preset = _preset(whole, missing, name, title, provenance)
    return Learnt(preset, whole, {**_report(given, whole, played, missing), "seconds": round(time.monotonic() - began, 2)})


def _train(given: Sequence[Given], settings: Settings, stacked: bool, progress: Progress) -> Templates:
    notes = [each.source for each in given if isinstance(each.source, Notes)]
    takes = [each.source for each in given if isinstance(each.source, Take)]
    if takes:
        raise RtsepError(f"{takes[0].path} is music; so far only notes one by one, with pauses, can be learnt from")
    if not stacked:
        return train(joined(notes), settings, progress)
    return stack([train(each, settings, progress) for each in notes])


def _preset(templates: Templates, missing: Any, name: str, title: str, provenance: Mapping[str, str]) -> Preset:
    filled = np.zeros(128, bool)
    filled[missing] = True
    rows = int(np.bincount(templates.row_pitch).max())
    framing = templates.framing
    return Preset(
        name, title, templates.sample_rate, framing.window_size, framing.overlap, templates.W, templates.row_pitch,
        templates.row_role, templates.release_s, templates.decay_s, {key: provenance[key] for key in PROVENANCE},
        {"max_open_rows": NOTES_AT_ONCE * rows} if rows > ROWS_AT_EASE else {}, filled=filled,
    )


def _report(given: Sequence[Given], templates: Templates, played: Any, missing: Any) -> dict[str, Any]:
    """What report.json says of the training."""
    return {
        "inputs": [{"name": each.name, **_about(each.source)} for each in given],
        "pitches_trained": [int(pitch) for pitch in played],
        "pitches_filled": [int(pitch) for pitch in missing],
        "rows": len(templates.W),
        "sample_rate": templates.sample_rate,
        "frames": templates.frames,
        "updates": len(templates.losses) - 1,
        "losses": [float(loss) for loss in templates.losses],
        "reason": templates.reason,
        "warnings": [warning for each in given for warning in each.warnings],
    }


def _about(source: Take | Notes) -> dict[str, Any]:
    if isinstance(source, Notes):
        return {"kind": "isolated notes", "notes": len(source.pitch),
                "seconds": round(source.sound.shape[-1] / source.sample_rate, 3)}
    return {"kind": "recording", "notes": len(source.notes), "seconds": round(source.seconds, 3)}
