"""Stage: strokes of drums that nobody tells, or too late: found in the very frame that is separated.

Without gates, a stem's onsets are found in how the sum of its activations rises: by more than THRESHOLD of the largest rise
lately, over RISE_S. With gates, triggers come some ms late: where the spectrum jumps, something was struck. Half-wave rectified
differences both, and a decaying maximum, as in Bello et al., "A tutorial on onset detection in music signals" (IEEE TSAP
2005), the first with templates as the bands. Figures: docs/measurements/drums.md, "Without triggers".
"""

import numpy as np

from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.marks import kernel
from rtsep.stages.gate import NEVER

RISE_S = 0.0116  # A rise is taken over so many seconds: 512 samples at 44.1 kHz.
THRESHOLD = 0.12  # A rise by this share of the largest one lately is an onset.
PEAK_S = 4.0  # The largest rise is forgotten with this time constant, in seconds.
DEAD_S = 0.05  # After an onset there is none for so many seconds.
JUMP = 0.15  # Something was struck where so much of a frame's magnitude was not in the frame before.
HISTORY = 64  # The levels of so many hops are kept.

PLAN = Part("onsets", (), sees=("common", "instruments"))
STATE = Part("onsets", (
    cell("struck", "int64", "sample at which something was struck last"),
    array("stem_levels", "float32", f"stems, {HISTORY}", "sums of activations, a ring of hops"),
    array("peak", "float32", "stems", "the largest rise of them"),
    array("found", "int64", "stems", "sample of the last onset that was found; 0: none"),
    array("previous", "float32", "stride", "magnitudes of the frame before; kept where drums may be open early"),
))


@kernel
def stem_level(opened, h, stem, count, total):
    """Sum of the activations h that the frame's first `count` open rows have of a stem, in magnitudes."""
    level = np.float32(0)
    for i in range(count):
        if opened.open_stem[i] == stem:
            level += h[i]
    return level * total


@kernel
def find_onset(plan, own, end, stem, level):
    """Has the stem an onset in the frame that ends before `end`? If so, its sample is kept in `found`."""
    now, lag = end // plan.hop % HISTORY, min(max(np.int64(np.float32(RISE_S) / plan.hop_s + np.float32(0.5)), 1), HISTORY - 1)
    levels = own.stem_levels[stem]
    rise = level - levels[(now - lag) % HISTORY]
    levels[now] = level
    own.peak[stem] = max(rise, own.peak[stem] * np.exp(-plan.hop_s / np.float32(PEAK_S)))
    over = own.found[stem] == 0 or np.float32(end - own.found[stem]) * plan.sample_s > np.float32(DEAD_S)
    if over and rise > np.float32(THRESHOLD) * own.peak[stem]:
        own.found[stem] = end - plan.hop // 2


@kernel
def find_onsets(plan, own, opened, h, end, count, total):
    """Look for onsets of the drums in a frame of magnitude `total` with the activations h of its first `count` open rows.

    The rows' onsets become the last one that was found of their stem.
    """
    for stem in range(plan.stems - 1):
        if plan.drums[stem] != 0:
            find_onset(plan, own, end, stem, stem_level(opened, h, stem, count, total))
    for i in range(count):
        found = own.found[opened.open_stem[i]]
        opened.open_onset[i] = found if found > 0 else NEVER


@kernel
def notice_stroke(plan, own, frame, end):
    """Was something struck that the frame before `end` hears, and the one before it did not?"""
    new, total = np.float32(0), frame.total
    for k in range(plan.bins):
        magnitude = frame.V[k] * total
        new += max(magnitude - own.previous[k], np.float32(0))
        own.previous[k] = magnitude
    if new > np.float32(JUMP) * total:
        own.struck = end
