"""Notes that are told late (`late_midi`): the background takes back what it learnt of them before.

Until its message comes nothing explains a note but the background, which learns its start, and then explains it better than
the note's own templates do. So at a jump that no note has to answer for, its rows are kept, each just before it learns on; if
a note begins soon after, they become again what they were. That ends where the notes' levels tell that they are in time
(gain.py), and is not done where the preset does not know how notes begin: beside a band, wrong notes or drums the background
would learn too little.
"""

import numpy as np
from numba import njit

from rtsep.kernels.memory import JUMP, LAG_S, LAG_SEEN, LEVELS, TASK
from rtsep.kernels.native import INNER, copy
from rtsep.kernels.onsets import NEVER

LEARN, KEEP, RESTORE = range(3)  # what a background row does in the hop after a frame: state.pending[TASK]
LOUDER = 1.15  # than the frames of
BEFORE_S = 0.02  # before: a jump, if no note began in
ANSWERS_S = 0.03  # before
SOON_S = 0.06  # after it, a note is taken for its cause
LATE_S = 0.002  # that the sound is ahead of its MIDI: where it is not, less is found, once
ENOUGH = 2000.0  # has been seen (gain.py), which a second or two of music show


@njit(**INNER)
def youngest_onset(state, count):
    """Onset of the youngest note of the `count` open gated rows."""
    youngest = np.int64(NEVER)
    for i in range(count):
        youngest = max(youngest, state.open_onset[i])
    return youngest


@njit(**INNER)
def louder(plan, state, total, end):
    """Is the frame of magnitude `total` before `end` louder than all of BEFORE_S? From now on it is one of them."""
    levels, now = state.levels[plan.stems - 1], end // plan.hop
    loudest = np.float32(0)
    for back in range(1, min(max(np.int64(np.float32(BEFORE_S) / plan.hop_s), 1), LEVELS - 1) + 1):
        loudest = max(loudest, levels[(now - back) % LEVELS])
    levels[now % LEVELS] = total
    return total > np.float32(LOUDER) * loudest


@njit(**INNER)
def in_time(plan, state):
    """Is it known that no instrument's notes are late?"""
    seen = latest_s = np.float32(0)
    for stem in range(plan.stems - 1):
        gain = state.gain[plan.instrument[stem]]
        seen, latest_s = max(seen, gain[LAG_SEEN]), max(latest_s, gain[LAG_S])
    return seen > np.float32(ENOUGH) and latest_s < np.float32(LATE_S)


@njit(**INNER)
def look_back(plan, state, count, total, end):
    """Shall the background keep its rows, or take back what they learnt, by the frame of `count` gated rows before `end`?"""
    jumps = louder(plan, state, total, end)
    if total == 0 or plan.undoes == 0 or end <= plan.take or in_time(plan, state):
        return
    age, jump = end - youngest_onset(state, count), state.position[JUMP]
    kept = jump > 0 and np.float32(end - jump) * plan.sample_s < np.float32(SOON_S)
    if kept and age <= plan.hop:
        state.pending[TASK], state.position[JUMP] = RESTORE, 0
    elif jumps and not kept and np.float32(age) * plan.sample_s > np.float32(ANSWERS_S):
        state.pending[TASK], state.position[JUMP] = KEEP, end


@njit(**INNER)
def keep_or_restore(plan, state, row):
    """What the last frame asks of a background row before it learns; True: it is restored, and learns nothing."""
    task, at = state.pending[TASK], row - plan.rows
    if task == KEEP:
        copy(state.W[row], state.kept_rows[at])
        state.kept_weight[at] = state.weight[row]
    elif task == RESTORE and state.kept_weight[at] > 0:
        copy(state.kept_rows[at], state.W[row])
        state.weight[row] = state.kept_weight[at]
        return True
    return False
