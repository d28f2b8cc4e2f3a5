"""Stage: notes that are told late (`late_midi`). The background takes back what it learnt from them before their message came.

Until a note's message comes, only the background can explain the note. It learns the note's start, and then explains the note
better than the note's own templates do. So if the sound jumps without a note that explains it, a copy of each background row is
kept just before the row learns again. If a note begins soon afterwards, the rows are restored from these copies. This ends when
the notes' levels show that the notes are in time (stage `levels`). It is not done if the preset does not know how notes begin:
beside a band, wrong notes or drums the background would learn too little.

Figures: docs/measurements/experiments.md, "Taking back what was learnt".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import fill
from rtsep.kernels.fields import Part, array, cell, size
from rtsep.kernels.marks import kernel
from rtsep.stages.common import listens_for_drums
from rtsep.stages.passed import KEEP, LEARN, RESTORE
from rtsep.stages.polyphony import LATER, NEVER
from rtsep.stages.request import Request

LOUDER = 1.15  # A frame is a jump if it is more than this many times as loud as each of the frames before it.
BEFORE_S = 0.02  # The frames of this many seconds count as the frames before.
ANSWERS_S = 0.03  # A note that began at most this many seconds before a jump is its cause.
SOON_S = 0.06  # A note that begins less than this many seconds after a jump counts as its cause.
LATE_S = 0.002  # Notes are in time if the lag is less than this many seconds: notes in time have a smaller one.
ENOUGH = 2000.0  # The lag is trusted once `lag_seen` is greater than this, which takes a second or two of music.
HISTORY = 64  # The loudness of this many hops is kept.

PLAN = Part("late_notes", (
    size("rolls_back", "whether the background takes back what it learnt from notes that are told late"),
), sees=("common", "instruments"))
STATE = Part("late_notes", (
    cell("jump", "int64", "end of the last frame at which rows were kept; 0: never, or restored since"),
    array("loudness", "float32", f"{HISTORY}", "magnitudes of frames, a ring of hops"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `late_notes`."""
    knows_envelopes = any(preset.envelope_db is not None and preset.envelope_db.any() for preset in request.presets)
    return {"rolls_back": int(request.asks("late_midi") and request.asks("gate") and request.asks("background_learns")
                              and knows_envelopes and not listens_for_drums(request).any())}


@kernel
def forget(kept):
    """Forget all kept rows."""
    fill(kept.kept_weight, np.float32(0))


@kernel
def youngest_onset(opened, count):
    """Onset of the youngest note that is heard among the first `count` open rows."""
    youngest = np.int64(NEVER)
    for i in range(count):
        if opened.open_onset[i] != LATER:
            youngest = max(youngest, opened.open_onset[i])
    return youngest


@kernel
def louder(plan, own, total, end):
    """Is the frame of magnitude `total` before `end` louder than all frames of BEFORE_S? It joins these frames."""
    history, now = own.loudness, end // plan.hop
    loudest = np.float32(0)
    for back in range(1, min(max(np.int64(np.float32(BEFORE_S) / plan.hop_s), 1), HISTORY - 1) + 1):
        loudest = max(loudest, history[(now - back) % HISTORY])
    history[now % HISTORY] = total
    return total > np.float32(LOUDER) * loudest


@kernel
def in_time(plan, learnt):
    """Is the lag of some instrument known well enough, and is every instrument's lag that of notes in time?"""
    seen = latest_s = np.float32(0)
    for stem in range(plan.stems - 1):
        seen, latest_s = max(seen, learnt.lag_seen[stem]), max(latest_s, learnt.lag_s[stem])
    return seen > np.float32(ENOUGH) and latest_s < np.float32(LATE_S)


@kernel
def step(plan, own, learnt, opened, kept, total, end):
    """Set `task` by the frame before `end`: whether the background keeps copies of its rows, restores them, or only learns."""
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
