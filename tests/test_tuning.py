"""An instrument that is tuned otherwise than its preset: templates that move along frequency, and what that is worth."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr
from conftest import RATE, SMALL, as_kept, make_preset, one_stem, prepared

from rtsep.errors import RtsepError
from rtsep.windows import choose_framing, retune_templates, window_pair

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from laboratory.pieces import DEMO, excerpt, load_piece
from laboratory.systems import judge, play, preset_named

from rtsep.notes.routing import by_track

WINDOW = 4096


def heard(cents):
    """Mean spectra [pitch, bin] of tones with 20 partials, `cents` higher than equal temperament; rows sum to 1."""
    window, _synthesis = window_pair(choose_framing("live", RATE, WINDOW))
    rng, time, rows = np.random.default_rng(3), np.arange(WINDOW) / RATE, []
    for pitch in (28, 45, 60, 71, 88):
        f0, spectra = 440 * 2 ** ((pitch - 69) / 12 + cents / 1200), []
        for _ in range(8):  # of other phases
            partials = [np.sin(2 * np.pi * m * f0 * time + rng.uniform(0, 7)) / m for m in range(1, 21) if m * f0 < 20000]
            spectra.append(np.abs(np.fft.rfft(window * np.sum(partials, axis=0))))
        rows.append(np.mean(spectra, axis=0))
    return (np.array(rows) / np.sum(rows, axis=1, keepdims=True)).astype(np.float32)


def divergence(V, W):
    """Kullback-Leibler divergence of W [row, bin] from V, the mean over rows."""
    return float((V * np.log((V + 1e-9) / (W + 1e-9))).sum(axis=1).mean())


@pytest.mark.parametrize("cents", [7.85, 20, -35, 100])
def test_moved_templates_are_those_of_a_tone_in_that_tuning(cents):
    before, after = heard(0), heard(cents)
    moved = retune_templates(before, cents)
    bins = np.arange(before.shape[1])
    lines = np.stack([np.interp(bins / 2 ** (cents / 1200), bins, row) for row in before])
    lines /= lines.sum(axis=1, keepdims=True)
    assert divergence(after, moved) < 0.7 * divergence(after, lines) < 0.2 * divergence(after, before)
    assert moved.dtype == np.float32 and moved.min() >= 0
    np.testing.assert_allclose(moved.sum(axis=1, dtype=float), 1, atol=1e-5)


def test_there_and_back_is_where_it_was():
    W = heard(0)
    assert divergence(W, retune_templates(retune_templates(W, 20), -20)) < 0.1 * divergence(W, retune_templates(W, 20))


def test_no_cents_no_change_and_zeros_stay():
    W = np.zeros((3, 513), np.float32)
    W[1, 100], W[2, 511] = 1, 1
    assert retune_templates(W, 0) is W
    higher, lower = retune_templates(W, 100), retune_templates(W, -100)
    assert not higher[0].any() and not lower[0].any()
    assert np.argmax(higher[1]) == 106 and np.argmax(lower[1]) == 94
    assert not higher[2].any(), "what lies beyond the last bin is gone"


def test_the_parameter_moves_what_the_engine_plays(preset):
    plain, tuned = (prepared(preset, one_stem(), {**SMALL, "tuning_cents": cents}).prepared.plan for cents in (0, -30))
    rows, bins = plain.values["rows"], plain.values["bins"]
    expected = as_kept(retune_templates(plain.values["W"][:rows, :bins], -30))
    np.testing.assert_allclose(tuned.values["W"][:rows, :bins], expected, rtol=1e-3, atol=1e-7)  # a step of half precision
    assert np.array_equal(tuned.values["W"][rows:], plain.values["W"][rows:]), "the background has no tuning"


def test_the_tuning_can_change_while_playing(preset):
    separator = prepared(preset, one_stem())
    assert separator.exchange(params={"tuning_cents": 12.5}) and separator.value("tuning_cents") == 12.5
    with pytest.raises(RtsepError, match="tuning_cents = 101: allowed is -100 to 100 cents"):
        separator.exchange(params={"tuning_cents": 101})


@pytest.mark.parametrize("rate", [22050, 48000, 96000])
def test_tuned_templates_serve_every_rate(rate):
    preset = make_preset(window=WINDOW)
    plan = prepared(preset, one_stem(), {"tuning_cents": 50}, rate=rate).prepared.plan.values
    np.testing.assert_allclose(plan["W"][: plan["rows"]].sum(axis=1, dtype=float), 1, atol=2e-4)


def test_a_piano_that_is_tuned_higher_is_separated_as_well_as_before():
    """Sound and notes of the clip 40 cents higher, and faster by as much: 11.9 dB without the parameter, 12.7 with it."""
    piece, ratio = excerpt(load_piece(DEMO, "demo"), 8), 2 ** (40 / 1200)
    truths = {stem: soxr.resample(sound.T, ratio, 1.0).T for stem, sound in piece.truths.items()}
    higher = replace(piece, truths=truths, score=replace(piece.score, seconds=piece.score.seconds / ratio))

    def sdr_db(cents):
        params = {"tuning_cents": cents, "adapt": False}
        stems = play(higher.mix, higher.sample_rate, higher.score, preset_named("grand-piano"), by_track(higher.score), params)
        return np.mean([of_stem["sdr_db"] for of_stem in judge(higher, stems, library=False).values()])

    without, tuned = sdr_db(0), sdr_db(40)
    assert tuned > 12.4 and tuned > without + 0.5
