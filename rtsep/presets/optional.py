"""Packs and checks the optional arrays of a preset.

| array | dtype, shape | |
| --- | --- | --- |
| filled | bool [128] | pitches that were never heard: their rows were made from the rows of other pitches |
| row_age_s | float32 [row, 2] | the ages of its note between which a row is open |
| choke | int8 [128] | a note ends all notes of its stem with the same number, as for hi-hats; 0: none |
| envelope_db | float16 [128, 2, 32] | level of a note of velocity 64, and its change for one step of velocity, both in dB |
| background | float16 [row, bin] | start of the background rows, each divided by its largest value |
| encoder | float16 [row, bin] | its product with a spectrum gives the activation of the same row of W; zeros: no encoder |

The 32 levels of envelope_db are those at ages from 0 to 8.6 s on a logarithmic axis, above an arbitrary level; 0: unknown for
this pitch.

DamagedError tells what is wrong with an array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.files.archive import Arrays, need
from rtsep.presets.halves import half_rows

NAMES = frozenset(("filled", "row_age_s", "choke", "background", "encoder", "envelope_db"))
PITCHES = 128  # Number of MIDI pitches.
MOST_BACKGROUND = 256  # A preset has at most this many background rows.
ENVELOPE_POINTS, MOST_DB = 32, 400.0  # Points of an envelope, and the largest magnitude of their levels, in decibels.
ANY_AGE_S = (0.0, 1e6)  # The ages, in seconds, of a row that is open for the whole of its note.


def any_age(rows: int) -> npt.NDArray[np.float32]:
    """row_age_s of rows that are open for the whole of their note."""
    return np.tile(np.array(ANY_AGE_S, np.float32), (rows, 1))


def later_ages(row_age_s: npt.NDArray[np.float32], later_s: float) -> npt.NDArray[np.float64]:
    """row_age_s for frames that contain notes `later_s` later: half the excess of their synthesis window over the preset's."""
    limited = (row_age_s > 0) & (row_age_s < ANY_AGE_S[1])
    moved: npt.NDArray[np.float64] = np.maximum(row_age_s.astype(np.float64) + np.where(limited, later_s, 0), 0)
    return moved


def packed_rows(W: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """W [row, bin] as stored in files: each row divided by its largest value."""
    return half_rows(W)[0]


def unpacked_rows(packed: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    """Stored rows, scaled to sum to 1 again."""
    W = packed.astype(np.float64)
    need(np.isfinite(W).all() and (W >= 0).all(), f"{name} has negative or missing numbers")
    sums = W.sum(axis=1, keepdims=True)
    need((sums > 0).all(), f"{name} has an empty row")
    need(np.isfinite(sums).all(), f"{name} has a row of infinite sum")
    normalised: npt.NDArray[np.float32] = (W / sums).astype(np.float32)
    return normalised


def pack(preset: Any) -> dict[str, npt.NDArray[Any]]:
    """The optional arrays of `preset`, without those that hold defaults."""
    arrays: dict[str, npt.NDArray[Any]] = {"filled": preset.filled} if preset.filled.any() else {}
    if (preset.row_age_s != any_age(1)).any():
        arrays["row_age_s"] = preset.row_age_s
    if preset.choke.any():
        arrays["choke"] = preset.choke
    if preset.envelope_db is not None:
        arrays["envelope_db"] = preset.envelope_db.astype(np.float16)
    if preset.background is not None:
        arrays["background"] = packed_rows(preset.background)
    if preset.encoder is not None and preset.encoder.any():
        most = np.finfo(np.float16).max
        arrays["encoder"] = np.clip(preset.encoder, -most, most).astype(np.float16)
    return arrays


def check(arrays: Arrays, rows: int, bins: int) -> dict[str, Any]:
    """The fields of a Preset that come from the optional `arrays`."""
    filled = arrays.get("filled", np.zeros(PITCHES, bool))
    need(filled.shape == (PITCHES,) and filled.dtype == np.bool_, f"filled is not {PITCHES} truth values")
    choke = arrays.get("choke", np.zeros(PITCHES, np.int8))
    need(choke.shape == (PITCHES,) and choke.dtype == np.int8, f"choke is not {PITCHES} group numbers")
    return {"filled": filled, "row_age_s": _ages(arrays.get("row_age_s", any_age(rows)), rows), "choke": choke,
            "background": _background(arrays["background"], bins) if "background" in arrays else None,
            "envelope_db": _envelopes(arrays["envelope_db"]) if "envelope_db" in arrays else None,
            "encoder": _encoder(arrays["encoder"], rows, bins) if "encoder" in arrays else None}


def _ages(array: npt.NDArray[Any], rows: int) -> npt.NDArray[np.float32]:
    need(array.shape == (rows, 2) and array.dtype.kind == "f", "row_age_s does not fit W")
    need((array[:, 0] >= 0).all() and (array[:, 0] < array[:, 1]).all() and (array[:, 1] <= ANY_AGE_S[1]).all(),
         "row_age_s is not pairs of ascending ages")
    return array.astype(np.float32)


def _envelopes(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    need(array.shape == (PITCHES, 2, ENVELOPE_POINTS) and array.dtype.kind == "f",
         f"envelope_db is not {PITCHES} pairs of {ENVELOPE_POINTS} levels")
    need((np.abs(array) <= MOST_DB).all(), f"envelope_db is not within {MOST_DB} dB")
    return array.astype(np.float32)


def _background(packed: npt.NDArray[Any], bins: int) -> npt.NDArray[np.float32]:
    need(packed.ndim == 2 and packed.dtype.kind == "f", "background is not a table of numbers")
    need(0 < packed.shape[0] <= MOST_BACKGROUND and packed.shape[1] == bins, f"background has the shape {packed.shape}")
    return unpacked_rows(packed, "background")


def _encoder(packed: npt.NDArray[Any], rows: int, bins: int) -> npt.NDArray[np.float32]:
    need(packed.shape == (rows, bins) and packed.dtype.kind == "f", "encoder does not fit W")
    encoder = packed.astype(np.float32)
    need(np.isfinite(encoder).all(), "encoder has missing numbers")
    return encoder
