"""Live mosaics: notes decide what may sound; wrong parameters and sources are refused."""

import numpy as np
import pytest
import soundfile
from conftest import OFF, ON, PITCHES, band, midi
from mosaics import RATE, melody, mosaic_of, remake

from rtsep.errors import RtsepError
from rtsep.grains import source as sources
from rtsep.grains.engine import Mosaic
from rtsep.grains.source import Source, load_source

# --- notes ------------------------------------------------------------------------------------------------------------


def test_pitches_of_the_source_are_heard(rng):
    """With the usual window: the rows of each note have its pitch, and noise has none."""
    from rtsep.windows import choose_framing

    noise = 0.1 * rng.standard_normal((1, 20000)).astype(np.float32)
    source = Source("s", np.concatenate([melody(rng, note=20000), noise], axis=1), RATE)
    framing = choose_framing("live", RATE)
    found = sources.templates(source, framing)
    pitch = sources.pitches(found, RATE / framing.window_size)
    ends = (np.arange(len(pitch)) + 1) * found.spacing
    for i, expected in enumerate(PITCHES):
        inside = (ends > i * 20000 + 4096) & (ends <= (i + 1) * 20000)
        assert (pitch[inside] == expected).mean() > 0.9, expected
    assert (pitch[ends > 6 * 20000 + 5000] == 128).mean() > 0.9


def test_notes_say_what_may_sound(rng):
    mosaic, sound = mosaic_of(melody(rng, note=20000), {}), band(rng, 30000)
    remade, _, _ = remake(mosaic, sound, midi((4000, ON, 60, 90), (8000, OFF, 60, 0)))
    assert not remade[:, :4000].any() and not remade[:, 8000 + 4096 + 2205 + 128 + 2 * mosaic.latency :].any()
    assert np.abs(remade[:, 5000:8000]).max() > 0.01
    mosaic.reset()
    own = others = 0.0
    for begin in range(0, 30000, 64):
        mosaic.process(sound[:, begin : begin + 64], midi((0, ON, 64, 90)) if begin == 0 else None)
        for second, share in mosaic.playing:
            inside = 60000 < second * RATE <= 80000 + 2048
            own, others = own + share * inside, others + share * (not inside)
    assert mosaic.held_pitches == (64,) and own > 5 * others > 0, "the source's E, and between notes what has no pitch"


def test_a_note_serves_the_nearest_octave():
    row_pitch = np.array([60, 60, 72, 67, 128])
    serves = sources.served(row_pitch)
    assert serves[60] == 60 and serves[72] == 72 and serves[84] == 72 and serves[36] == 60 and serves[55] == 67
    assert serves[61] == -1 and (sources.served(np.array([128, 128])) == 128).all()


def test_a_note_that_the_source_has_not_is_counted(rng):
    mosaic = mosaic_of(melody(rng, note=20000), {})
    remake(mosaic, band(rng, 1000), midi((0, ON, 61, 90)))
    assert mosaic.counters.unmatched_notes == 1 and 61 not in mosaic.row_pitch and 60 in mosaic.row_pitch


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params, told", [({"mode": "instant"}, "instant"), ({"latency_samples": 100}, "100"),
                                          ({"mosaic_polyphony": 99}, "1 to 32"), ({"gain_db.left": 0}, "mosaic, dry")])
def test_parameters_that_cannot_be(rng, params, told):
    with pytest.raises(RtsepError, match=told):
        mosaic_of(melody(rng), params)


def test_sources_that_cannot_be(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "silent.wav", np.zeros(1000), 44100)
    with pytest.raises(RtsepError, match="is silent"):
        load_source(tmp_path / "silent.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([np.nan, 0.5]), 44100, "FLOAT")
    assert load_source(tmp_path / "nan.wav").samples.tolist() == [[0, 0.5]]
    monkeypatch.setattr(sources, "LONGEST_S", 0.01)
    with pytest.raises(RtsepError, match=r"at most 0 s; cut it"):
        load_source(tmp_path / "silent.wav")
    with pytest.raises(RtsepError, match="48000 Hz"):
        Mosaic(Source("s", np.ones((1, 9), np.float32), 44100.0)).prepare(48000, 1, 64)


def test_a_source_of_a_few_samples_plays(rng):
    assert np.isfinite(remake(mosaic_of(np.ones((1, 3), np.float32)), band(rng, 3000))[0]).all()
