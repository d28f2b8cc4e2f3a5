"""Learns templates of drums from single hits: each stage of the sound has its own row, which is open at the ages of that stage.

A drum's spectrum changes faster than activations can follow. The trigger tells the age of the hit, so only the rows for that
age are open. A row is the mean spectrum of its stage: updates would fit it to these hits instead of to the drum.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.notes.drum_maps import DRUM_GROUPS
from rtsep.presets.optional import ANY_AGE_S, PITCHES
from rtsep.training.isolated import Floats, Notes, Progress, Templates
from rtsep.windows import choose_framing, magnitudes, window_pair

STAGES = ("stroke", "attack", "body", "decay")
# Ages, in seconds, at which stroke, attack and body end; the decay lasts as long as the hit (docs/measurements/drums.md).
STAGE_ENDS_S = (0.02, 0.06, 0.2)
# A row is open this many seconds before and after its stage, since triggers are not exact (docs/measurements/drums.md).
EARLIER_S, LATER_S = 0.015, 0.02
LEVELS = 2  # Hits are split by loudness into this many groups, each with its own rows, by default.
# This many seconds of a hit are learnt, and its rows are open for as long; 0.3 costs 0.8 dB for the kick
# (docs/measurements/drums.md).
HIT_S = 0.6
HOP = 128  # Samples from frame to frame.


def train_drums(hits: Notes, progress: Progress | None = None, levels: int = LEVELS) -> Templates:
    """Templates of every pitch in `hits`, made with half the live mode's usual window, since drums are short.

    Note-offs have no meaning for drums: a hit lasts HIT_S, or until the next hit. levels: the number of groups of hits, from
    soft to loud, that have their own rows. RtsepError: no hit can be heard.
    """
    rate = hits.sample_rate
    framing = choose_framing("live", rate, choose_framing("live", rate).window_size // 2)
    window, _ = window_pair(framing)
    W, ages_s, roles, pitches, frames = list[Floats](), list[tuple[float, float]](), list[str](), list[int](), 0
    release_s = np.zeros(PITCHES, np.float32)
    played = np.unique(hits.pitch)
    for done, pitch in enumerate(played, 1):
        for V, age_s in _levels(hits, np.flatnonzero(hits.pitch == pitch), window, levels):
            for role, mean, open_s in _stages(V, age_s):
                roles.append(role)
                W.append(mean)
                ages_s.append(open_s)
                pitches.append(int(pitch))
                release_s[pitch] = HIT_S
            frames += len(V)
        if progress is not None:
            progress("training", done, len(played), None)
    if not W:
        raise RtsepError("none of the hits can be heard: the sound is silent, or the hits lie beyond its end")
    return Templates(rate, framing, np.stack(W).astype(np.float32), np.array(pitches, np.int16), tuple(roles), release_s,
                     release_s.copy(), np.zeros(1), frames, row_age_s=np.array(ages_s, np.float32))


def choke_groups() -> npt.NDArray[np.int8]:
    """Choke groups, int8 [128]: closed, pedal and open hi-hat end each other."""
    groups = np.zeros(PITCHES, np.int8)
    groups[list(DRUM_GROUPS["hihat"])] = 1
    return groups


def _levels(hits: Notes, which: npt.NDArray[np.int64], window: Floats, levels: int) -> Iterator[tuple[Floats, Floats]]:
    """V [frame, bin] and the ages of the frames in s, for `levels` groups of the hits `which`, from soft to loud."""
    velocity = hits.velocities()[which]
    steps = np.unique(velocity)
    for group in np.array_split(steps, min(levels, len(steps))):
        ends = [_ends(hits, i) for i in which[np.isin(velocity, group)]]
        ages_s = [(end - hits.onset_s[i] * hits.sample_rate) / hits.sample_rate
                  for end, i in zip(ends, which[np.isin(velocity, group)], strict=True)]
        V = magnitudes(hits.sound, np.concatenate(ends), window).astype(np.float64)
        yield V, np.concatenate(ages_s)


def _ends(hits: Notes, i: int) -> npt.NDArray[np.int64]:
    """Ends of the frames of hit `i` before the next hit."""
    rate, onset_s = hits.sample_rate, hits.onset_s[i]
    later = hits.onset_s[hits.onset_s > onset_s]
    until_s = min(onset_s + HIT_S, later.min(initial=np.inf), hits.sound.shape[-1] / rate)
    return np.arange(round(onset_s * rate) + HOP // 2, round(until_s * rate), HOP)


def _stages(V: Floats, age_s: Floats) -> Iterator[tuple[str, Floats, tuple[float, float]]]:
    """Every audible stage: its name, its mean spectrum [bin], which sums to 1, and the ages at which its row is open."""
    edges = (0.0, *STAGE_ENDS_S, np.inf)
    for role, (begin, end) in zip(STAGES, pairwise(edges), strict=True):
        total = V[(age_s >= begin) & (age_s < end)].sum(axis=0)
        if total.any():
            yield role, total / total.sum(), (max(begin - EARLIER_S, 0.0), min(end + LATER_S, ANY_AGE_S[1]))
