"""Lookahead: the sound is delayed against its notes, sample by sample, in every mode and host."""

import numpy as np
import pytest
import soundfile
from conftest import INSTANT, RATE, SMALL, assert_sums_to, band, delayed, midi, play, prepared, random_midi, two_parts
from mosaics import UNGATED, melody, mosaic_of
from native_callback import call, stem_sources, warmed
from render_files import fill, refused, render, report_of, sounds_of

from rtsep.engine.design import latency_of
from rtsep.hosts.lanes import CAPACITY
from rtsep.reference.separator import ReferenceSeparator

MS, AHEAD = 10.0, 441
ON = 0x90


def later(sound, samples=AHEAD):
    """The sound with as many zeros before it."""
    return np.pad(sound, ((0, 0), (samples, 0)))


@pytest.mark.parametrize("mode", [SMALL, INSTANT, {**SMALL, "mode": "quality", "latency_samples": 0}])
@pytest.mark.parametrize("sizes", [(1, 63, 700, 7), (2000,)])
def test_the_output_is_that_of_a_later_sound(preset, rng, mode, sizes):
    sound, notes = band(rng, 6000, 2), random_midi(rng, 60, 5000)
    stems, mix = play(prepared(preset, two_parts(), mode, 2), later(sound)[:, :6000], notes)
    separator = prepared(preset, two_parts(), {**mode, "lookahead_ms": MS}, 2)
    found, mixed = play(separator, sound, notes, sizes)
    assert np.array_equal(found, stems) and np.array_equal(mixed, mix)
    assert separator.latency == separator.framing.latency + AHEAD
    assert separator.latency == latency_of((preset,), {**mode, "lookahead_ms": MS}, RATE)
    assert_sums_to(found, sound, separator.latency)


def test_after_a_reset_nothing_of_the_sound_is_left(preset, rng):
    separator = prepared(preset, two_parts(), {**SMALL, "lookahead_ms": MS})
    first = play(separator, band(rng, 3000), None)[0].any()
    separator.reset()
    assert first and not play(separator, np.zeros((1, 3000), np.float32), None)[0].any()


def test_bypass_is_the_input_and_bad_samples_are_counted(preset, rng):
    separator = prepared(preset, two_parts(), {**SMALL, "lookahead_ms": MS, "bypass": True})
    sound = band(rng, 4000)
    sound[0, 100] = np.nan
    mix = play(separator, sound, None)[1]
    sound[0, 100] = 0
    np.testing.assert_allclose(mix, delayed(sound, separator.latency), atol=1e-6)
    assert separator.counters.bad_samples == 1


def test_the_reference_agrees(preset, rng):
    sound, notes = band(rng, 5000), random_midi(rng, 40, 5000)
    mine = ReferenceSeparator(preset, two_parts(), {**SMALL, "lookahead_ms": MS})
    mine.prepare(RATE, 1, 5000)
    compiled = prepared(preset, two_parts(), {**SMALL, "lookahead_ms": MS})
    assert mine.latency == compiled.latency
    np.testing.assert_allclose(play(mine, sound, notes, (777,))[0], play(compiled, sound, notes)[0], atol=2e-5)


def test_the_lead_in_is_as_long_as_the_sound_that_it_names(preset, rng):
    """The background learns from the first sound, not from the silence before it."""
    sound, notes = band(rng, 8000), midi((5000, ON, 60, 90))
    params = {**SMALL, "learn_background_s": 2000 / RATE}
    aligned = notes.copy()
    aligned["sample"] += AHEAD
    longer = {**SMALL, "learn_background_s": (2000 + AHEAD) / RATE}
    found = play(prepared(preset, two_parts(), {**params, "lookahead_ms": MS}), sound, aligned)[0]
    wanted = play(prepared(preset, two_parts(), longer), later(sound)[:, :8000], aligned)[0]
    assert np.array_equal(found, wanted)


def test_another_lookahead_needs_a_new_start(preset):
    separator = prepared(preset, two_parts(), SMALL)
    assert not separator.exchange(params={"lookahead_ms": MS}) and separator.exchange(params={"mask_power": 1.0})
    mosaic = mosaic_of(melody(np.random.default_rng(1)))
    assert not mosaic.exchange(params={"lookahead_ms": MS})


def test_a_mosaic_has_it_too(rng):
    mosaic, sound = mosaic_of(melody(rng), {**UNGATED, "lookahead_ms": MS}), band(rng, 6000)
    dry = play(mosaic, sound, None)[0][1]
    assert np.array_equal(dry, delayed(sound, mosaic.latency)) and mosaic.latency == mosaic.framing.latency + AHEAD


def test_a_device_plays_the_same_and_takes_keep_the_input(preset, rng):
    separator = prepared(preset, two_parts(), {**SMALL, "lookahead_ms": MS}, 2, max_block=CAPACITY)
    lanes, sound = warmed(separator, stem_sources(separator)), band(rng, 8000, 2)
    lanes.record_start(1.0)
    played = call(lanes, sound)
    stems, mix = play(prepared(preset, two_parts(), {**SMALL, "lookahead_ms": MS}, 2), sound)
    assert np.array_equal(played, np.concatenate([mix, stems.reshape(-1, 8000)]))
    recorded = np.concatenate([piece for _start, piece in iter(lanes.read_record, None)], axis=1)
    assert np.array_equal(recorded, np.concatenate([sound, stems.reshape(-1, 8000)]))


def test_rendered_stems_are_in_time(tmp_path):
    fill(tmp_path)
    assert render(tmp_path, "--lookahead", "50") == 0
    assert render(tmp_path, "--start", "0.3", "--lookahead", "50", out="part") == 0
    mix, found = soundfile.read(tmp_path / "mix.wav", always_2d=True)[0].T, sounds_of(tmp_path)
    np.testing.assert_allclose(sum(found.values()), mix, atol=1e-6)
    report = report_of(tmp_path)
    assert report["latency_samples"] == 2048 + 1102
    part = sounds_of(tmp_path, "part")
    for name, sound in found.items():
        np.testing.assert_allclose(part[name], sound[:, round(0.3 * 22050) :], atol=1e-6)


def test_values_that_are_not_allowed(tmp_path, capsys):
    fill(tmp_path)
    for value in ("-1", "1001", "soon"):
        refused(capsys, tmp_path, render(tmp_path, "--lookahead", value), "lookahead_ms", "0 to 1000 ms")
