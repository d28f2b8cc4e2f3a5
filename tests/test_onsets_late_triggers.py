"""Stage onsets with late triggers: drums open as soon as something is struck, and the background does not learn then."""

import numpy as np
import pytest
from conftest import (
    HEAP_SLACK,
    ON,
    RATE,
    SMALL,
    frame_by_frame,
    midi,
    one_stem,
    open_rows,
    play,
    prepared,
    random_midi,
    reference_setup,
    two_parts,
)
from engine_state import background_of, entry_call, plan_of
from sounds import bursts

from rtsep import reference

LONG = 12_000
FLOAT = np.float32
STRUCK = 4 * 3528  # `bursts` has a loud stroke here


@pytest.mark.parametrize(
    "params, channels",
    [
        ({"background": 0}, 1),
        ({"background": 5}, 2),
        ({"background": 5, "max_open_rows": 8}, 1),
        ({"background": 5, "onsets": False}, 1),
        ({"background": 5, "learn_background_s": 0.06}, 1),
        ({"mode": "quality", "latency_samples": 0}, 1),
        ({"mode": "instant", "latency_samples": 0}, 1),
    ],
)
def test_it_agrees_with_the_plain_numpy_twin(staged, rng, params, channels):
    sound, events = bursts(rng, LONG, channels), random_midi(rng, 80, LONG)
    separator = prepared(staged, two_parts(), {**SMALL, **params}, channels)
    expected = reference.separate(sound, events, reference_setup(separator))
    stems, _ = play(separator, sound, events, (700, 1, 63))
    assert np.abs(stems - expected.stems).max() < 2e-5 * np.abs(sound).max()


def opened(separator, sound, events):
    """The number of open rows in each frame."""
    return np.array([len(open_rows(each)) for each in frame_by_frame(separator, sound, events)])


def test_a_drum_that_was_struck_before_is_open_from_the_next_stroke_for_15_ms(staged, rng):
    """The drum was told once, long ago. Its rows have closed when it is struck again without a trigger."""
    sound = bursts(rng, STRUCK + 6000)
    events = midi((100, ON, 60, 90), (200, 0x80, 60, 0))
    for onsets in (True, False):
        separator = prepared(staged, one_stem(), {**SMALL, "onsets": onsets, "release_max_ms": 0})
        found, hop = opened(separator, sound, events), separator.framing.hop
        before, after = (found[(STRUCK + at) // hop :][: 220 // hop] for at in (-440, 2 * hop))
        assert not before.any() and (after.any() == onsets), (before, after)
        assert not found[(STRUCK + 2200) // hop :][: 440 // hop].any()


def test_a_drum_that_was_never_struck_stays_closed(staged, rng):
    separator = prepared(staged, one_stem(), SMALL)
    assert not opened(separator, bursts(rng, STRUCK), midi()).any()


@pytest.mark.parametrize("limit", [4, 6, 64])
def test_early_rows_keep_to_the_limit(staged, rng, limit):
    separator = prepared(staged, two_parts(), {**SMALL, "max_open_rows": limit})
    found = opened(separator, bursts(rng, LONG), random_midi(rng, 200, LONG))
    assert found.max() <= plan_of(separator).open_limit and found.any()


def test_the_background_learns_nothing_while_a_trigger_can_still_come(staged, rng):
    """The first frame that sounds after a silence."""
    sound = np.zeros((1, 4000), FLOAT)
    changed = []
    for onsets in (True, False):
        separator = prepared(staged, one_stem(), {**SMALL, "background": 4, "onsets": onsets})
        hop = separator.framing.hop
        sound[:, 10 * hop :] = rng.standard_normal(4000 - 10 * hop)
        start = background_of(separator).copy()
        play(separator, sound[:, : 12 * hop - 1])
        changed.append(np.abs(background_of(separator) - start).max() > 0)
    assert changed == [False, True]


def test_block_sizes_do_not_change_a_bit(staged, rng):
    sound, events = bursts(rng, LONG, 2), random_midi(rng, 80, LONG)
    separator = prepared(staged, two_parts(), SMALL, 2, max_block=LONG)
    stems, _ = play(separator, sound, events, (LONG,))
    for sizes in [(1,), (63,), (64,), (1000,), tuple(rng.integers(1, 700, 50))]:
        separator.reset()
        assert np.array_equal(stems, play(separator, sound, events, sizes)[0]), sizes


@pytest.mark.parametrize("factor", [1e-6, 1e3])
def test_loud_and_faint_sounds_open_the_same_rows(staged, rng, factor):
    sound, events = bursts(rng, LONG), random_midi(rng, 80, LONG)
    separator = prepared(staged, one_stem(), {**SMALL, "onsets": True})
    plain = opened(separator, sound, events)
    separator.reset()
    assert np.array_equal(plain, opened(separator, sound * FLOAT(factor), events))


def test_one_bad_sample_does_no_harm(staged, rng):
    sound, events = bursts(rng, LONG), random_midi(rng, 80, LONG)
    sound[0, 5000] = np.nan
    stems, _ = play(prepared(staged, one_stem(), SMALL), sound, events)
    assert np.isfinite(stems).all() and stems[0].any()


def test_nothing_is_allocated(staged, rng, heap):
    separator = prepared(staged, two_parts(), SMALL, 2)
    play(separator, bursts(rng, 2000, 2), random_midi(rng, 30, 2000))
    address = entry_call(separator, bursts(rng, 2000, 2))
    before = heap()
    for _ in range(30):
        separator._entry(address)
    assert heap() - before < HEAP_SLACK and 0 < plan_of(separator).early < RATE
