"""Rows that follow what is heard: the background learns what no open note explains, open notes drift towards their sound.

Online PLCA with forgetting (Smaragdis & Raj 2007; Mysore & Smaragdis, ICASSP 2011, for rows that learn beside fixed ones):
a row is the mean of what it was given of each frame, h W (V / model), over about its memory. Only the mean W and its weight
are kept: both are enough to take the next frame in, at one multiplication per bin. Rows of the preset are held by it as if
it had been heard for `adapt_hold` seconds.
"""

import numpy as np
from numba import njit

from rtsep.kernels.memory import (
    BACKGROUND_START_S,
    FAMILIAR,
    FIRST,
    FORETOLD,
    HEARD_S,
    KNOWN,
    LAST,
    LEVEL,
    LOST_S,
    PATIENCE_S,
    PAUSED_S,
    SLOTS,
    STRUCK,
)
from rtsep.kernels.native import INNER, OPTIONS, copy, fill
from rtsep.kernels.undo import keep_or_restore, youngest_onset

LOUDEST = 4.0  # a frame counts for so many of mean loudness at most
LEVEL_S = 5.0  # time constant of the mean loudness
FAMILIAR_S = 1.0  # time constant of what open notes explain of the sound, in s of mean loudness
BESIDE, ALONE = 0.8, 0.9  # shares up to which something unknown surely sounds as well, and from which on drums play alone;
BOLD = 10.0  # then their rows learn so much more from a frame: triggers tell whose sound it is
GAP = 2.0  # while no gate is open, the background learns so much faster
UNSURE = 0.3  # without a prediction gated rows learn so much less, and
SURE = 4  # gated rows learn by the share that they explain of the frame, to this power: a band is not learnt as piano
LOST = 0.15  # of the frame: with less, notes younger than
NEW_S = 1.0  # are not heard. After
FIRST_PATIENCE_S, LAST_PATIENCE_S = 1.0, 32.0  # of that, twice as much each time, the background begins again
FAINT, PAUSE_S = 0.01, 1.0  # of mean loudness, for so long: a pause
MOST = 20.0  # times its hold: what a row has heard outweighs its preset by no more


@njit(**INNER)
def frame_seconds(plan, state, total):
    """What a frame of magnitude `total` counts for, in s of mean loudness; the mean follows."""
    slow = state.slow
    slow[HEARD_S] = min(slow[HEARD_S] + plan.hop_s, np.float32(LEVEL_S))
    slow[LEVEL] += (total - slow[LEVEL]) * plan.hop_s / slow[HEARD_S]
    return plan.hop_s * min(total / slow[LEVEL], np.float32(LOUDEST))


@njit(**OPTIONS)
def known_share(h, count, all_open):
    """What the first `count` of h explain of the frame."""
    known = rest = np.float32(0)
    for i in range(count):
        known += h[i]
    for i in range(count, all_open):
        rest += h[i]
    return known / max(known + rest, np.float32(1e-9))


@njit(**OPTIONS)
def product_sum(a, b):
    """Sum of a b."""
    total = np.float32(0)
    for k in range(a.shape[0]):
        total += a[k] * b[k]
    return total


@njit(**INNER)
def told(plan, state, i, end):
    """Is it known that the open gated row `i` sounds: by its age since an onset that was told or found?"""
    age, row = end - state.open_onset[i], state.open_row[i]
    return plan.row_age[row, 0] <= age < plan.row_age[row, 1]


@njit(**INNER)
def boldness(plan, state, count, seconds):
    """How many times more a frame that counts for `seconds` teaches the `count` gated rows: drums that play alone."""
    if plan.early == 0:
        return np.float32(1)
    known = known_share(state.before, count, count + plan.background + 1)
    state.slow[FAMILIAR] += (known - state.slow[FAMILIAR]) * seconds / (seconds + np.float32(FAMILIAR_S))
    surely = (state.slow[FAMILIAR] - np.float32(BESIDE)) / np.float32(ALONE - BESIDE)
    return np.float32(1) + np.float32(BOLD - 1) * min(max(surely, np.float32(0)), np.float32(1))


@njit(**INNER)
def note_evidence(plan, state, count, total, end):
    """Keep what the open rows, `count` gated ones and the background, will learn from this frame."""
    seconds = frame_seconds(plan, state, total)
    gap = np.float32(1 if count > 0 else GAP)
    if state.pending[FORETOLD]:
        for i in range(count + plan.background):
            state.evidence[i] = state.h[i] * seconds
    else:
        sure = np.float32(UNSURE) * known_share(state.before, count, count + plan.background + 1) ** SURE
        for i in range(count):
            state.evidence[i] = state.before[i] * seconds * sure
        for i in range(count, count + plan.background):
            state.evidence[i] = state.before[i] * seconds * gap
    bold = boldness(plan, state, count, seconds) if count > 0 else np.float32(1)
    for i in range(count):
        if not told(plan, state, i, end):
            state.evidence[i] = 0
        elif plan.drums[state.open_stem[i]] != 0:
            state.evidence[i] *= bold
    struck = state.position[STRUCK] == end  # by a drum that may yet be told, most likely: the background would keep it
    learns = (plan.background_learns != 0 and not struck) or end <= plan.take
    state.pending[FIRST] = 0 if plan.adapt_hold > 0 else count
    state.pending[LAST] = count + plan.background if learns else count


@njit(**INNER)
def new_note(plan, state, count, end):
    """Is one of the `count` open gated rows open since less than NEW_S?"""
    return count > 0 and np.float32(end - youngest_onset(state, count)) * plan.sample_s < np.float32(NEW_S)


@njit(**INNER)
def mended(plan, state, total):
    """Is there a pause after music whose notes were lost? Who stops then mends what was wrong, and patience is as at first."""
    slow = state.slow
    slow[PAUSED_S] = slow[PAUSED_S] + plan.hop_s if total < np.float32(FAINT) * slow[LEVEL] else np.float32(0)
    if slow[PAUSED_S] < np.float32(PAUSE_S) or slow[PATIENCE_S] == 0 or plan.background_learns == 0:
        return False
    slow[PATIENCE_S] = 0
    return True


@njit(**INNER)
def lost(plan, state, count, end):
    """Have new notes gone unheard for so long that the background must have learnt their sound? True ends the count.

    It learns an instrument while wrong notes are told of it, and then explains it better than the preset does. A band that
    is much louder than the notes looks the same, so that patience doubles until there is a pause.
    """
    slow = state.slow
    fixed = plan.background_learns == 0 or plan.background == 0 or plan.take > 0
    if fixed or plan.gated == 0 or not new_note(plan, state, count, end):
        return False
    if known_share(state.before, count, count + plan.background + 1) > np.float32(LOST):
        slow[LOST_S] = 0
        return False
    slow[LOST_S] += plan.hop_s
    patience = max(slow[PATIENCE_S], np.float32(FIRST_PATIENCE_S))
    if slow[LOST_S] < patience:
        return False
    slow[LOST_S], slow[PATIENCE_S] = 0, min(np.float32(2) * patience, np.float32(LAST_PATIENCE_S))
    return True


@njit(**INNER)
def begin_again(plan, state):
    """The background becomes what it was at the start, and nothing is known of how notes sound here."""
    for row in range(plan.rows, plan.rows + plan.background):
        copy(plan.W[row], state.W[row])
    fill(state.weight[plan.rows :], np.float32(BACKGROUND_START_S))
    fill(state.kept_weight, np.float32(0))
    fill(state.background_h, np.float32(1) / np.float32(plan.background))
    for stem in range(plan.stems):
        fill(state.gain[stem], np.float32(0))
        fill(state.manner[stem], np.float32(0))
    fill(state.fit, np.float32(0))


@njit(**OPTIONS)
def follow(w, start, ratio, kept, heard, back):
    """w <- kept w + heard w ratio + back start"""
    if back == 0:
        for k in range(w.shape[0]):
            w[k] *= kept + heard * ratio[k]
    else:
        for k in range(w.shape[0]):
            w[k] = w[k] * (kept + heard * ratio[k]) + back * start[k]


@njit(**INNER)
def forgets(plan, state):
    """What a hop leaves of the background's past: half the memory where the preset knows the instrument."""
    return plan.background_keep - state.fit[KNOWN] * (np.float32(1) - plan.background_keep)


@njit(**INNER)
def learn(plan, state, end):
    """The share that the slot beginning at sample `end` has in what the last frame has to teach.

    W <- (m D W + h W V / model + (1 - m) hold W_preset) / D',  D' = m D + h gradient + (1 - m) hold,  where m is what a hop
    leaves of the past (of the background's 1 during the take, with hold 0).
    """
    slot, frame = end % plan.hop // plan.slot, end - end % plan.hop
    first, count = state.pending[FIRST], state.pending[LAST] - state.pending[FIRST]
    for i in range(first + count * (slot - 1) // (SLOTS - 1), first + count * slot // (SLOTS - 1)):
        row = state.open_row[i]
        if row < plan.rows:
            past = plan.adapt_keep * min(state.weight[row], np.float32(MOST) * plan.adapt_hold)
            back = (np.float32(1) - plan.adapt_keep) * plan.adapt_hold
        else:
            if keep_or_restore(plan, state, row):
                continue
            keep = np.float32(1) if frame <= plan.take else forgets(plan, state)
            past, back = max(keep * state.weight[row], plan.background_least), np.float32(0)
        ratio, gradient = state.ratio, state.gradient[i]
        if state.pending[FORETOLD]:
            ratio = state.shares[plan.stems - 1 if row >= plan.rows else state.open_stem[i]]
            gradient = product_sum(state.W[row], ratio)
        weight = past + back + state.evidence[i] * gradient
        follow(state.W[row], plan.W[row], ratio, past / weight, state.evidence[i] / weight, back / weight)
        state.weight[row] = weight
