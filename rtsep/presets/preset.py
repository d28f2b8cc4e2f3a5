"""Presets: the templates of an instrument in one file that is safe to open, even from unknown sources.

A preset is an .npz archive (a zip of .npy arrays; no pickles) with `meta` (UTF-8 JSON as uint8) and:

| array | dtype, shape | |
| --- | --- | --- |
| W | float16 [row, bin] | templates, each divided by its largest value; after loading, rows sum to 1 |
| row_pitch | int16 [row] | MIDI pitch of each row, ascending |
| row_role | uint8 [row] | index into meta["roles"] |
| release_s, decay_s | float32 [128] | per pitch, in s: sound after note-off; sound of a note held by the pedal |

Other arrays are optional. Arrays that this version does not know are ignored and reported. The format version
rises only if a meaning changes.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.archive import DamagedError, need, read_archive, write_archive
from rtsep.notes.programs import DRUMS
from rtsep.params import Value, param_of, parse_params
from rtsep.presets import optional

FORMAT_VERSION = 1  # Presets are written in this version of the format; this version and older ones are read.
PITCHES = 128  # MIDI's number of pitches.
MOST_ROWS, MOST_BINS = 4096, 8193  # A preset has at most this many rows and bins.
ROWS_PER_PITCH = 8  # A pitch has at most this many rows.
_META_FIELDS = ("format_version", "title", "sample_rate", "window_size", "overlap", "roles", "provenance")
PROVENANCE = ("source", "licence", "attribution", "made_by")


@dataclass(frozen=True)
class Preset:
    """An instrument: its templates, and what the engine needs to know about them.

    W: float32 [row, bin], rows sum to 1, made with an analysis window of `window_size` samples at `sample_rate` Hz, whose
    synthesis window has `overlap` samples. row_pitch: int16 [row], ascending. row_role: the role of each row.
    release_s, decay_s: float32 [128], seconds. defaults: parameters that suit this preset. notes: what loading ignored.
    filled: bool [128], the pitches whose rows were not learnt, but made from those of other pitches. programs: the General
    MIDI programs that the preset is made for, 0 to 127, and 128 for the drum kits of channel 10. background: float32
    [row, bin], rows sum to 1, the start of the background; None: noise. row_age_s: float32 [row, 2], the ages of its note
    between which a row is open (not given: any age). choke: int8 [128], groups of pitches that end each other; 0: none.
    encoder: float32 [row, bin], whose product with a spectrum gives the row's activation; rows of zeros, or all rows if it is
    None, have no encoder. envelope_db: float32 [128, 2, 32], levels of notes; None: unknown.
    """

    name: str
    title: str
    sample_rate: float
    window_size: int
    overlap: int
    W: npt.NDArray[np.float32]
    row_pitch: npt.NDArray[np.int16]
    row_role: tuple[str, ...]
    release_s: npt.NDArray[np.float32]
    decay_s: npt.NDArray[np.float32]
    provenance: Mapping[str, str]
    defaults: Mapping[str, Value] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    filled: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(PITCHES, bool))
    programs: tuple[int, ...] = ()
    background: npt.NDArray[np.float32] | None = None
    envelope_db: npt.NDArray[np.float32] | None = None
    row_age_s: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    choke: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(PITCHES, np.int8))
    encoder: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if not len(self.row_age_s):
            object.__setattr__(self, "row_age_s", optional.any_age(len(self.W)))

    @property
    def pitches(self) -> npt.NDArray[np.int16]:
        """The pitches that have templates, ascending."""
        return np.unique(self.row_pitch)


def save_preset(preset: Preset, path: Path) -> None:
    """Write `preset` to `path`, completely or not at all; the same preset gives the same bytes."""
    roles = sorted(set(preset.row_role))
    meta = {
        "format_version": FORMAT_VERSION,
        "title": preset.title,
        "sample_rate": preset.sample_rate,
        "window_size": preset.window_size,
        "overlap": preset.overlap,
        "roles": roles,
        "provenance": dict(preset.provenance),
        "defaults": dict(preset.defaults),
        "programs": sorted(preset.programs),
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        "meta": np.frombuffer(json.dumps(meta, sort_keys=True).encode(), np.uint8),
        "W": optional.packed_rows(preset.W),
        "row_pitch": preset.row_pitch.astype(np.int16),
        "row_role": np.array([roles.index(role) for role in preset.row_role], np.uint8),
        "release_s": preset.release_s.astype(np.float32),
        "decay_s": preset.decay_s.astype(np.float32),
        **optional.pack(preset),
    }
    write_archive(path, arrays)


def load_preset(path: Path) -> Preset:
    """The preset in file `path`. RtsepError if it is no preset, or if it is damaged, too large, or of a later version."""
    with _as_damage(path):
        return _checked(path.stem, read_archive(path))


def read_programs(path: Path) -> tuple[int, ...]:
    """The General MIDI programs of the preset in file `path`; nothing else is read. RtsepError as for `load_preset`."""
    with _as_damage(path):
        arrays = read_archive(path, ("meta",))
        need("meta" in arrays, "no meta")
        return _checked_programs(_read_meta(arrays["meta"]))


@contextmanager
def _as_damage(path: Path) -> Iterator[None]:
    """Turn any error from a damaged or malicious file into an RtsepError of one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy's warnings mean that the file is damaged.
            yield
    except FileNotFoundError:
        raise RtsepError(f"{path}: there is no such preset file") from None
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise RtsepError(f"{path}: not a usable preset ({reason}); get it again or choose another") from None


def _read_meta(array: npt.NDArray[Any]) -> dict[str, Any]:
    meta: dict[str, Any] = json.loads(array.astype(np.uint8).tobytes().decode())
    need(isinstance(meta, dict) and type(meta.get("format_version")) is int, "no format version")
    need(meta["format_version"] >= 1, "format version below 1")
    if meta["format_version"] > FORMAT_VERSION:
        raise DamagedError(f"format version {meta['format_version']}; this rtsep reads up to {FORMAT_VERSION}: update rtsep")
    for name in _META_FIELDS:
        need(name in meta, f"no {name}")
    return meta


def _checked(name: str, arrays: dict[str, npt.NDArray[Any]]) -> Preset:
    """A Preset from its arrays; every field is checked."""
    for needed in ("meta", "W", "row_pitch", "row_role", "release_s", "decay_s"):
        need(needed in arrays, f"no {needed}")
    meta = _read_meta(arrays["meta"])
    W = _checked_templates(arrays["W"], meta)
    rows = W.shape[0]
    pitch = arrays["row_pitch"]
    need(pitch.shape == (rows,) and pitch.dtype.kind == "i", "row_pitch does not fit W")
    need(((pitch >= 0) & (pitch < PITCHES)).all() and (np.diff(pitch.astype(int)) >= 0).all(), "row_pitch out of order")
    need(np.bincount(pitch).max() <= ROWS_PER_PITCH, f"more than {ROWS_PER_PITCH} rows for one pitch")
    roles, role = meta["roles"], arrays["row_role"]
    need(isinstance(roles, list) and all(isinstance(r, str) for r in roles), "roles are not names")
    need(role.shape == (rows,) and role.dtype == np.uint8 and role.max() < len(roles), "row_role does not fit")
    provenance = meta["provenance"]
    need(isinstance(provenance, dict) and all(isinstance(provenance.get(key), str) for key in PROVENANCE),
          f"provenance lacks one of {', '.join(PROVENANCE)}")
    known = {"meta", "W", "row_pitch", "row_role", "release_s", "decay_s"} | optional.NAMES
    return Preset(
        name=name,
        title=_plain(meta["title"], 200),
        sample_rate=float(meta["sample_rate"]),
        window_size=meta["window_size"],
        overlap=meta["overlap"],
        W=W,
        row_pitch=pitch.astype(np.int16),
        row_role=tuple(_plain(roles[i], 100) for i in role),
        release_s=_checked_times(arrays["release_s"], "release_s"),
        decay_s=_checked_times(arrays["decay_s"], "decay_s"),
        provenance={_plain(key, 100): _plain(value, 2000) for key, value in provenance.items()},
        defaults=_checked_defaults(meta.get("defaults", {})),
        notes=tuple(f"ignored: {extra!r}, which this version does not know" for extra in sorted(set(arrays) - known)),
        programs=_checked_programs(meta),
        **optional.check(arrays, *W.shape),
    )


def _plain(text: object, longest: int) -> str:
    """The text without control characters, so that it is safe to show."""
    return "".join(letter for letter in str(text)[:longest] if letter.isprintable())


def _checked_templates(W: npt.NDArray[Any], meta: dict[str, Any]) -> npt.NDArray[np.float32]:
    need(W.ndim == 2 and W.dtype.kind == "f", "W is not a table of numbers")
    need(0 < W.shape[0] <= MOST_ROWS and 0 < W.shape[1] <= MOST_BINS, f"W has the shape {W.shape}")
    size, rate, overlap = meta["window_size"], meta["sample_rate"], meta["overlap"]
    need(isinstance(size, int) and W.shape[1] == size // 2 + 1 and size % 2 == 0, "W does not fit window_size")
    need(isinstance(overlap, int) and 0 < overlap <= size, "overlap does not fit window_size")
    need(isinstance(rate, int | float) and not isinstance(rate, bool) and 8000 <= rate <= 192000,
          f"sample rate {rate!r}; allowed is 8000 to 192000 Hz")
    return optional.unpacked_rows(W, "W")


def _checked_times(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    need(array.shape == (PITCHES,) and array.dtype.kind == "f", f"{name} has not {PITCHES} numbers")
    need(np.isfinite(array).all() and (array >= 0).all() and (array <= 120).all(), f"{name} is not 0 to 120 s")
    return array.astype(np.float32)


def _checked_defaults(defaults: object) -> dict[str, Value]:
    need(isinstance(defaults, dict), "defaults are not a table")
    assert isinstance(defaults, dict)
    try:
        need(not any(param_of(name).live for name in defaults), "a mixer parameter among the defaults")
        return parse_params(defaults)
    except RtsepError as error:
        raise DamagedError(f"defaults: {error}") from None


def _checked_programs(meta: Mapping[str, Any]) -> tuple[int, ...]:
    programs = meta.get("programs", [])
    need(isinstance(programs, list) and all(type(each) is int and 0 <= each <= DRUMS for each in programs),
         f"programs are not a list of numbers from 0 to {DRUMS}")
    return tuple(sorted(set(programs)))
