"""Stage: templates follow the sound. The background learns what no open note explains; notes' templates adapt to their sound.

Online PLCA with forgetting (Smaragdis & Raj 2007; Mysore & Smaragdis, ICASSP 2011, for rows that learn beside fixed ones):
a row is the mean of its part of each frame, h W (V / model), over about its memory. Only the mean W and its weight are kept.
They are enough to add the next frame, with one multiplication per bin. The preset holds its rows as if it had been heard for
`adapt_hold` seconds.

A frame's evidence is noted at the end of the frame, and learnt in the slots of the hop that follows.
Figures: docs/measurements/experiments.md, "Background rows" and "Adaptation".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.arrays import copy, fill, product_sum
from rtsep.kernels.fields import Part, array, cell, number, size
from rtsep.kernels.marks import kernel, numeric
from rtsep.kernels.memory import SLOTS
from rtsep.presets.preset import Preset
from rtsep.stages.common import listens_for_drums, stages_of
from rtsep.stages.passed import KEEP, RESTORE
from rtsep.stages.request import Request
from rtsep.stages.residual import known_share
from rtsep.windows import map_templates

# A background row's start counts like this many seconds of sound. With more, it learns late; with less, it learns what a wrong
# preset leaves.
START_S = 0.005
LEAST_S = 0.0002  # The weight of a background row's past does not fall below this many seconds.
LOUDEST_FRAME = 4.0  # A frame counts at most like this many frames of mean loudness.
LEVEL_S = 5.0  # The mean loudness is averaged with this time constant, in seconds.
EXPLAINED_S = 1.0  # The share of the sound that open notes explain is averaged over this many seconds of mean loudness.
# If open notes explain less than the first share, others certainly play; from the second share on drums play alone.
BESIDE, ALONE = 0.8, 0.9
ALONE_RATE = 10.0  # Drums that play alone adapt at this rate, where 1 is the usual rate: their triggers tell whose sound it is.
UNSURE_RATE = 0.3  # Notes without an expected level adapt at this rate.
# That rate is multiplied by this power of the frame's share that the notes explain: so a band is not learnt as piano.
SURE_POWER = 4
MOST_HOLDS = 20.0  # A row's past counts at most this many times as much as its preset's hold.

PLAN = Part("adaptation", (
    size("background_learns", "whether the background learns; 0: it stays as it is"),
    number("background_keep", "share of the background's past that remains after a hop"),
    number("adapt_keep", "share of the other templates' past that remains after a hop"),
    number("adapt_hold", "seconds of sound that the preset's templates count for; 0: they stay as they are"),
    array("W", "float32", "rows + background, stride", "templates at the start; each sums to 1"),
), sees=("common", "instruments", "gate"))


def _first_weights(plan: Any) -> Any:
    """First weights of the templates, in seconds: `adapt_hold` for the preset's, START_S for the background's."""
    return np.repeat(np.array([plan["adapt_hold"], START_S], np.float32), [plan["rows"], plan["background"]])


STATE = Part("adaptation", (
    array("W", "float32", "rows + background, stride", "the templates as they are now", bound=True,
          start=lambda plan: plan["W"]),
    array("W_return", "float32", "rows + background, stride",
          "the templates to which they return: the preset's, with their colour",
          bound=True, start=lambda plan: plan["W"]),
    array("weight", "float32", "rows + background",
          "seconds of sound that each template stands for", bound=True, start=_first_weights),
    array("evidence", "float32", "open_limit + background", "weight of the last frame for each open template, in s",
          bound=True),
    cell("learn_first", "int64", "index of the first open template that learns from the last frame", bound=True),
    cell("learn_end", "int64", "index after the last open template that learns from it", bound=True),
    cell("mean_level", "float32", "mean magnitude of the frames"),
    cell("level_heard_s", "float32", "seconds over which the mean was taken"),
    cell("explained", "float32", "share of the sound that open notes explain; kept only if there are drums"),
))


def _background(presets: tuple[Preset, ...], rows: int, sample_rate: float, window_size: int) -> Any:
    """The start of `rows` background rows, [row, bin]: the rows of the first preset that has some, then noise."""
    noise = np.random.default_rng(0).random((rows, window_size // 2 + 1)) + 1e-3  # the same in every run
    start = (noise / noise.sum(axis=1, keepdims=True)).astype(np.float32)
    for preset in presets:
        if preset.background is not None:
            known = map_templates(preset.background, preset.sample_rate, preset.window_size, sample_rate, window_size)
            known = known[known.any(axis=1)][:rows]
            start[: len(known)] = known
            break
    return start


def _told(request: Request) -> bool:
    """Does anything tell whose sound it is: gates, or detected strokes of drums?"""
    staged = stages_of(request.rows.age, request.sample_rate)
    return request.asks("gate") or bool(listens_for_drums(request).any() and staged.any())


def design(request: Request) -> dict[str, Any]:
    """The part `adaptation`."""
    background = _background(request.used, int(request.number("background")), request.sample_rate, request.framing.window_size)
    return {
        "background_learns": int(request.asks("background_learns")),
        "background_keep": request.keep(request.number("background_memory_s")),
        "adapt_keep": request.keep(request.number("adapt_memory_s")),
        "adapt_hold": request.number("adapt_hold_s") if request.asks("adapt") and _told(request) else 0.0,
        "W": request.padded(np.concatenate([request.rows.W, background])),
    }


@kernel
def forget(plan, own):
    """Reset the background to its start."""
    for row in range(plan.rows, plan.rows + plan.background):
        copy(plan.W[row], own.W[row])
    fill(own.weight[plan.rows :], np.float32(START_S))


@kernel
def learn_nothing(own):
    """Let no template learn until evidence is noted."""
    own.learn_first = own.learn_end = 0


@kernel
def spare_background(own, count):
    """Let the background learn nothing from the last frame, in which the notes had `count` open rows."""
    own.learn_end = count


@kernel
def frame_seconds(plan, own, total):
    """Weight of a frame of magnitude `total`, in seconds of mean loudness; the mean is updated."""
    own.level_heard_s = min(own.level_heard_s + plan.hop_s, np.float32(LEVEL_S))
    own.mean_level += (total - own.mean_level) * plan.hop_s / own.level_heard_s
    return plan.hop_s * min(total / own.mean_level, np.float32(LOUDEST_FRAME))


@kernel
def at_its_age(plan, opened, i, end):
    """Is open row `i` known to sound, by its age since an onset that was told or found?"""
    age, row = end - opened.open_onset[i], opened.open_row[i]
    return plan.row_age[row, 0] <= age < plan.row_age[row, 1]


@kernel
def drum_rate(plan, own, before, count, seconds):
    """The adaptation rate of drums, by how much of a frame of weight `seconds` the notes' `count` rows explain."""
    if plan.early == 0:
        return np.float32(1)
    known = known_share(before, count, count + plan.background + 1, np.float32(0))
    own.explained += (known - own.explained) * seconds / (seconds + np.float32(EXPLAINED_S))
    surely = (own.explained - np.float32(BESIDE)) / np.float32(ALONE - BESIDE)
    return np.float32(1) + np.float32(ALONE_RATE - 1) * min(max(surely, np.float32(0)), np.float32(1))


@kernel
def note_evidence(plan, own, opened, expected, estimate, count, others, total, struck, end):
    """Note the evidence of this frame for the open rows: `count` rows of notes, and the background.

    The background learns only if `others` (0 to 1), the certainty that others play, is above 0.
    """
    seconds = frame_seconds(plan, own, total)
    if expected.expects:
        for i in range(count + plan.background):
            own.evidence[i] = estimate.h_ahead[i] * seconds
    else:
        share = known_share(estimate.before, count, count + plan.background + 1, np.float32(0))
        sure = np.float32(UNSURE_RATE) * share**SURE_POWER
        for i in range(count):
            own.evidence[i] = estimate.before[i] * seconds * sure
        for i in range(count, count + plan.background):
            own.evidence[i] = estimate.before[i] * seconds
    rate = drum_rate(plan, own, estimate.before, count, seconds) if count > 0 else np.float32(1)
    for i in range(count):
        if not at_its_age(plan, opened, i, end):
            own.evidence[i] = 0
        elif plan.drums[opened.open_stem[i]] != 0:
            own.evidence[i] *= rate
    for g in range(opened.groups if count > 0 else 0):
        if expected.silent[g]:
            fill(own.evidence[opened.group_first[g] : opened.group_first[g + 1]], np.float32(0))
    # A sound that was struck just now is most likely a drum whose message is still to come: the background must not learn it.
    learns = (plan.background_learns != 0 and struck != end and others > 0) or end <= plan.lead_in
    own.learn_first = 0 if plan.adapt_hold > 0 else count
    own.learn_end = count + plan.background if learns else count


@numeric
def follow(w, start, ratio, kept, heard, back):
    """w <- kept w + heard w ratio + back start"""
    if back == 0:
        for k in range(w.shape[0]):
            w[k] *= kept + heard * ratio[k]
    else:
        for k in range(w.shape[0]):
            w[k] = w[k] * (kept + heard * ratio[k]) + back * start[k]


@kernel
def keep_or_restore(plan, own, kept, row):
    """Keep or restore a background row, as stage `late_notes` asks; True if it was restored: then it learns nothing."""
    at = row - plan.rows
    if kept.task == KEEP:
        copy(own.W[row], kept.kept_rows[at])
        kept.kept_weight[at] = own.weight[row]
    elif kept.task == RESTORE and kept.kept_weight[at] > 0:
        copy(kept.kept_rows[at], own.W[row])
        own.weight[row] = kept.kept_weight[at]
        return True
    return False


@kernel
def step(plan, own, kept, opened, estimate, expected, masks, end):
    """Learn from the last frame: the part of the slot that begins at sample `end`.

    W <- (m D W + e W r + (1 - m) hold W_return) / D',  D' = m D + e (W r) + (1 - m) hold,  where e is the evidence, r the ratio
    V / model, D the weight (the background's at least LEAST_S, the others' at most MOST_HOLDS holds), and m the share of the
    past that remains after a hop (1 for the background during the lead-in; its hold is 0).
    """
    slot, frame = end % plan.hop // plan.slot, end - end % plan.hop
    first, count = own.learn_first, own.learn_end - own.learn_first
    for i in range(first + count * (slot - 1) // (SLOTS - 1), first + count * slot // (SLOTS - 1)):
        row = opened.open_row[i]
        if row < plan.rows:
            if plan.adapt_hold <= 0:  # Adaptation was switched off after the frame.
                continue
            past = plan.adapt_keep * min(own.weight[row], np.float32(MOST_HOLDS) * plan.adapt_hold)
            back = (np.float32(1) - plan.adapt_keep) * plan.adapt_hold
        else:
            if keep_or_restore(plan, own, kept, row):
                continue
            keep = np.float32(1) if frame <= plan.lead_in else plan.background_keep
            past, back = max(keep * own.weight[row], np.float32(LEAST_S)), np.float32(0)
        ratio, gradient = estimate.ratio, estimate.gradient[i]
        if expected.expects:
            ratio = masks.part_ratio[plan.stems - 1 if row >= plan.rows else opened.open_stem[i]]
            gradient = product_sum(own.W[row], ratio)
        weight = past + back + own.evidence[i] * gradient
        follow(own.W[row], own.W_return[row], ratio, past / weight, own.evidence[i] / weight, back / weight)
        own.weight[row] = weight
