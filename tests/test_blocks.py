"""Blocks: their sizes do not change a bit of the output, any array is accepted, and wrong blocks are refused."""

import numpy as np
import pytest
from conftest import (
    INSTANT,
    OFF,
    ON,
    SMALL,
    band,
    chord,
    five_stems,
    make_preset,
    midi,
    one_stem,
    play,
    prepared,
    process_from,
    random_midi,
)

from rtsep.engine.separator import Separator
from rtsep.kernels.memory import EVENT

LONG = 8000


# --- blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels, params", [
    (1, {}), (2, {}), (1, {"estimator": "encoder"}), (1, {**INSTANT, "estimator": "kl"}),
])
def test_block_sizes_do_not_change_a_bit(rng, channels, params):
    preset = make_preset(rows=3)
    sound = band(rng, LONG, channels)
    events = random_midi(rng, 120, LONG, parts=5)
    separator = prepared(preset, five_stems(), {**SMALL, **params}, channels, max_block=LONG)
    stems, mix = play(separator, sound, events, (LONG,))
    assert (np.abs(stems[:, 0]).max(axis=1) > 0).all()
    for sizes in [(1,), (63,), (64,), (65,), (1000,), (1, 0, 128, 3), tuple(rng.integers(1, 700, 50))]:
        separator.reset()
        again, mix_again = play(separator, sound, events, sizes)
        assert np.array_equal(stems, again) and np.array_equal(mix, mix_again), sizes


@pytest.mark.parametrize("offset", [0, 1, 62, 63, 64, 65, 127, 128, 1000])
def test_frame_sees_an_event_by_sample_times_alone(preset, offset):
    """The frame that ends at t sees events before t: 63 belongs to the first frame of hop 64, 64 to the second."""
    separator = prepared(preset, one_stem())
    events, sound = midi((offset, ON, 60, 90)), np.ones((1, 1200), np.float32)
    for at in range(1200):
        process_from(separator, sound, events, at, at + 1)
        if separator.open_count:
            break
    assert separator.counters.frames == offset // 64 + 1


def test_events_at_the_same_sample_keep_their_order(preset):
    separator = prepared(preset, one_stem())
    separator.process(np.ones((1, 64), np.float32), midi((5, OFF, 60, 0), (5, ON, 60, 90)))
    assert separator.open_count == 2
    separator.reset()
    separator.process(np.ones((1, 64), np.float32), midi((5, ON, 60, 90), (5, OFF, 60, 0)))
    separator.process(np.ones((1, 2048), np.float32))
    assert separator.open_count == 0


@pytest.mark.parametrize(
    "shape, at", [((2, 64), ()), ((1, 5000), ()), ((1, 64), (64,)), ((1, 64), (-1,)), ((1, 64), (9, 8)), ((1, 0), (0,))]
)
def test_wrong_blocks_and_events_are_refused(preset, shape, at):
    separator = prepared(preset, one_stem())
    events = np.zeros(len(at), EVENT)
    events["sample"] = at
    with pytest.raises(ValueError):
        separator.process(np.zeros(shape, np.float32), events)


def test_empty_block_is_nothing(preset):
    output = prepared(preset, one_stem()).process(np.zeros((1, 0), np.float32), midi())
    assert output.stems.shape == (2, 1, 0) and output.mix.shape == (1, 0)


def test_process_before_prepare_says_so(preset):
    with pytest.raises(RuntimeError, match="prepare"):
        Separator(preset, one_stem()).process(np.zeros((1, 64), np.float32))


# --- arrays -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float64", "strided", "reversed", "read-only", "transposed", "int16"])
def test_any_array_will_do(preset, rng, kind):
    sound = np.round(2000 * band(rng, 1000, 2)).astype(np.float32)
    given = {
        "float64": sound.astype(np.float64),
        "strided": np.repeat(sound, 3, axis=1)[:, ::3],
        "reversed": sound[:, ::-1].copy()[:, ::-1],
        "read-only": sound.copy(),
        "transposed": np.asfortranarray(sound),
        "int16": sound.astype(np.int16),
    }[kind]
    given.flags.writeable = kind != "read-only"
    separator = prepared(preset, one_stem(), None, 2)
    stems, _ = play(separator, given, chord(60))
    separator.reset()
    assert np.array_equal(stems, play(separator, sound, chord(60))[0])


def test_output_is_good_until_the_next_call(preset, rng):
    """The outputs are views, as promised: the audio path makes no copies."""
    separator = prepared(preset, one_stem())
    first = separator.process(band(rng, 64)).stems
    second = separator.process(band(rng, 64)).stems
    assert np.shares_memory(first, second)
    assert first.dtype == np.float32 and first.shape == (2, 1, 64)
