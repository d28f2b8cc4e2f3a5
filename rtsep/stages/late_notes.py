"""Stage: notes that are told late (`late_midi`): the background takes back what it learnt of them before.

Until its message comes nothing explains a note but the background, which learns its start, and then explains it better than
the note's own templates do. So at a jump that no note has to answer for, its rows are kept, each just before it learns on; if
a note begins soon after, they become again what they were. That ends where the notes' levels tell that they are in time
(stage `levels`), and is not done where the preset does not know how notes begin: beside a band, wrong notes or drums the
background would learn too little.

Figures: docs/measurements/experiments.md, "Taking back what was learnt".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import fill
from rtsep.kernels.fields import Part, array, cell, size
from rtsep.kernels.marks import kernel
from rtsep.stages.common import listens_for_drums
from rtsep.stages.gate import NEVER
from rtsep.stages.passed import KEEP, LEARN, RESTORE
from rtsep.stages.request import Request

LOUDER = 1.15  # A frame is a jump if it is so many times as loud as all frames before it.
BEFORE_S = 0.02  # So many seconds of frames count as before.
ANSWERS_S = 0.03  # A note that began within so many seconds before a jump is its cause.
SOON_S = 0.06  # A note that begins within so many seconds after a jump is taken for its cause.
LATE_S = 0.002  # Notes are in time if the lag is less than so many seconds: of notes in time less is found.
ENOUGH = 2000.0  # So much must be seen of that (`lag_seen`), which a second or two of music show.
HISTORY = 64  # The loudness of so many hops is kept.

PLAN = Part("late_notes", (
    size("rolls_back", "whether the background takes back what it learnt of notes that are told late"),
), sees=("common", "instruments"))
STATE = Part("late_notes", (
    cell("jump", "int64", "end of the frame at which rows were kept last; 0: never, or they were restored since"),
    array("loudness", "float32", f"{HISTORY}", "magnitudes of frames, a ring of hops"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `late_notes`."""
    knows_envelopes = any(preset.envelope_db is not None and preset.envelope_db.any() for preset in request.presets)
    return {"rolls_back": int(request.asks("late_midi") and request.asks("gate") and request.asks("background_learns")
                              and knows_envelopes and not listens_for_drums(request).any())}


@kernel
def forget(kept):
    """No rows are kept."""
    fill(kept.kept_weight, np.float32(0))


@kernel
def youngest_onset(opened, count):
    """Onset of the youngest note of the first `count` open rows."""
    youngest = np.int64(NEVER)
    for i in range(count):
        youngest = max(youngest, opened.open_onset[i])
    return youngest


@kernel
def louder(plan, own, total, end):
    """Is the frame of magnitude `total` before `end` louder than all of BEFORE_S? From now on it is one of them."""
    history, now = own.loudness, end // plan.hop
    loudest = np.float32(0)
    for back in range(1, min(max(np.int64(np.float32(BEFORE_S) / plan.hop_s), 1), HISTORY - 1) + 1):
        loudest = max(loudest, history[(now - back) % HISTORY])
    history[now % HISTORY] = total
    return total > np.float32(LOUDER) * loudest


@kernel
def in_time(plan, learnt):
    """Has one instrument been seen enough, and is no instrument's lag longer than of notes in time?"""
    seen = latest_s = np.float32(0)
    for stem in range(plan.stems - 1):
        seen, latest_s = max(seen, learnt.lag_seen[stem]), max(latest_s, learnt.lag_s[stem])
    return seen > np.float32(ENOUGH) and latest_s < np.float32(LATE_S)


@kernel
def step(plan, own, learnt, opened, kept, total, end):
    """Shall the background keep its rows, or take back what they learnt, by the frame before `end`? Sets `task`."""
    kept.task = LEARN
    jumps = louder(plan, own, total, end)
    if total == 0 or plan.rolls_back == 0 or end <= plan.lead_in or in_time(plan, learnt):
        return
    age, jump = end - youngest_onset(opened, opened.open_count), own.jump
    waits = jump > 0 and np.float32(end - jump) * plan.sample_s < np.float32(SOON_S)
    if waits and age <= plan.hop:
        kept.task, own.jump = RESTORE, 0
    elif jumps and not waits and np.float32(age) * plan.sample_s > np.float32(ANSWERS_S):
        kept.task, own.jump = KEEP, end
