"""Stage late notes: the background forgets what it has learnt of a note before the note's late message came."""

import numpy as np
import pytest
from conftest import (
    ON,
    SMALL,
    band,
    delayed,
    frame_by_frame,
    make_preset,
    midi,
    one_stem,
    play,
    prepared,
    reference_setup,
    two_parts,
)
from demo_clip import clip_hands, clip_separator
from engine_state import Memory, background_of, learnt_of, on_records, part_of, plan_of
from sounds import bursts

from rtsep import reference
from rtsep.measure import sdr_db
from rtsep.stages import adaptation, frame
from rtsep.stages.late_notes import ENOUGH
from rtsep.stages.levels import LAG_PRIOR, SLOPE_ERROR, SLOPE_SLOPE
from rtsep.stages.passed import KEEP, LEARN, RESTORE

HOP, LONG = SMALL["hop_samples"], 16000
SURE = 2 * ENOUGH  # so much evidence was seen for the lag
STRUCK = 100 * HOP  # here the steady sound becomes ten times as loud


@pytest.fixture(scope="session")
def preset(knowing):
    """A preset that knows how its notes fade."""
    return knowing


def told_late(preset, routing, params, channels=1, lag_s=0.0101):
    """A separator that is sure that its notes are this late."""
    separator = prepared(preset, routing, {**params, "late_midi": True}, channels)
    learnt, sums = learnt_of(separator), part_of(separator, "levels").level_sums
    learnt.lag_s[:], learnt.lag_seen[:] = lag_s, SURE
    sums[:, SLOPE_SLOPE], sums[:, SLOPE_ERROR] = SURE, lag_s * (SURE + LAG_PRIOR)
    return separator


def jump(rng, samples=STRUCK + 5000):
    """A sound that is faint at first, and loud from STRUCK on."""
    sound = 0.1 * band(rng, samples)
    sound[:, STRUCK:] *= 10
    return sound


def watched(separator, sound, events):
    """For each frame: what it asks for, and the background's rows and weights that it used."""
    first = plan_of(separator).rows
    tasks, rows, weights = [], [], []
    for each in frame_by_frame(separator, sound, events):
        tasks.append(int(part_of(each, "kept").task[0]))
        rows.append(background_of(each).copy())
        weights.append(part_of(each, "adaptation").weight[first:].copy())
    return np.array(tasks), rows, weights


# --- the specification ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params, channels",
    [
        ({"background": 1}, 2),
        ({"background": 6}, 1),
        ({"background": 4, "prediction": 0}, 1),
        ({"background": 4, "hop_samples": 32}, 1),
        ({"background": 4, "learn_background_s": 0.12}, 1),
        ({"background": 4, "background_learns": False}, 1),
        ({"background": 4, "mode": "instant", "latency_samples": 0}, 1),
    ],
)
def test_it_agrees_with_the_plain_numpy_twin(preset, rng, params, channels):
    """With strokes every 80 ms, and notes 0 to 75 ms later."""
    sound = bursts(rng, LONG, channels)
    late = (0, 300, 900, 1800, 3300)
    events = midi(*((3528 * (i // 2) + late[i % 5], ON, (48, 60, 72)[i % 3], 90, i % 2) for i in range(9)))
    separator = told_late(preset, two_parts(), {**SMALL, **params}, channels)
    expected = reference.separate(sound, events, reference_setup(separator))
    stems, _ = play(separator, sound, events, (700, 1, 63))
    assert np.abs(stems - expected.stems).max() < 2e-5 * np.abs(sound).max()
    hop = separator.framing.hop
    play(separator, np.zeros((channels, -LONG % hop + hop), np.float32))
    np.testing.assert_allclose(background_of(separator), expected.background, atol=1e-5)


@pytest.mark.parametrize("late", [HOP, 300, 900, 2600])
def test_what_was_learnt_since_a_jump_is_taken_back_to_the_bit(preset, rng, late):
    separator = told_late(preset, one_stem(), {**SMALL, "background": 5})
    tasks, rows, weights = watched(separator, jump(rng), midi((STRUCK + late, ON, 60, 90)))
    restored = np.flatnonzero(tasks == RESTORE)
    kept = np.flatnonzero(tasks == KEEP)
    kept = kept[kept >= STRUCK // HOP][0]  # the very first frame is a jump, too
    assert restored.tolist() == [(STRUCK + late) // HOP]
    assert not np.array_equal(rows[kept], rows[restored[0]])
    assert np.array_equal(rows[kept], rows[restored[0] + 1]) and np.array_equal(weights[kept], weights[restored[0] + 1])
    assert not np.array_equal(rows[kept], rows[restored[0] + 2]), "and it learns on"


def test_a_note_long_after_the_jump_takes_nothing_back(preset, rng):
    separator = told_late(preset, one_stem(), {**SMALL, "background": 5})
    tasks, *_ = watched(separator, jump(rng), midi((STRUCK + 2900, ON, 60, 90)))
    assert KEEP in tasks[STRUCK // HOP :] and RESTORE not in tasks


@pytest.mark.parametrize("early", [0, 200, 700])
def test_notes_in_time_change_nothing(preset, rng, early):
    """A note explains the jump: it comes in the same hop, or is young."""
    separator = told_late(preset, one_stem(), {**SMALL, "background": 5})
    tasks, *_ = watched(separator, jump(rng, STRUCK + 1000), midi((STRUCK - early, ON, 60, 90)))
    assert (tasks[STRUCK // HOP :] == LEARN).all() and RESTORE not in tasks


@pytest.mark.parametrize("params", [{"gate": False}, {"background_learns": False}, {"learn_background_s": 0.4}])
def test_nothing_is_kept_where_nothing_can_be_taken_back(preset, rng, params):
    separator = told_late(preset, one_stem(), {**SMALL, "background": 5, **params})
    tasks, *_ = watched(separator, jump(rng), midi((STRUCK + 900, ON, 60, 90)))
    assert not tasks.any() and not part_of(separator, "kept").kept_weight.any()


def test_drums_have_their_own_stage_for_late_triggers(staged, rng):
    separator = told_late(staged, one_stem(), {**SMALL, "background": 5})
    tasks, *_ = watched(separator, jump(rng), midi((STRUCK + 900, ON, 60, 90)))
    assert plan_of(separator).early > 0 and not tasks.any()


@pytest.mark.parametrize("lag_s", [0.0, 0.0015])
def test_where_notes_are_in_time_nothing_is_taken_back(preset, rng, lag_s):
    separator = told_late(preset, one_stem(), {**SMALL, "background": 5}, lag_s=lag_s)
    tasks, *_ = watched(separator, jump(rng), midi((STRUCK + 900, ON, 60, 90)))
    assert not tasks.any()


def test_without_a_prediction_nothing_is_taken_back(rng):
    separator = told_late(make_preset(), one_stem(), {**SMALL, "background": 5})
    tasks, *_ = watched(separator, jump(rng), midi((STRUCK + 900, ON, 60, 90)))
    assert not tasks.any()


@pytest.mark.parametrize("params", [{"iterations": 2}, {"background": 7}, {"background": 3}])
def test_another_plan_between_jump_and_note_takes_back_what_is_still_there(preset, rng, params):
    """If the new plan has another number of rows, they learn on, since no copies of them were kept."""
    sound, cut = jump(rng), STRUCK + 10 * HOP
    separator = told_late(preset, one_stem(), {**SMALL, "background": 5})
    play(separator, sound[:, :cut], None, (HOP,))
    kept = part_of(separator, "kept").kept_rows[:, : plan_of(separator).bins].copy()
    separator.exchange(params=params)
    tasks, rows, weights = watched(separator, sound[:, cut:], midi((100, ON, 60, 90)))
    assert tasks[1] == RESTORE and np.isfinite(rows[-1]).all() and (weights[-1] > 0).all()
    np.testing.assert_allclose(rows[-1].sum(axis=1), 1, atol=1e-4)
    assert np.array_equal(rows[2], kept) == ("iterations" in params)


@on_records
def begin_again(plan, state):
    frame.begin_again(plan, state)


@on_records
def restores(plan, state, row):
    return adaptation.keep_or_restore(plan.adaptation, state.adaptation, state.kept, row)


def test_a_background_that_begins_again_keeps_nothing(preset, rng):
    separator = told_late(preset, one_stem(), {**SMALL, "background": 5})
    plan, state = plan_of(separator), Memory(**separator.prepared.state)
    play(separator, jump(rng), None, (HOP,))
    assert (state.kept_weight > 0).all()
    begin_again(plan, state)
    state.task[0] = RESTORE
    assert not any(restores(plan, state, row) for row in range(plan.rows, plan.rows + 5))
    assert np.array_equal(state.W, plan.W)


# --- what it is good for ----------------------------------------------------------------------------------------------


def hands_db(late_s, takes_back=True):
    """Mean SDR in dB of the hands in 8 s of the bundled clip, live, with MIDI this late, with and without taking back."""
    separator, rate, score = clip_separator({"late_midi": takes_back})
    truths = clip_hands(separator, 8 * rate)
    found, _ = play(separator, sum(truths), score.events(rate, late_s), (separator.framing.hop,))
    return np.mean([sdr_db(found[i], delayed(truth, separator.latency)) for i, truth in enumerate(truths)])


def test_hands_whose_notes_are_told_late_come_out_better():
    """20 ms late. Measured: 12.23 dB, and 12.19 dB without taking back; 13.18 dB in time."""
    found = hands_db(0.02)
    assert found > 12 and found > hands_db(0.02, takes_back=False) + 0.01


def test_hands_whose_notes_are_told_in_time_come_out_as_before():
    assert hands_db(0.0) == pytest.approx(hands_db(0.0, takes_back=False), abs=0.02)
