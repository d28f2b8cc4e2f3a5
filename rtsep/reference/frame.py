"""One frame, stage by stage, as in `rtsep.stages.frame`: `Stages.process` and its parts call the modules of this folder."""

from __future__ import annotations

import numpy as np

from rtsep.reference import analysis, estimator, masks
from rtsep.reference.accompaniment import Accompaniment
from rtsep.reference.adaptation import Adaptation
from rtsep.reference.attacks import Attacks
from rtsep.reference.colour import Colour
from rtsep.reference.estimator import Estimator
from rtsep.reference.expectation import Expectation
from rtsep.reference.gate import Gate
from rtsep.reference.late_notes import LateNotes
from rtsep.reference.levels import Levels
from rtsep.reference.notes import Note
from rtsep.reference.onsets import Strokes
from rtsep.reference.passed import Estimate, Expected, Floats, Frame, Masks, Open, Passed
from rtsep.reference.place import Places
from rtsep.reference.residual import Residual
from rtsep.reference.setup import Setup
from rtsep.reference.voice import Voice
from rtsep.reference.watchdog import Watchdog
from rtsep.stages.analysis import SILENT


class Stages:
    """All stages, each with what it remembers. `method` and `mask`, if given, replace the estimator and the mask."""

    def __init__(self, setup: Setup, method: estimator.Method | None = None, mask: masks.Mask | None = None) -> None:
        self.setup = setup
        self.mask = mask or masks.power_mask
        self.onsets = Strokes(setup.sample_rate, setup.hop)
        self.gate = Gate(setup)
        self.levels = Levels(setup)
        self.expectation = Expectation(setup, self.levels)
        self.estimator = Estimator(setup, method)
        self.attacks = Attacks(setup, self.levels)
        self.colour = Colour(setup)
        self.accompaniment = Accompaniment(setup)
        self.residual = Residual(setup)
        self.late_notes = LateNotes(setup)
        self.adaptation = Adaptation(setup)
        self.watchdog = Watchdog(setup)
        self.voice = Voice(setup) if setup.voice >= 0 else None
        self.place = Places(setup.hop_s, setup.stems)
        self.H = np.zeros((setup.stems, len(setup.W)))  # the last frame's activations

    def begin_again(self) -> None:
        """Forget what was learnt from this sound."""
        for stage in (self.adaptation, self.estimator, self.levels, self.expectation, self.residual, self.voice):
            if stage is not None:
                stage.forget()

    def process(self, samples: Floats, notes: list[Note], end: int) -> Passed:
        """The frame that ends before sample `end`, from its samples [channel, size] and the notes until then."""
        frame = analysis.step(samples, self.setup.windows[0], end)
        if self.setup.early:
            self.onsets.notice_stroke(frame)
        opened = self.gate.step(notes, self.H, self.onsets.struck, end)
        task = self.late_notes.step(frame, opened, self.levels)
        self._notice_pause(frame, opened)
        expected, estimate = self._estimate_activations(frame, opened, notes)
        self.H = estimator.activations_of_stems(self.setup, frame, opened, estimate)
        if not self.setup.gated:
            self.onsets.find_onsets(opened, np.flatnonzero(self.setup.drums).tolist(), self.H, end)
        self.expectation.look_ahead(opened, expected, estimate, end)
        if frame.heard:
            self.accompaniment.step(frame, opened)
        again = self._begin_again_if_unheard(frame, opened, estimate)
        made = self._make_masks(frame, opened, expected, estimate)
        self.place.step(self.setup.panning, frame.X, made)
        passed = Passed(frame, opened, expected, estimate, self.H, made)
        self._learn(passed, task, again)
        return passed

    def _learn(self, passed: Passed, task: int, again: bool) -> None:
        """Let templates learn from a frame, and open templates take on their colour, until the next frame."""
        opened, end = passed.opened, passed.frame.end
        if passed.frame.heard and (opened.count or self.voice is not None):
            self.colour.step(passed.frame, opened, passed.masks)
        learns = self.setup.background_learns and self.onsets.struck != end and self.accompaniment.others > 0
        learns = (learns or end <= self.setup.lead_in) and not again
        heard = passed.frame.heard
        self.adaptation.step(passed, learns, task, lambda *rows: self.colour.paint(opened, *rows) if heard else None)

    def _notice_pause(self, frame: Frame, opened: Open) -> None:
        """Set `frame.heard`: the frame is not silent, and something can explain it. After the watchdog's pause, begin again."""
        explained = opened.count + len(self.setup.background) > 0
        frame.heard = frame.total > SILENT and explained
        if explained and self.watchdog.paused(frame.total, self.adaptation.background.level) and self.setup.background_learns:
            self.begin_again()

    def _estimate_activations(self, frame: Frame, opened: Open, notes: list[Note]) -> tuple[Expected, Estimate]:
        """From a frame, and what is expected of its notes, to the activations of the open templates."""
        if not frame.heard:
            return Expected(), Estimate()
        expected = self.expectation.step(notes, frame, opened)
        estimate = self.estimator.step(frame, self.adaptation.templates(opened), opened, expected,
                                       self.accompaniment.others)
        self.attacks.step(notes, frame, opened, estimate)
        self.expectation.find_silent(expected, estimate)
        if self.voice is not None:
            estimate = self._hear_voice(self.voice, frame, opened, expected, estimate)
        if expected.expects:
            self.expectation.divide(opened, expected, estimate)
            self.expectation.subtract(frame.V, opened, expected, estimate)
            self.residual.note_accompaniment(opened, estimate, 0.0 if self.voice is None else self.voice.share)
        self.levels.step(frame, opened, expected, estimate)
        return expected, estimate

    def _hear_voice(self, voice: Voice, frame: Frame, opened: Open, expected: Expected, estimate: Estimate) -> Estimate:
        """The voice's pitch, from what the notes leave, and then all activations anew, with the voice among them."""
        self.expectation.divide(opened, expected, estimate)
        voice.find_pitch(frame, opened, expected, estimate)
        sung = voice.step(frame, opened, expected, estimate, self.accompaniment.others)
        if voice.rests:
            return estimate
        estimate = sung
        self.estimator.background_h = estimate.h[opened.count : -1].copy()
        return estimate

    def _make_masks(self, frame: Frame, opened: Open, expected: Expected, estimate: Estimate) -> Masks:
        """From activations to the masks of the stems."""
        voice = self.voice
        if not frame.heard or (opened.count == 0 and voice is None):
            return masks.all_to_residual(self.setup)
        sung = None if voice is None or voice.rests else voice.model
        made, told = masks.step(self.setup, self.mask, frame, opened, expected, estimate, sung)
        trained = voice is None or voice.hz <= 0  # The network was trained without a voice in the residual's model.
        factor = self.residual.factor(frame, made, told) if expected.expects and trained else None
        if factor is not None:
            made.M = masks.weigh_residual(made.M, factor)
        if voice is not None:
            made.M = made.M if voice.rests else voice.split(made.M, made.estimated[-1])
            made.playing.append(self.setup.voice)
        made.M = masks.suppressed(made.M, self.setup.suppression)
        return made

    def _begin_again_if_unheard(self, frame: Frame, opened: Open, estimate: Estimate) -> bool:
        """Forget what was learnt if new notes were unheard for too long; the background then learns nothing from this frame."""
        unheard = frame.heard and self.watchdog.unheard(opened, estimate, frame.end)
        if unheard:
            self.begin_again()
        return unheard
