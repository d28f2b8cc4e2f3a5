"""Templates of one instrument by several makers, for instruments that none of them made.

A row of one maker has holes where a single recording had some, and partials that no other instrument of that kind has. The mean
over neighbouring pitches has neither. Attacks differ less than what follows them, so that one row for all makers is enough.
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
"""The weight of the plain row in a sustain, a geometric mean: an arithmetic one of 0.5 confuses a clarinet with a flute."""
LEAST = 1e-9
"""The least value of a bin in that mean, as a share of the row's sum."""
ATTACK, SUSTAIN = "attack", "sustain"

Rows = dict[int, npt.NDArray[np.float64]]


def blend(makers: Sequence[Templates], kin: Sequence[Templates] = ()) -> Templates:
    """Of each pitch that makers have one attack, and a sustain for each of them.

    `kin` are other instruments that are somewhat alike, for an instrument with too few makers: every sustain has a share of
    their mean, the plain row, which fills its holes. Without makers that mean is all there is.
    """
    makers = [without_gaps(each) for each in makers]
    attacks = mean_of([smooth(each, ATTACK, compass(each)) for each in makers or kin])
    plain = mean_of([smooth(each, SUSTAIN, sorted(attacks)) for each in kin])
    sustains = [mixed(smooth(each, SUSTAIN, compass(each)), plain) for each in makers] or [plain]
    rows = [(pitch, role, found[pitch]) for pitch in sorted(attacks)
            for role, found in ((ATTACK, attacks), *((SUSTAIN, each) for each in sustains)) if pitch in found]
    return with_rows(makers or kin, rows)


def with_rows(several: Sequence[Templates], rows: Sequence[tuple[int, str, npt.NDArray[np.float64]]]) -> Templates:
    """The templates together, but with these rows: pitch, ascending, role and spectrum."""
    pitch, role, W = zip(*rows, strict=True)
    return replace(stack(several), W=np.array(W, np.float32), row_pitch=np.array(pitch, np.int16), row_role=role)


def compass(templates: Templates) -> range:
    """From its lowest to its highest pitch."""
    return range(int(templates.row_pitch.min()), int(templates.row_pitch.max()) + 1)


def without_gaps(templates: Templates) -> Templates:
    """With rows for the pitches that its maker left out between others."""
    reached = compass(templates)
    return fill(templates, fill_range(np.unique(templates.row_pitch), reached[0], reached[-1]))


def smooth(templates: Templates, role: str, pitches: Sequence[int]) -> Rows:
    """For each pitch that has neighbours the mean of the rows of this role, moved to it; rows sum to 1."""
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
    """The geometric means of the rows and the plain row of their pitch, where there is one; rows sum to 1."""
    found = {}
    for pitch, row in rows.items():
        both = row if pitch not in plain else (row + LEAST) ** (1 - SHARE) * (plain[pitch] + LEAST) ** SHARE
        found[pitch] = both / both.sum()
    return found


def mean_of(several: Sequence[Rows]) -> Rows:
    """For each pitch the mean of the rows of all who have it."""
    pitches = sorted({pitch for rows in several for pitch in rows})
    return {pitch: np.mean([rows[pitch] for rows in several if pitch in rows], axis=0) for pitch in pitches}


WAYS: dict[str, Callable[[Sequence[Templates], Sequence[Templates]], Templates]] = {
    "blend": blend, "stack": lambda makers, kin: stack(makers)}
"""How the rows of several sounds come together: blended, or all beside each other as they were learnt."""
