"""The records PLAN and STATE as tables in C, with the limits within which a plan is safe to play.

A plan file can come from anybody. So native/plan.c checks every number that compiled code uses as a size or an index, when it
loads the file. The limits for these numbers stand here.
"""

from __future__ import annotations

import hashlib

import numpy as np

from rtsep.kernels.fields import Field, Record, terms
from rtsep.kernels.memory import EVENT
from rtsep.kernels.twiddles import make_twiddles, scratch_size
from rtsep.methods.estimators import ESTIMATORS
from rtsep.methods.masks import MASKS
from rtsep.stages.call import CALL
from rtsep.stages.colour import BANDS
from rtsep.stages.records import PLAN, STATE
from rtsep.stages.voice_grid import AXIS, CANDIDATES, FINER

WORD = 8  # A word of a record has this many bytes.
WINDOWS = [1 << power for power in range(8, 16)]  # Plans can have windows of 256 to 32768 samples.
LONG = 1 << 40  # Times have at most this many samples, so that sums of times cannot overflow.

# The least and the greatest value of each whole number, and of each element of an array of whole numbers. A limit is a number
# or a sum of sizes.
LIMITS: dict[str, tuple[str, str]] = {
    "window_size": ("256", "32768"), "hop": ("16", "window_size"), "slot": ("4", "hop"), "bins": ("1", "window_size"),
    "stride": ("bins", "window_size"), "ring_size": ("window_size", "65536"), "channels": ("1", "2"), "stems": ("1", "33"),
    "rows": ("0", "65536"), "background": ("0", "256"), "open_limit": ("1", "65536"), "latency": ("0", "window_size"),
    "ahead": ("0", "192000"), "told_early": ("0", "96000"),
    "lead": ("0", "window_size"), "gated": ("0", "1"), "voice_stem": ("-1", "stems - 2"),
    "voice_first": ("0", "bins"), "lead_in": ("0", str(LONG)), "route": ("-1", "stems - 1"),
    "reach": ("0", "1"), "first_row": ("0", "rows"), "row_count": ("0", "rows"), "row_age": ("0", str(LONG)),
    "release": ("0", str(LONG)), "decay": ("0", str(LONG)), "choke": ("0", "32768"), "instrument": ("0", "stems"),
    "drums": ("0", "1"), "twiddles_size": ("0", "65536"), "scratch_size": ("0", "131072"), "score_chords": ("0", "0"),
    "score_notes": ("0", "0"), "score_parts": ("0", "32"), "score_keyboards": ("0", "32"), "chord_first": ("0", "0"),
    "note_chord": ("0", "0"), "note_pitch": ("0", "0"), "note_part": ("0", "0"), "by_pitch": ("0", "0"),
    "pitch_first": ("0", "0"),
    "by_hands": ("0", "1"), "left_stem": ("0", "stems - 1"), "right_stem": ("0", "stems - 1"),
    "early": ("0", str(LONG)), "rolls_back": ("0", "1"),
    "melody_told": ("0", "1"), "melody_middle": ("0", str(LONG)), "melody_loose": ("0", str(LONG)),
    "first_candidate": ("0", str(CANDIDATES - 1)), "end_candidate": ("first_candidate + 1", str(CANDIDATES)),
    "axis_heard": ("0", str(AXIS)),
    "level_bins": ("1", "bins"), "axis_bin": ("0", "bins - 2"),
    "shift_steps": ("0", str(AXIS - CANDIDATES)), "shift_place": ("0", str(FINER - 1)),
    "has_envelope": ("0", "1"), "method": ("0", str(len(ESTIMATORS) - 1)), "encoded": ("0", "rows"),
    "iterations": ("0", "1000"), "mask": ("0", str(len(MASKS) - 1)), "power_halves": ("1", "16"),
    "band": ("0", str(BANDS - 2)), "first_bin": ("0", "bins"),
    "last_bin": ("0", "bins"), "comb": ("0", "1"), "combed": ("0", "1"), "background_learns": ("0", "1"), "panning": ("0", "1"),
    "overlap": ("0", "window_size"), "taps": ("0", "window_size"), "paths": ("1", "4"),
}
# The arrays of STATE that are learnt while playing, which a host saves with the project.
LEARNT = ("W", "weight", "gain", "decay_deviation", "lag_s", "lag_seen", "known_s")


def fingerprint() -> str:
    """A hash of 32 hexadecimal digits: it identifies the layout of all records that compiled code and plan files share."""
    digest = hashlib.sha256(repr(EVENT.descr).encode())
    for record in (PLAN, STATE, CALL):
        for one in record.fields.values():
            kind = one.kind.name if isinstance(one.kind, Record) else np.dtype(one.kind).descr
            digest.update(repr((record.name, one.name, one.word, kind, one.shape, one.cell)).encode())
    return digest.hexdigest()[:32]


def header() -> str:
    """The text of layout.h."""
    windows = ", ".join(f"{{{size}, {len(make_twiddles(size))}, {scratch_size(size)}}}" for size in WINDOWS)
    digits = fingerprint()
    octets = ", ".join(f"0x{digits[at : at + 2]}" for at in range(0, 32, 2))
    names = "\n".join(f"    {record.name.upper()}_{name} = {number}," for record in (PLAN, STATE, CALL)
                      for number, name in enumerate(record.fields))
    return f"""/* Made by rtsep/plugin/layout.py: the records of the engine. */
#include "records.h"
enum {{
{names}
    PLAN_WORDS = {len(PLAN.fields)}, STATE_WORDS = {len(STATE.fields)}, CALL_WORDS = {len(CALL.fields)},
    WINDOW_COUNT = {len(WINDOWS)}
}};
static const unsigned char LAYOUT[16] = {{{octets}}};
static const long long WINDOWS[][3] = {{{windows}}};
static const Field PLAN_FIELDS[] = {{
{_fields(PLAN)}
}};
static const Field STATE_FIELDS[] = {{
{_fields(STATE)}
}};
"""


def _fields(record: Record) -> str:
    return ",\n".join(f"    {_field(record, one)}" for one in record.fields.values())


def _field(record: Record, one: Field) -> str:
    limits = LIMITS.get(one.name, ("0", "0")) if record is PLAN else ("0", "0")
    tail = f"{_sum(record, limits[0])}, {_sum(record, limits[1])}, {int(record is STATE and one.name in LEARNT)}"
    if isinstance(one.kind, Record):
        return f'{{"{one.name}", LINK, 0, 0, 0, {{{{0}}}}, {tail}}}'
    dtype = np.dtype(one.kind)
    whole = int(dtype.kind in "iu")
    if one.shape is None:
        return f'{{"{one.name}", NUMBER, {whole}, 8, 0, {{{{0}}}}, {tail}}}'
    shape = ", ".join(_sum(record, dimension) for dimension in one.shape)
    return f'{{"{one.name}", ARRAY, {whole}, {dtype.itemsize}, {len(one.shape)}, {{{shape}}}, {tail}}}'


def _sum(record: Record, text: str) -> str:
    """A sum of sizes, all of which are words of PLAN, as {constant, terms, {sign, word} ...}."""
    constant, words = 0, []
    for sign, word in terms(text):
        if word.isdigit():
            constant += sign * int(word)
        else:
            words.append(f"{{{sign}, {list(PLAN.fields).index(word)}}}")
    return f"{{{constant}, {len(words)}, {{{', '.join(words) or '{0, 0}'}}}}}"
