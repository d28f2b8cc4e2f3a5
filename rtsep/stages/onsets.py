"""Stage: detects strokes of drums whose MIDI is missing or late, in the frame that is separated.

Without gates, a stem has an onset if the sum of its activations rises, over RISE_S, by more than THRESHOLD of the largest
recent rise. With gates, triggers arrive some milliseconds late: if the spectrum jumps, something was struck. Both methods use
half-wave rectified differences, as in Bello et al., "A tutorial on onset detection in music signals" (IEEE TSAP 2005). The
first takes templates as its bands, and compares with a decaying maximum.

Figures: docs/measurements/drums.md, "Without triggers".
"""

import numpy as np

from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.marks import kernel
from rtsep.stages.polyphony import NEVER

RISE_S = 0.0116  # A rise is measured over this many seconds: 512 samples at 44.1 kHz.
THRESHOLD = 0.12  # A rise larger than this share of the largest recent rise is an onset.
PEAK_S = 4.0  # The largest rise is forgotten with this time constant, in seconds.
DEAD_S = 0.05  # No other onset is found within this many seconds after an onset.
JUMP = 0.15  # Something was struck if this share of a frame's magnitude was not in the frame before.
HISTORY = 64  # The levels of this many hops are kept.

PLAN = Part("onsets", (), sees=("common", "instruments"))
STATE = Part("onsets", (
    cell("struck", "int64", "sample of the last stroke"),
    array("stem_levels", "float32", f"stems, {HISTORY}", "sums of activations, a ring of hops"),
    array("peak", "float32", "stems", "the largest recent rise of the stem's level, which decays"),
    array("found", "int64", "stems", "sample of the last onset that was found; 0: none yet"),
    array("previous", "float32", "stride", "magnitudes of the frame before; kept only if drums can be open early"),
))


@kernel
def stem_level(opened, h, stem, count, total):
    """Sum of a stem's activations among the first `count` open rows, in magnitudes."""
    level = np.float32(0)
    for i in range(count):
        if opened.open_stem[i] == stem:
            level += h[i]
    return level * total


@kernel
def find_onset(plan, own, end, stem, level):
    """Keep the sample of an onset in `found`, if the stem has one in the frame that ends before `end`."""
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
    """Look for onsets of the drums in a frame of magnitude `total`, by the activations h of its first `count` open rows.

    The onset of each row becomes the last onset found for its stem.
    """
    for stem in range(plan.stems - 1):
        if plan.drums[stem] != 0:
            find_onset(plan, own, end, stem, stem_level(opened, h, stem, count, total))
    for i in range(count):
        found = own.found[opened.open_stem[i]]
        opened.open_onset[i] = found if found > 0 else NEVER


@kernel
def notice_stroke(plan, own, frame, end):
    """Note a stroke if much of the frame that ends before `end` was not in the frame before."""
    new, total = np.float32(0), frame.total
    for k in range(plan.bins):
        magnitude = frame.V[k] * total
        new += max(magnitude - own.previous[k], np.float32(0))
        own.previous[k] = magnitude
    if new > np.float32(JUMP) * total:
        own.struck = end
