"""Blends the templates of several makers of one instrument, for instruments that none of them made.

A row of one maker has the holes of its single recording, and partials that no other instrument of that kind has. The mean
over neighbouring pitches has neither. Attacks differ less than the sound after them, so one attack row for all makers is
enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rtsep.training.combine import stack
from rtsep.training.fill import fill, fill_range, move_partials
from rtsep.training.isolated import Templates

REACH = 7
"""A row is the mean of the rows at most this many semitones away; each counts as one divided by its distance plus 1."""
SHARE = 0.5
"""The weight of the plain row in a sustain, in a geometric mean: an arithmetic mean confuses a clarinet with a flute."""
LEAST = 1e-9
"""The least value of a bin in that mean, as a share of the row's sum."""
ATTACK, SUSTAIN = "attack", "sustain"

Rows = dict[int, npt.NDArray[np.float64]]


def blend(makers: Sequence[Templates], kin: Sequence[Templates] = ()) -> Templates:
    """For each pitch of the makers one attack row, and a sustain row for each maker.

    `kin` are other, similar instruments, for an instrument with too few makers: every sustain gets a share of their mean, the
    plain row, which fills its holes. Without makers only that mean is left.
    """
    makers = [without_gaps(each) for each in makers]
    attacks = mean_of([smooth(each, ATTACK, compass(each)) for each in makers or kin])
    plain = mean_of([smooth(each, SUSTAIN, sorted(attacks)) for each in kin])
    sustains = [mixed(smooth(each, SUSTAIN, compass(each)), plain) for each in makers] or [plain]
    rows = [(pitch, role, found[pitch]) for pitch in sorted(attacks)
            for role, found in ((ATTACK, attacks), *((SUSTAIN, each) for each in sustains)) if pitch in found]
    return with_rows(makers or kin, rows)


def with_rows(several: Sequence[Templates], rows: Sequence[tuple[int, str, npt.NDArray[np.float64]]]) -> Templates:
    """The stacked templates with these rows instead: pitch (ascending), role and spectrum."""
    pitch, role, W = zip(*rows, strict=True)
    return replace(stack(several), W=np.array(W, np.float32), row_pitch=np.array(pitch, np.int16), row_role=role)


def compass(templates: Templates) -> range:
    """The range from the lowest to the highest pitch."""
    return range(int(templates.row_pitch.min()), int(templates.row_pitch.max()) + 1)


def without_gaps(templates: Templates) -> Templates:
    """The templates with rows for the pitches that the maker left out between others."""
    reached = compass(templates)
    return fill(templates, fill_range(np.unique(templates.row_pitch), reached[0], reached[-1]))


def smooth(templates: Templates, role: str, pitches: Sequence[int]) -> Rows:
    """For each pitch with neighbours the mean of their rows of this role, moved to the pitch; rows sum to 1."""
    bin_hz = templates.sample_rate / templates.framing.window_size
    mine = np.flatnonzero(np.array(templates.row_role) == role)
    sources = templates.row_pitch[mine].astype(int)
    found = {}
    for pitch in pitches:
        away = np.abs(sources - pitch)
        near = np.flatnonzero(away <= REACH)
        if len(near):
            moved = [move_partials(templates.W[mine[i]], sources[i], pitch, bin_hz) for i in near]
            found[pitch] = np.average(moved, axis=0, weights=1 / (1 + away[near]))
    return found


def mixed(rows: Rows, plain: Rows) -> Rows:
    """The geometric means of the rows and the plain row of their pitch, if there is one; rows sum to 1."""
    found = {}
    for pitch, row in rows.items():
        both = row if pitch not in plain else (row + LEAST) ** (1 - SHARE) * (plain[pitch] + LEAST) ** SHARE
        found[pitch] = both / both.sum()
    return found


def mean_of(several: Sequence[Rows]) -> Rows:
    """For each pitch the mean over all row sets that have it."""
    pitches = sorted({pitch for rows in several for pitch in rows})
    return {pitch: np.mean([rows[pitch] for rows in several if pitch in rows], axis=0) for pitch in pitches}


WAYS: dict[str, Callable[[Sequence[Templates], Sequence[Templates]], Templates]] = {
    "blend": blend, "stack": lambda makers, kin: stack(makers)}
"""How the rows of several sounds are combined: blended, or stacked as they were learnt."""
