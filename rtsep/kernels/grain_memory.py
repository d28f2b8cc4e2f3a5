"""What a live mosaic works on beside `Plan` and `State` (memory.py): the source, and where in it is being played."""

from typing import NamedTuple

import numpy as np
from numba import carray, njit

from rtsep.kernels.memory import PITCHES
from rtsep.kernels.native import OPTIONS, floats, integers, pointer

POLYPHONY_MOST, FOUND_MOST = 32, 128  # heads that play on; rows found anew in a hop
HEADS_MOST = POLYPHONY_MOST + FOUND_MOST
ROWS_MOST = 6144  # searched in a hop; of a longer source every second row, then the others; or every third ...
UNPITCHED = PITCHES  # the pitch of a row that has none
LONG_AGO = -(1 << 40)

# counts [word]
HEADS, FOUND, FRAMES, HEARD, RUNS, AGAIN, COUNTS = range(7)

SIZES = ("length", "source_channels", "rows", "parts", "bands", "band_stride", "spacing", "polyphony", "candidates",
         "repetition", "near")
PLAN_ARRAYS = ("sound", "W", "C", "mean", "level", "first_bin", "row_pitch", "serves")
STATE_ARRAYS = ("place", "share", "counts", "found", "found_score", "score", "heard", "allowed", "wanted", "row", "h",
                "gradient", "order")
GRAINS = np.dtype([(name, "<i8") for name in SIZES] + [("continuity", "<f8")]
                  + [(name, "<i8") for name in PLAN_ARRAYS + STATE_ARRAYS])


class Grains(NamedTuple):
    """The source as templates and as sound; the play heads; and scratch. A row is a frame of the source.

    The first counts[HEADS] heads are in use; after a frame those are the ones that sound.
    """

    length: int  # samples of `sound`
    source_channels: int
    rows: int
    parts: int  # hops until every row has been searched
    bands: int
    band_stride: int
    spacing: int  # samples from row to row: row r ends at sample (r + 1) spacing of the source
    polyphony: int
    candidates: int  # rows found anew that a frame tries
    repetition: int  # samples
    near: int  # samples within which hearing a row again is counted as a repetition
    continuity: float
    sound: np.ndarray  # float32 [source channel, length], behind `overlap` samples of silence
    W: np.ndarray  # float32 [row, stride], rows sum to 1 or are 0
    C: np.ndarray  # float32 [row, band_stride], W summed over bands
    mean: np.ndarray  # float32 [band_stride], of C
    level: np.ndarray  # float32 [row], 1 over the sum of the row's magnitudes; 0: silence
    first_bin: np.ndarray  # int64 [band + 1]
    row_pitch: np.ndarray  # int64 [row], UNPITCHED where there is none
    serves: np.ndarray  # int64 [pitch], pitch of the rows that a note of this pitch allows; -1: none
    place: np.ndarray  # int64 [HEADS_MOST], how many samples of the source each head has played
    share: np.ndarray  # float32 [HEADS_MOST], its activation in the last frame, whose magnitudes sum to 1; 0: not heard yet
    counts: np.ndarray  # int64 [COUNTS]
    found: np.ndarray  # int64 [FOUND_MOST], rows that may begin to sound
    found_score: np.ndarray  # float32 [FOUND_MOST]
    score: np.ndarray  # float32 [rows of a part]
    heard: np.ndarray  # int64 [row], end of the last frame that it sounded in
    allowed: np.ndarray  # int64 [PITCHES + 1], whether rows of this pitch may sound
    wanted: np.ndarray  # float32 [band_stride], what the heads leave unexplained: heard over explained
    row: np.ndarray  # int64 [HEADS_MOST], the row nearest to each head
    h: np.ndarray  # float32 [HEADS_MOST], its activation
    gradient: np.ndarray  # float32 [HEADS_MOST]
    order: np.ndarray  # float32 [POLYPHONY_MOST], the largest activations, falling


@njit(**OPTIONS)
def grains_at(address, stride):
    """The `Grains` whose record lies at `address`; `stride` is the plan's."""
    r = carray(pointer(address), 1, GRAINS)[0]
    return Grains(
        r.length, r.source_channels, r.rows, r.parts, r.bands, r.band_stride, r.spacing, r.polyphony, r.candidates,
        r.repetition, r.near, np.float32(r.continuity), floats(r.sound, (r.source_channels, r.length)),
        floats(r.W, (r.rows, stride)), floats(r.C, (r.rows, r.band_stride)), floats(r.mean, (r.band_stride,)),
        floats(r.level, (r.rows,)), integers(r.first_bin, (r.bands + 1,)), integers(r.row_pitch, (r.rows,)),
        integers(r.serves, (PITCHES,)), integers(r.place, (HEADS_MOST,)), floats(r.share, (HEADS_MOST,)),
        integers(r.counts, (COUNTS,)), integers(r.found, (FOUND_MOST,)), floats(r.found_score, (FOUND_MOST,)),
        floats(r.score, (part_rows(r.rows, r.parts),)), integers(r.heard, (r.rows,)), integers(r.allowed, (PITCHES + 1,)),
        floats(r.wanted, (r.band_stride,)), integers(r.row, (HEADS_MOST,)), floats(r.h, (HEADS_MOST,)),
        floats(r.gradient, (HEADS_MOST,)), floats(r.order, (POLYPHONY_MOST,)),
    )


@njit(**OPTIONS)
def part_rows(rows, parts):
    """How many rows the largest part has."""
    return (rows + parts - 1) // parts


def grain_state(rows, parts, band_stride):
    """What a mosaic remembers from block to block, and its scratch, by name: at rest, nothing heard yet."""
    f, i = np.float32, np.int64
    return {
        "place": np.zeros(HEADS_MOST, i), "share": np.zeros(HEADS_MOST, f), "counts": np.zeros(COUNTS, i),
        "found": np.zeros(FOUND_MOST, i), "found_score": np.zeros(FOUND_MOST, f),
        "score": np.zeros(part_rows(rows, parts), f), "heard": np.full(rows, LONG_AGO, i),
        "allowed": np.zeros(PITCHES + 1, i), "wanted": np.zeros(band_stride, f), "row": np.zeros(HEADS_MOST, i),
        "h": np.zeros(HEADS_MOST, f), "gradient": np.zeros(HEADS_MOST, f), "order": np.zeros(POLYPHONY_MOST, f),
    }
