"""What is worked out before the first sample: templates for the rate, parameters, times, and the memory of the state."""

import dataclasses

import numpy as np
import pytest
from conftest import (
    RATE,
    SMALL,
    WINDOW,
    as_kept,
    band,
    chord,
    harmonic_row,
    make_preset,
    one_stem,
    open_rows,
    play,
    prepared,
    two_parts,
)
from engine_state import kernel_memory

from rtsep.engine.design import design
from rtsep.engine.separator import Separator
from rtsep.errors import RtsepError
from rtsep.presets.halves import half_rows, whole_rows
from rtsep.windows import map_templates

# --- the plan ---------------------------------------------------------------------------------------------------------


def preset_with_a_whistle():
    """Three pitches; the middle one's templates lie between 12 and 20 kHz."""
    preset = make_preset(pitches=(50, 60, 70))
    hertz = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    W = preset.W.copy()
    W[2:4] = (hertz > 12000) & (hertz < 20000)
    return dataclasses.replace(preset, W=as_kept(W))


def test_rows_are_found_again_when_another_rate_drops_some(rng):
    preset = preset_with_a_whistle()
    plan = design(preset, one_stem(), {"window_samples": 1024}, 22050, 1).values
    assert plan["rows"] == 4 and plan["bins"] == 513
    for pitch, first, count in ((49, 0, 0), (50, 0, 2), (60, 2, 0), (70, 2, 2), (71, 4, 0)):
        assert plan["row_count"][0, pitch] == count
        assert plan["first_row"][0, pitch] == first or count == 0
    mapped = whole_rows(*half_rows(map_templates(preset.W, RATE, WINDOW, 22050, 1024)))
    assert np.array_equal(plan["W"][:4, :513], mapped[[0, 1, 4, 5]]) and not plan["W"][:, 513:].any()
    separator = prepared(preset, one_stem(), {"window_samples": 1024}, 1, 22050)
    stems, _ = play(separator, band(rng, 3000, rate=22050), chord(60))
    assert separator.counters.unmatched_notes == 1 and not stems[0].any()
    play(separator, band(rng, 3000, rate=22050), chord(70))
    assert open_rows(separator) == [(0, 2), (0, 3)]


def test_mapped_preset_still_finds_the_pitch(rng):
    """Made at 44.1 kHz, played at 48: a tone goes to its own part and not to its neighbour a semitone higher."""
    preset = make_preset(pitches=(72, 74), window=4096)
    row = harmonic_row(np.random.default_rng(9), 72, 48000, 4096)
    period = np.fft.irfft(row * np.exp(2j * np.pi * rng.random(2049)), 4096)
    sound = np.tile(period / np.abs(period).max(), 4)[None].astype(np.float32)
    separator = prepared(preset, two_parts(), {}, 1, 48000)
    stems, _ = play(separator, sound, np.concatenate([chord(72), chord(74, part=1)]))
    energy = (stems[:2, 0, 8192:] ** 2).sum(axis=1)
    assert energy[0] > 10 * energy[1]


def test_too_coarse_a_preset_is_refused(preset):
    with pytest.raises(RtsepError, match="window"):
        Separator(preset, one_stem()).prepare(RATE, 1, 512)


def test_padding_is_zero(preset):
    plan = design(preset, one_stem(), SMALL, RATE, 1).values
    assert plan["stride"] % 16 == 0 and plan["stride"] >= plan["bins"] == 513
    assert np.array_equal(plan["W"][:12, :513], preset.W) and not plan["W"][:, 513:].any()


def test_own_parameters_beat_the_presets_and_these_the_defaults(preset):
    mine = dataclasses.replace(preset, defaults={"iterations": 7, "mask_power": 3.0, "gain_db.piano": -12.0})
    plan = design(mine, one_stem(), {**SMALL, "mask_power": 1.5}, RATE, 1).values
    assert (plan["iterations"], plan["power_halves"]) == (7, 3)
    separator = prepared(mine, one_stem())
    assert separator.prepared.targets[2] == pytest.approx(10 ** (-12 / 20))
    separator.set("gain_db.piano", 0)
    assert separator.prepared.targets[2] == 1


def test_release_and_decay_keep_to_the_parameters(preset):
    release, decay = np.linspace(0, 10, 128).astype(np.float32), np.linspace(0, 100, 128).astype(np.float32)
    times = dataclasses.replace(preset, release_s=release, decay_s=decay)
    params = {**SMALL, "release_min_ms": 100, "release_max_ms": 2000, "decay_max_s": 30}
    plan = design(times, one_stem(), params, 48000, 1).values
    assert np.array_equal(plan["release"][0], np.round(np.clip(release.astype(float), 0.1, 2) * 48000))
    assert np.array_equal(plan["decay"][0], np.round(np.minimum(decay.astype(float), 30) * 48000))


# --- memory -----------------------------------------------------------------------------------------------------------


def test_state_is_what_the_plan_says():
    plan, state = kernel_memory(params={"max_open_rows": 9}, channels=2, routing=two_parts())
    assert plan.ring_size >= plan.window_size + plan.overlap and plan.ring_size & (plan.ring_size - 1) == 0
    assert state.ring.shape == (2, 2 * plan.ring_size)
    assert state.rings.shape == (2, 2, 256) and state.X.shape == (2, 513) and state.M.shape == (3, 528)
    assert state.open_row.shape == (12,) and state.h.shape == (13,) and state.H.shape == (3, 12)
    assert state.W.shape == (15, 528) and state.background_h.shape == (3,)
    for array in vars(state).values():
        assert not array.tobytes().strip(b"\0") and array.flags.c_contiguous
