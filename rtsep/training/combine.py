"""Stacks the templates of several instruments in one preset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.presets.preset import ROWS_PER_PITCH
from rtsep.training.envelopes import averaged
from rtsep.training.isolated import Templates


def _encoders(several: Sequence[Templates], order: npt.NDArray[np.int64]) -> npt.NDArray[np.float32] | None:
    """The encoders of all rows in this order, or None."""
    if all(each.encoder is None for each in several):
        return None
    found: npt.NDArray[np.float32] = np.concatenate(
        [np.zeros_like(each.W) if each.encoder is None else each.encoder for each in several])[order]
    return found


def stack(several: Sequence[Templates]) -> Templates:
    """The rows of all instruments, ordered by pitch; a note rings for the longest of their times.

    RtsepError: several sample rates, or more rows for a pitch than a preset can have.
    """
    first = several[0]
    if any(each.framing != first.framing for each in several):
        raise RtsepError("recordings of several sample rates cannot be stacked: convert them to one rate")
    pitches = np.concatenate([each.row_pitch for each in several])
    most = int(np.bincount(pitches).max())
    if most > ROWS_PER_PITCH:
        raise RtsepError(f"--stack: {most} templates for one pitch, allowed are {ROWS_PER_PITCH}: give fewer instruments, or "
                         "lower --templates or --levels")
    order = np.argsort(pitches, kind="stable")
    envelopes = [each.envelope_db for each in several if each.envelope_db is not None]
    roles = [role for each in several for role in each.row_role]
    return replace(
        first, W=np.concatenate([each.W for each in several])[order], row_pitch=pitches[order],
        row_role=tuple(roles[i] for i in order), release_s=np.maximum.reduce([each.release_s for each in several]),
        decay_s=np.maximum.reduce([each.decay_s for each in several]),
        losses=np.sum([each.losses for each in several], axis=0), frames=sum(each.frames for each in several),
        row_age_s=None if first.row_age_s is None else np.concatenate([each.row_age_s for each in several])[order],
        envelope_db=averaged(envelopes) if len(envelopes) == len(several) else None,
        encoder=_encoders(several, order),
        reason="interrupted" if any(each.reason == "interrupted" for each in several) else first.reason,
    )
