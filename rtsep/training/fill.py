"""Makes templates for pitches that were never played, from those of the nearest played pitch, shifted on a logarithmic axis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.training.initial import pitch_hz
from rtsep.training.isolated import Templates

OUTWARD = 7  # By default, pitches are filled up to this many semitones beyond the played ones.
# Rows within this many semitones are neighbours; in every bin a row has at least this share of theirs
# (docs/measurements/experiments.md, "Gaps").
NEAR, LEAST = 7, 0.1
REACH = 24  # A template shifted by more than this many semitones no longer resembles the instrument.


def shift_templates(W: npt.NDArray[np.float32], semitones: float) -> npt.NDArray[np.float32]:
    """W [row, bin] with every partial `semitones` higher: bin k gets the value at k / 2^(semitones / 12). Rows sum to 1."""
    bins = np.arange(W.shape[1])
    at = bins / 2 ** (semitones / 12)
    shifted = np.stack([np.interp(at, bins, row, right=0) for row in W])
    result: npt.NDArray[np.float32] = (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def move_partials(row: npt.NDArray[np.float32], pitch: int, to: int, bin_hz: float) -> npt.NDArray[np.float64]:
    """`row` [bin] of `pitch`, moved to the pitch `to`: partials move, and keep their width. The result sums to 1."""
    f0, f1 = pitch_hz([pitch, to]) / bin_hz
    bins = np.arange(len(row))
    partial = np.maximum(np.round(bins / f1), 1)
    at = partial * f0 + np.clip(bins - partial * f1, -f0 / 2, f0 / 2)
    moved = np.where(at < 0, 0, np.interp(at, bins, row, right=0))
    return np.asarray(moved / max(moved.sum(), 1e-30), np.float64)


def mend_gaps(
    W: npt.NDArray[np.float32], row_pitch: npt.NDArray[np.integer], row_role: npt.NDArray[np.str_], bin_hz: float
) -> npt.NDArray[np.float32]:
    """W [row, bin] in which no bin lies far below what the row's neighbours suggest; rows sum to 1.

    Neighbours have the same role, and are at most NEAR semitones away; nearer ones count more. If two notes nearly always sound
    together, a factorisation can give a partial that they share to only one of them. The other note lacks it when it sounds
    alone, and the background takes it. The neighbours of these notes share other partials.
    """
    result = W / np.maximum(W.sum(axis=1, keepdims=True), 1e-30)
    rows, pitches = result.copy(), row_pitch.astype(int)
    for row, pitch in enumerate(pitches):
        away = np.abs(pitches - pitch)
        near = np.flatnonzero((away <= NEAR) & (away > 0) & (row_role == row_role[row]))
        if len(near):
            theirs = [move_partials(rows[other], pitches[other], pitch, bin_hz) for other in near]
            result[row] = np.maximum(rows[row], LEAST * np.average(theirs, axis=0, weights=1 / away[near]))
            result[row] /= result[row].sum()
    return np.asarray(result, np.float32)


def fill_range(played: npt.NDArray[np.integer], low: int | None = None, high: int | None = None) -> npt.NDArray[np.int64]:
    """The pitches to fill, ascending: those from `low` to `high` that are not in `played`, but near enough to one of these.

    Without limits these are the gaps between played pitches, and OUTWARD semitones beyond them.
    """
    low = max(int(played.min()) - OUTWARD, 0) if low is None else low
    high = min(int(played.max()) + OUTWARD, 127) if high is None else high
    if not 0 <= low <= high <= 127:
        raise RtsepError(f"a range of pitches from {low} to {high}: allowed is 0 to 127, the lower one first")
    wanted = np.setdiff1d(np.arange(low, high + 1), played)
    near: npt.NDArray[np.int64] = wanted[np.abs(wanted[:, None] - played[None, :]).min(axis=1) <= REACH]
    return near


def fill(templates: Templates, pitches: npt.NDArray[np.int64]) -> Templates:
    """`templates` with additional rows for `pitches`, made from the nearest played pitch.

    Times are interpolated; levels are those of the nearest pitch. Encoders are not shifted: their new rows are zeros.
    """
    played = np.unique(templates.row_pitch).astype(np.int64)
    envelope = None if templates.envelope_db is None else templates.envelope_db.copy()
    rows, roles, of = [templates.W], list(templates.row_role), [templates.row_pitch]
    for pitch in pitches:
        source = played[np.argmin(np.abs(played - pitch))]
        mine = np.flatnonzero(templates.row_pitch == source)
        rows.append(shift_templates(templates.W[mine], float(pitch - source)))
        roles += [templates.row_role[i] for i in mine]
        of.append(np.full(len(mine), pitch, np.int16))
        if envelope is not None:
            envelope[pitch] = envelope[source]
    row_pitch = np.concatenate(of)
    order = np.argsort(row_pitch, kind="stable")
    release, decay = templates.release_s.copy(), templates.decay_s.copy()
    for times in (release, decay):
        times[pitches] = np.interp(pitches, played, times[played])
    encoder = templates.encoder
    if encoder is not None:
        encoder = np.pad(encoder, ((0, len(order) - len(encoder)), (0, 0)))[order]
    return replace(templates, W=np.concatenate(rows)[order], encoder=encoder, row_pitch=row_pitch[order],
                   row_role=tuple(roles[i] for i in order), release_s=release, decay_s=decay, envelope_db=envelope)
