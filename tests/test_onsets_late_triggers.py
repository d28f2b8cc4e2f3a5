"""Drums whose triggers come late: they are open as soon as something is struck, and the background keeps nothing of it."""

from types import SimpleNamespace

import numpy as np
import pytest
import reference
from conftest import (
    HEAP_SLACK,
    ON,
    RATE,
    SMALL,
    bursts,
    midi,
    one_stem,
    open_rows,
    play,
    prepared,
    random_midi,
    reference_setup,
    two_parts,
)
from test_onsets import LONG

from rtsep.stages.adaptation import drum_rate

FLOAT = np.float32
STRUCK = 4 * 3528  # `bursts` has a loud one here


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
    """How many rows are open in each frame."""
    hop = separator.framing.hop
    found = []
    for end in range(hop, sound.shape[1] + 1, hop):
        due = events[(events["sample"] >= end - hop) & (events["sample"] < end)].copy()
        due["sample"] -= end - hop
        separator.process(sound[:, end - hop : end], due)
        found.append(len(open_rows(separator)))
    return np.array(found)


def test_a_drum_that_was_struck_before_is_open_from_the_next_stroke_for_15_ms(staged, rng):
    """Told once, long ago; its rows are all but closed when it is struck again, and nobody tells."""
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
    assert found.max() <= separator.prepared.plan.values["open_limit"] and found.any()


def test_the_background_learns_nothing_where_a_drum_may_yet_be_told(staged, rng):
    """Silence, and one frame after it that sounds."""
    sound = np.zeros((1, 4000), FLOAT)
    changed = []
    for onsets in (True, False):
        separator = prepared(staged, one_stem(), {**SMALL, "background": 4, "onsets": onsets})
        hop, rows = separator.framing.hop, separator.prepared.plan.values["rows"]
        sound[:, 10 * hop :] = rng.standard_normal(4000 - 10 * hop)
        start = separator.prepared.state["W"][rows:].copy()
        play(separator, sound[:, : 12 * hop - 1])
        changed.append(np.abs(separator.prepared.state["W"][rows:] - start).max() > 0)
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
    separator.prepared.input[:, :2000] = bursts(rng, 2000, 2)
    separator.prepared.call["frames"] = 2000
    before = heap()
    for _ in range(30):
        separator._entry(separator.prepared.call.ctypes.data)
    assert heap() - before < HEAP_SLACK and 0 < separator.prepared.plan.values["early"] < RATE


def test_drums_that_play_alone_learn_more_from_a_frame_as_the_twin_says(rng):
    plan, twin = SimpleNamespace(early=441, background=2), reference.Background(None, None, 0.003, 3.0, None)
    own, before, found = SimpleNamespace(explained=FLOAT(0)), np.zeros(6, FLOAT), []
    for share in np.repeat((0.5, 0.86, 0.97, 0.6), 500):
        before[:] = [share / 3] * 3 + [(1 - share) / 3] * 3
        found.append(drum_rate.py_func(plan, own, before, 3, FLOAT(0.01)))
        assert found[-1] == pytest.approx(twin.boldness(share, 0.01), rel=1e-3)
    assert found[499] == 1 and 5 < found[999] < 8 and found[1499] == 10 and found[-1] == 1
    assert drum_rate.py_func(SimpleNamespace(early=0, background=2), own, before, 3, FLOAT(0.01)) == 1
