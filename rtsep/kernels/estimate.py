"""What a frame hears: its spectra, the templates that are open, and how loud each of them is; the models of the stems.

The first half of a frame. The second, from models to masks and sound, is in block.py.
"""

import numpy as np
from numba import njit, types

from rtsep.kernels.estimator import estimate
from rtsep.kernels.gain import learn_gain, learn_lag, learn_manner
from rtsep.kernels.gate import open_rows
from rtsep.kernels.learning import begin_again, lost, mended, note_evidence
from rtsep.kernels.masks import stem_models
from rtsep.kernels.memory import FORETOLD, GROUPS, LAST, OPEN, STEMS
from rtsep.kernels.native import INNER, TRUNK, copy, fill
from rtsep.kernels.onsets import find_onsets, notice_stroke
from rtsep.kernels.prediction import blend, divide, foresee, leave_rest, look_ahead
from rtsep.kernels.rest import note_others
from rtsep.kernels.stft import analyse
from rtsep.kernels.undo import look_back
from rtsep.kernels.views import plan_at, state_at


@njit(**INNER)
def start_activations(plan, state, count):
    """Start the gated rows and the flat one from an equal share, the background from what it was in the last frame.

    Gated rows that start from the last frame cost 0.1 to 0.5 dB at equal updates on pieces that were not trained on;
    background rows that do gain 0.4 dB under an unknown band.
    """
    share = np.float32(1) / np.float32(count + plan.background + 1)
    for i in range(count):
        state.h[i] = share
    for b in range(plan.background):
        state.h[count + b] = max(state.background_h[b], np.float32(1e-3) * share)
        state.open_row[count + b], state.open_stem[count + b] = plan.rows + b, plan.stems - 1
    state.h[count + plan.background] = share


@njit(**INNER)
def keep_activations(plan, state, count, total):
    """Write the open rows' activations to H [stem, row] in magnitudes; the rows that are not open are 0."""
    for s in range(plan.stems):
        fill(state.H[s], np.float32(0))
    for i in range(count):
        state.H[state.open_stem[i], state.open_row[i]] = state.h[i] * total


@njit(**TRUNK)
def estimate_activations(plan, state, end, count, total):
    """Fill h for a frame of magnitude `total`, held to the notes' own prediction, and tell what that leaves to others."""
    start_activations(plan, state, count)
    told = foresee(plan, state, end, total)
    groups = state.position[GROUPS] if count > 0 else 0
    estimate(plan, state, count, groups)
    copy(state.h[count:], state.background_h)
    state.pending[FORETOLD] = told
    if told:
        divide(state)
        leave_rest(plan, state, count)
        note_others(plan, state, count)
    learn_lag(plan, state, end, total)
    learn_manner(plan, state, end, total)
    learn_gain(plan, state, end, total)


@njit(**INNER)
def note_playing(plan, state, count):
    """The stems of the `count` open gated rows play now, and the residual; the masks of those that no longer do become 0."""
    before, stems = state.position[STEMS], 0
    for i in range(before - 1):
        fill(state.M[state.playing[i]], np.float32(0))
    for i in range(count):
        if i == 0 or state.open_stem[i] != state.open_stem[i - 1]:
            state.playing[stems] = state.open_stem[i]
            stems += 1
    state.playing[stems], state.position[STEMS] = plan.stems - 1, stems + 1


@njit(**TRUNK)
def estimate_models(plan, state, end):
    """Fill M [stem, bin] with the models of the stems, by the frame that ends before sample `end`.

    False, and the residual's model alone is not 0, if no gate is open or nothing is heard.
    """
    state.position[GROUPS] = 0
    total = analyse(plan, state, end)
    if plan.early > 0:
        notice_stroke(plan, state, end, total)
    count = open_rows(plan, state, end) if end > plan.take else 0
    state.position[OPEN] = count
    note_playing(plan, state, count)
    fill(state.pending, 0)
    look_back(plan, state, count, total, end)
    if count + plan.background == 0:
        total = np.float32(0)
    elif mended(plan, state, total):
        begin_again(plan, state)
    if total > 0:
        estimate_activations(plan, state, end, count, total)
    else:
        count = 0
    if not plan.gated:
        find_onsets(plan, state, end, count, total)
    keep_activations(plan, state, count, total)
    if count > 0:
        look_ahead(plan, state, end)
        rows = state.open_row[: count + plan.background]
        stem_models(state.W, rows, state.open_stem, state.h, state.playing[: state.position[STEMS]], plan.bins, state.M)
        if state.pending[FORETOLD]:
            blend(plan, state, count)
    if total > 0:
        note_evidence(plan, state, count, total, end)
        if lost(plan, state, count, end):
            begin_again(plan, state)
            state.pending[LAST] = count
    if count > 0:
        return True
    for i in range(state.position[STEMS] - 1):
        fill(state.M[state.playing[i]], np.float32(0))
    fill(state.M[plan.stems - 1], np.float32(1))
    return False


def estimate_models_at(plan_address, state_address, end):
    """`estimate_models` for the PLAN and the STATE at these addresses."""
    return np.int64(estimate_models(plan_at(plan_address), state_at(state_address), end))


_I = types.int64
EXPORTS = {"estimate_models": (estimate_models_at, _I(_I, _I, _I))}
