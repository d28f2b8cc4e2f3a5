"""What Python gives compiled code before playing: the arrays of a `State`, and records of addresses."""

import numpy as np

from rtsep.kernels.memory import (
    CHANNELS,
    CHUNK,
    COUNTERS,
    FADE_FIELDS,
    FIT,
    LEARNT,
    LEVELS,
    MANNER,
    PARTS,
    PENDING,
    PITCHES,
    PLACE,
    POSITIONS,
    SEEN,
    SLOW,
    UNITS,
    VOICE_FIELDS,
    VOICES,
)


def state_arrays(plan):
    """Zeroed arrays of a `State`, by name, in the sizes of `plan` (a plan's values by name)."""
    names = ("window_size", "overlap", "bins", "stride", "channels", "stems", "rows", "background", "taps")
    window_size, overlap, bins, stride, channels, stems, rows, background, taps = (plan[name] for name in names)
    limit = plan["open_limit"] + background
    ring_size = 2 * window_size
    f, i = np.float32, np.int64
    return {
        "ring": np.zeros((channels, ring_size), f),
        "overlap_add": np.zeros((max(stems - 1, 1), channels, overlap), f),
        "frame": np.zeros(window_size, f),
        "X": np.zeros((channels, bins), np.complex64),
        "Y": np.zeros(bins, np.complex64),
        "V": np.zeros(stride, f),
        "Q": np.zeros(stride, f),
        "M": np.zeros((stems, stride), f),
        "H": np.zeros((stems, rows), f),
        "open_row": np.zeros(limit, i),
        "open_stem": np.zeros(limit, i),
        "open_onset": np.zeros(limit, i),
        "h": np.zeros(limit + 1, f),
        "before": np.zeros(limit + 1, f),
        "gradient": np.zeros(limit + 1, f),
        "ratio": np.zeros(stride, f),
        "evidence": np.zeros(limit, f),
        "pending": np.zeros(PENDING, i),
        "background_h": np.zeros(background, f),
        "W": np.zeros((rows + background, stride), f),
        "weight": np.zeros(rows + background, f),
        "slow": np.zeros(SLOW, f),
        "voices": np.zeros((VOICES, VOICE_FIELDS), i),
        "pedals": np.zeros((PARTS, CHANNELS, 2), i),
        "marks": np.zeros((stems, PITCHES), i),
        "youngest": np.zeros((stems, PITCHES), i),
        "mixer": np.zeros(2 + stems, f),
        "counters": np.zeros(COUNTERS, i),
        "position": np.zeros(POSITIONS, i),
        "S": np.zeros(stride, f),
        "B": np.zeros(bins, np.complex64),
        "impulse": np.zeros(window_size, f),
        "filters": np.zeros((max(stems - 1, 1), 2, taps), f),
        "fades": np.zeros((stems, FADE_FIELDS), i),
        "group_first": np.zeros(limit + 1, i),
        "group_at": np.zeros((stems, PITCHES), i),
        "expected": np.zeros(limit, f),
        "ahead": np.zeros(limit, f),
        "rising": np.zeros(limit, f),
        "foreseen": np.zeros(limit, f),
        "heard": np.zeros(limit, f),
        "predicted": np.zeros(limit, f),
        "P": np.zeros((stems, stride), f),
        "shares": np.zeros((stems, stride), f),
        "gain": np.zeros((stems, LEARNT), f),
        "fit": np.zeros(FIT, f),
        "manner": np.zeros((stems, MANNER), f),
        "levels": np.zeros((stems, LEVELS), f),
        "peak": np.zeros(stems, f),
        "found": np.zeros(stems, i),
        "previous": np.zeros(stride, f),
        "heard_places": np.zeros((stems, PLACE), f),
        "places": np.zeros((stems, PLACE), f),
        "sums": np.zeros((PLACE, stride), f),
        "Z": np.zeros((channels, bins), np.complex64),
        "hidden": np.zeros((UNITS + SEEN, CHUNK), f),
        "kept_rows": np.zeros((background, stride), f),
        "kept_weight": np.zeros(background, f),
    }


def record(dtype, values):
    """One record of `dtype`: numbers as they are, arrays as the address of their first element.

    The caller keeps the arrays alive for as long as the record is used.
    """
    result = np.zeros(1, dtype)
    for name, value in values.items():
        result[name] = value.ctypes.data if isinstance(value, np.ndarray) else value
    return result
