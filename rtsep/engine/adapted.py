"""Makes a new preset from what was learnt while playing: the adapted templates, and the background if you want it.

Adaptation multiplies templates bin by bin, and this factor is saved. It is exact at the preset's own rate and window. At other
ones it is interpolated between the bins that were played with, so the preset's partials stay as sharp as they are. Rows that no
note opened stay those of the preset, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rtsep.engine.separator import Separator
from rtsep.errors import RtsepError
from rtsep.presets.preset import Preset
from rtsep.windows import map_templates, retune_templates

READS = 100  # A row that changes is read again at most this many times.
PAUSE_S = 0.0005  # Time between two reads, in seconds: longer than writing a row takes.
TINY = 1e-30  # A divisor is at least this, so that none is 0.

Floats = npt.NDArray[np.float32]


def steady_rows(W: Floats, rows: Sequence[int]) -> Floats:
    """A copy of `rows` of W [row, bin] while the audio thread writes: each row is read until it stays the same over a pause.

    The audio thread writes a row once per hop, within microseconds. Rows do not depend on each other.
    """
    of = np.asarray(rows, np.int64)
    copy, changing = W[of], np.arange(len(of))
    for _ in range(READS):
        time.sleep(PAUSE_S)
        again = W[of[changing]]
        same = (again == copy[changing]).all(axis=1)
        copy[changing], changing = again, changing[~same]
        if not len(changing):
            break
    return copy


def adapted_preset(separator: Separator, stem: int = 0, *, background: bool = False, made_by: str = "") -> Preset:
    """The preset of `stem` with its rows as adapted so far, and, if `background`, with the present background.

    Its templates have the tuning that was played (`tuning_cents`). Call it from the control thread; the sound can go on
    meanwhile. RtsepError: there is no background, or it does not fit the preset.
    """
    preset, plan = separator.presets[stem], separator.prepared.plan
    number = next(i for i, each in enumerate(separator.instruments) if each is preset)
    mine = np.flatnonzero(plan.row_source[:, 0] == number)
    start = plan.values["W"][mine, : plan.values["bins"]]
    now = steady_rows(separator.prepared.state["W"], mine.tolist())[:, : plan.values["bins"]]
    bin_hz = separator.sample_rate / plan.framing.window_size
    W = retune_templates(preset.W, float(separator.value("tuning_cents"))).copy()
    heard = (now != start).any(axis=1)
    rows = plan.row_source[mine[heard], 1]
    W[rows] = _multiplied(W[rows], preset.sample_rate / preset.window_size, start[heard], now[heard], bin_hz)
    filled = preset.filled.copy()
    filled[preset.row_pitch[rows]] = False
    provenance = {**preset.provenance, "source": f"{preset.provenance['source']}; adapted to what was heard",
                  "made_by": made_by or preset.provenance["made_by"]}
    defaults = {name: value for name, value in preset.defaults.items() if name != "tuning_cents"}
    # An encoder belongs to its templates.
    return replace(preset, W=W, filled=filled, provenance=provenance, defaults=defaults, encoder=None,
                   background=_background(separator, preset) if background else preset.background)


def _multiplied(W: Floats, own_hz: float, start: Floats, now: Floats, bin_hz: float) -> Floats:
    """W [row, bin], bins `own_hz` apart, times now / start [row, bin], bins `bin_hz` apart, or 1 beyond them; rows sum to 1."""
    factor = np.where(start > 0, now / np.maximum(start, TINY), 1)
    if W.shape[1] != start.shape[1] or own_hz != bin_hz:
        hz, own = np.arange(start.shape[1]) * bin_hz, np.arange(W.shape[1]) * own_hz
        factor = np.array([np.interp(own, hz, row, right=1) for row in factor]).reshape(W.shape)
    product = W * factor
    result: Floats = (product / np.maximum(product.sum(axis=1, keepdims=True), TINY)).astype(np.float32)
    return result


def _background(separator: Separator, preset: Preset) -> Floats:
    """The present background rows, on the preset's bins."""
    plan = separator.prepared.plan
    first, count = plan.values["rows"], plan.values["background"]
    if count == 0:
        raise RtsepError("there is no background to save: it was played with background=0")
    rows = steady_rows(separator.prepared.state["W"], range(first, first + count))[:, : plan.values["bins"]]
    try:
        mapped = map_templates(rows, separator.sample_rate, plan.framing.window_size, preset.sample_rate, preset.window_size)
    except RtsepError:
        raise RtsepError(f"the background was learnt with a window of {plan.framing.window_size} samples at "
                         f"{separator.sample_rate:g} Hz, which is too coarse for {preset.name} ({preset.window_size} at "
                         f"{preset.sample_rate:g} Hz): save the instrument alone, or play with a longer window") from None
    return mapped[mapped.any(axis=1)]
