"""What the engine does with one frame, stage by stage. Every name below is a module of this folder.

    analysis      samples            -> frame: spectra X, magnitudes V
    gate          notes              -> open: the templates that the frame may contain
    expectation   velocity, age      -> expected: the level that each note should have
    estimator     frame, open        -> estimate: how loud each open template is
    levels        estimate, expected -> gain, lag and decay deviation, for the frames to come
    colour        models, frame      -> a smooth spectral gain of each instrument
    accompaniment combs of the notes -> how certain it is that others play, whose notes have no MIDI
    masks         estimate, expected -> models of the stems, and from them the masks
    residual      accompaniment      -> the factor by which the residual's mask counts more
    place         spectra, masks     -> the stems' places between two channels
    overlap_add   spectra, masks     -> sound; or `filters`: sound without latency
    adaptation    masks, frame       -> templates that learn, between this frame and the next
    (attacks: notes that were told early wait until they are heard)
    (late_notes, watchdog and onsets repair what late, wrong or missing MIDI does)

The two halves, `hear` and `process`, are compiled in parallel.
"""

import numpy as np

from rtsep.kernels.linked import hear as heard_models
from rtsep.kernels.marks import kernel, trunk
from rtsep.stages import (
    accompaniment,
    adaptation,
    analysis,
    attacks,
    colour,
    estimator,
    expectation,
    filters,
    gate,
    late_notes,
    levels,
    masks,
    melody,
    onsets,
    overlap_add,
    place,
    residual,
    voice,
    voice_left,
    voice_pitch,
    voice_rest,
    watchdog,
)


@kernel
def begin_again(plan, state):
    """Reset background, levels, misfit and the background's share; adapted templates, colours and places stay."""
    adaptation.forget(plan.adaptation, state.adaptation)
    late_notes.forget(state.kept)
    estimator.forget(plan.estimator, state.estimator)
    levels.forget(state.levels, state.learnt)
    expectation.forget(state.expectation)
    residual.forget(state.residual)
    voice.forget(state.voice)
    voice_rest.forget(state.voice_rest)


@trunk
def open_templates(plan, state, end):
    """From sound and notes to a frame and its open templates; if what was learnt must be wrong, begin again."""
    frame, opened = state.frame, state.open
    state.expected.expects = 0
    adaptation.learn_nothing(state.adaptation)
    if plan.voice_stem >= 0:
        voice_pitch.begin(state.voice_pitch)
        melody.step(plan.melody, state.melody, end)
    analysis.step(plan.analysis, state.analysis, plan.transform, state.transform, state.sound, frame, end)
    if plan.early > 0:
        onsets.notice_stroke(plan.onsets, state.onsets, frame, end)
    gate.step(plan.gate, state.gate, state.notes.voices, state.estimate.H, state.onsets.struck, state.masks.M, opened, end)
    late_notes.step(plan.late_notes, state.late_notes, state.learnt, opened, state.kept, frame.total, end)
    if opened.open_count + plan.background == 0:
        frame.total = np.float32(0)
    elif watchdog.paused(plan.watchdog, state.watchdog, frame.total, state.adaptation.mean_level):
        begin_again(plan, state)


@kernel
def hear_voice(plan, state):
    """Find the voice's pitch in what the notes leave, and then all activations anew, with the voice among them.

    If the voice rests, the activations stay as they are.
    """
    rest = state.voice_rest
    frame, opened, expected, estimate, W = state.frame, state.open, state.expected, state.estimate, state.adaptation.W
    expectation.divide(opened, expected, estimate.h)
    voice_left.step(plan.voice_left, state.voice_left, frame.V, W, opened, estimate.h, expected.expected_h,
                    state.voice.voice_model)
    hz = voice_pitch.step(plan.voice_pitch, state.voice_pitch, state.melody, state.voice_left.left)
    voice.note_pitch(state.voice, hz)
    voice_rest.follow(plan.voice_rest, rest, opened.groups, state.voice.voice_hz, state.voice.known_hz != 0)
    if rest.rests:
        voice_rest.keep(rest, estimate)
    voice.step(plan.voice, state.voice, frame, W, opened, expected, plan.expectation.prediction,
               estimator.sparsity(plan.estimator, state.accompaniment.others), estimate)
    if rest.rests:
        voice_rest.bring_back(rest, estimate)
        state.voice.voice_share = np.float32(0)
    else:
        estimator.keep_background(opened, state.estimator, estimate.h)


@trunk
def estimate_activations(plan, state, end):
    """From a frame that is not silent, and what is expected of its notes, to the activations of the open templates."""
    frame, opened, expected, estimate, W = state.frame, state.open, state.expected, state.estimate, state.adaptation.W
    expectation.step(plan.expectation, state.learnt, state.notes.voices, frame, opened, expected, end)
    estimator.step(plan.estimator, state.estimator, frame, W, opened, expected, plan.expectation.prediction,
                   state.accompaniment.others, estimate)
    attacks.step(plan.attacks, state.attacks, state.learnt, state.notes.voices, frame, opened, estimate.group_h, end)
    expectation.find_silent(opened, expected, estimate.group_h)
    if plan.voice_stem >= 0:
        hear_voice(plan, state)
    if expected.expects:
        expectation.divide(opened, expected, estimate.h)
        expectation.subtract_expected(plan.expectation, state.expectation, frame.V, W, opened, expected)
        residual.note_accompaniment(plan.residual, state.residual, estimate.h, opened.open_count, state.voice.voice_share)
    levels.step(plan.levels, state.levels, state.learnt, frame, opened, expected, estimate, end)


@trunk
def model_stems(plan, state, end):
    """From activations to the models of the stems, at the time when the frame's masks or filters are heard."""
    opened, expected, estimate, W = state.open, state.expected, state.estimate, state.adaptation.W
    expectation.look_ahead(plan.expectation, state.learnt, opened, expected, estimate.h, estimate.h_ahead, end)
    masks.stem_models(W, opened.open_row[: opened.open_count + plan.background], opened.open_stem, estimate.h_ahead,
                      opened.playing[: opened.playing_count], plan.bins, state.masks.estimated)
    if plan.voice_stem >= 0 and not state.voice_rest.rests:
        voice.join(plan.voice, state.voice, state.masks.estimated[plan.stems - 1])
    if expected.expects:
        masks.expect_stems(plan.masks, W, opened, expected)
    masks.combine(plan.masks, opened, expected, state.masks)
    colour.step(plan.colour, state.colour, state.frame.V, opened, state.masks.estimated)


@kernel
def note_evidence(plan, state, count, end):
    """Note what templates will learn from the frame; if its notes were unheard for too long, the background begins again."""
    opened, estimate, total = state.open, state.estimate, state.frame.total
    adaptation.note_evidence(plan.adaptation, state.adaptation, opened, state.expected, estimate, count,
                             state.accompaniment.others, total, state.onsets.struck, end)
    if watchdog.unheard(plan.watchdog, state.watchdog, opened, estimate.before, count, end):
        begin_again(plan, state)
        adaptation.spare_background(state.adaptation, count)


@trunk
def hear(plan, state, end):
    """The first half of the frame that ends before sample `end`: up to the models of the stems.

    False if no gate is open or nothing is heard: then only the residual's model is not 0.
    """
    open_templates(plan, state, end)
    opened, estimate, total = state.open, state.estimate, state.frame.total
    count = opened.open_count if total > 0 else 0
    state.colour.open_now = count
    if total > 0:
        estimate_activations(plan, state, end)
    if not plan.gated:
        onsets.find_onsets(plan.onsets, state.onsets, opened, estimate.h, end, count, total)
    estimator.keep_activations(plan.estimator, opened, estimate, count, total)
    heard = count > 0 or (plan.voice_stem >= 0 and total > 0)
    if heard:
        model_stems(plan, state, end)
    if total > 0:
        accompaniment.step(plan.accompaniment, state.accompaniment, state.frame, opened, end)
        note_evidence(plan, state, count, end)
    if not heard:
        masks.all_to_residual(plan.masks, opened, state.masks)
    return heard


@trunk
def make_masks(plan, state, end):
    """From models to masks. Rows learn from the masks before the residual's mask is weighed."""
    opened, expected, M = state.open, state.expected, state.masks.M
    masks.step(plan.masks, state.mask_scratch, opened, state.masks)
    if expected.expects:
        # The network was trained without a voice in the residual's model.
        others = state.voice.voice_hz <= 0 and residual.listen(plan.residual, state.residual, state.frame.V, opened, expected,
                                                               state.masks, end)
        masks.share_out(plan.masks, state.frame.V, opened, state.masks)
        if others:
            residual.weigh(plan.residual, state.residual, opened, state.masks)
    if plan.voice_stem >= 0 and not state.voice_rest.rests:
        voice.split(plan.voice, state.voice, state.masks.estimated[plan.stems - 1], M)
    if plan.suppression != 1:
        masks.suppress(M, opened.playing[: opened.playing_count], plan.bins, plan.suppression)


@trunk
def process(plan, state, end):
    """Turn the frame that ends before sample `end` into the stems' sound, or into what their filters are designed from."""
    frame, opened = state.frame, state.open
    heard = heard_models(plan, state, end)
    masks.note_sounding(plan.masks, opened, state.masks, heard)
    if plan.taps > 0:
        filters.note_power(plan.filters, state.filters, opened, state.masks.models)
    if heard:
        make_masks(plan, state, end)
    place.step(plan.place, state.place, frame.X, state.masks, state.places)
    if heard and plan.taps == 0:
        overlap_add.step(plan.overlap_add, state.overlap_add, plan.transform, state.transform, frame, opened, state.masks.M,
                         state.places, end)


@trunk
def between(plan, state, end):
    """Do the work of one slot after a frame, from sample `end` on: its part of the learning and of the new filters."""
    adaptation.step(plan.adaptation, state.adaptation, state.kept, state.open, state.estimate, state.expected, state.masks, end)
    colour.paint(plan.colour, state.colour, state.open, state.adaptation.W, state.adaptation.W_return)
    if plan.taps > 0:
        filters.step(plan.filters, state.filters, plan.transform, state.transform, state.masks, state.places, end)
