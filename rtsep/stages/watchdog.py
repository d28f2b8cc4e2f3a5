"""Stage: a watchdog over the background. If the background must have learnt the notes' own instrument, it begins again.

If the told notes are wrong, the background learns the instrument, and then explains it better than the preset does. A band that
is much louder than the notes looks the same. So the patience doubles each time the background begins again. A pause sets it
back to its first value: a player who stops has probably corrected the mistake.

Figures: docs/measurements/benchmarks.md, "Wrong MIDI".
"""

import numpy as np

from rtsep.kernels.fields import Part, cell
from rtsep.kernels.marks import kernel
from rtsep.stages.late_notes import youngest_onset
from rtsep.stages.residual import known_share

UNHEARD = 0.15  # Notes are unheard if they explain at most this share of the frame.
NEW_S = 1.0  # A note counts as new for this many seconds.
# The background begins again after the first number of seconds with unheard new notes, and then after twice as many each time,
# up to the second.
FIRST_PATIENCE_S, LAST_PATIENCE_S = 1.0, 32.0
FAINT, PAUSE_S = 0.01, 1.0  # In a pause the sound is fainter than this share of the mean loudness for this many seconds.

PLAN = Part("watchdog", (), sees=("common", "adaptation"))
STATE = Part("watchdog", (
    cell("unheard_s", "float32", "seconds in which new notes were unheard"),
    cell("patience_s", "float32", "number of such seconds before the background begins again; 0: FIRST_PATIENCE_S"),
    cell("paused_s", "float32", "seconds of pause so far"),
))


@kernel
def paused(plan, own, total, mean_level):
    """Is there a pause after music with unheard notes? Then the background begins again, with the first patience."""
    own.paused_s = own.paused_s + plan.hop_s if total < np.float32(FAINT) * mean_level else np.float32(0)
    if own.paused_s < np.float32(PAUSE_S) or own.patience_s == 0 or plan.background_learns == 0:
        return False
    own.patience_s = np.float32(0)
    return True


@kernel
def new_note(plan, opened, count, end):
    """Did the note of one of the first `count` open rows begin less than NEW_S ago?"""
    return count > 0 and np.float32(end - youngest_onset(opened, count)) * plan.sample_s < np.float32(NEW_S)


@kernel
def unheard(plan, own, opened, before, count, end):
    """Were new notes unheard, by the activations `before`, for as long as the patience? True restarts the count."""
    fixed = plan.background_learns == 0 or plan.background == 0 or plan.lead_in > 0
    if fixed or plan.gated == 0 or not new_note(plan, opened, count, end):
        return False
    if known_share(before, count, count + plan.background + 1, np.float32(0)) > np.float32(UNHEARD):
        own.unheard_s = np.float32(0)
        return False
    own.unheard_s += plan.hop_s
    patience_s = max(own.patience_s, np.float32(FIRST_PATIENCE_S))
    if own.unheard_s < patience_s:
        return False
    own.unheard_s, own.patience_s = np.float32(0), min(np.float32(2) * patience_s, np.float32(LAST_PATIENCE_S))
    return True
