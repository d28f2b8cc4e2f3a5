"""Stage: a watchdog over the background. Where it must have learnt the notes' own instrument, it begins again.

The background learns an instrument while wrong notes are told of it, and then explains it better than the preset does. A band
that is much louder than the notes looks the same, so the patience doubles with every time, until there is a pause: who stops
then mends what was wrong.

Figures: docs/measurements/benchmarks.md, "Wrong MIDI".
"""

import numpy as np

from rtsep.kernels.fields import Part, cell
from rtsep.kernels.marks import kernel
from rtsep.stages.late_notes import youngest_onset
from rtsep.stages.residual import known_share

UNHEARD = 0.15  # Notes are unheard if they explain less than this share of the frame.
NEW_S = 1.0  # A note is new for so many seconds.
# After so many seconds without what new notes should give all begins again; each time after twice as many.
FIRST_PATIENCE_S, LAST_PATIENCE_S = 1.0, 32.0
FAINT, PAUSE_S = 0.01, 1.0  # A pause is fainter than this share of the mean loudness for so many seconds.

PLAN = Part("watchdog", (), sees=("common", "adaptation"))
STATE = Part("watchdog", (
    cell("unheard_s", "float32", "s without what new notes should give"),
    cell("patience_s", "float32", "how many of these are borne; 0: as at first"),
    cell("paused_s", "float32", "s of pause"),
))


@kernel
def paused(plan, own, total, mean_level):
    """Is there a pause after music whose notes were unheard? Then the background begins again, and patience is as at first."""
    own.paused_s = own.paused_s + plan.hop_s if total < np.float32(FAINT) * mean_level else np.float32(0)
    if own.paused_s < np.float32(PAUSE_S) or own.patience_s == 0 or plan.background_learns == 0:
        return False
    own.patience_s = np.float32(0)
    return True


@kernel
def new_note(plan, opened, count, end):
    """Is one of the first `count` open rows open since less than NEW_S?"""
    return count > 0 and np.float32(end - youngest_onset(opened, count)) * plan.sample_s < np.float32(NEW_S)


@kernel
def unheard(plan, own, opened, before, count, end):
    """Have new notes gone unheard, by the activations `before`, for longer than patience lasts? True ends the count."""
    fixed = plan.background_learns == 0 or plan.background == 0 or plan.lead_in > 0
    if fixed or plan.gated == 0 or not new_note(plan, opened, count, end):
        return False
    if known_share(before, count, count + plan.background + 1) > np.float32(UNHEARD):
        own.unheard_s = np.float32(0)
        return False
    own.unheard_s += plan.hop_s
    patience_s = max(own.patience_s, np.float32(FIRST_PATIENCE_S))
    if own.unheard_s < patience_s:
        return False
    own.unheard_s, own.patience_s = np.float32(0), min(np.float32(2) * patience_s, np.float32(LAST_PATIENCE_S))
    return True
