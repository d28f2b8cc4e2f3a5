"""Stage levels: the gain, the time by which sound is ahead of its MIDI, and stems that fade otherwise than their preset."""

import numpy as np
import pytest
from conftest import OFF, ON, RATE, SMALL, frame_by_frame, midi, one_stem, play, prepared, two_parts
from engine_state import kernel_memory, learnt_of, on_records, part_of
from sounds import sounding

from rtsep.reference.levels import Model
from rtsep.stages import levels

FLOAT = np.float32


def test_the_gain_is_learnt_and_the_loud_note_gets_more(knowing):
    """Two notes, each with one template: the first note teaches the gain, so the other's level is known from its velocity."""
    separator = prepared(knowing, one_stem(), SMALL)
    events = midi((0, ON, 60, 64), (20_000, OFF, 60, 0))
    gains = []
    for scale in (1.0, 0.1):
        separator.reset()
        play(separator, sounding(knowing, 60, 64, 20_000, scale), events)
        assert learnt_of(separator).known_s[0] > 0.1
        gains.append(float(learnt_of(separator).gain[0]))
    assert gains[0] - gains[1] == pytest.approx(np.log(10), abs=0.02)


@pytest.mark.parametrize("late_s, least_s, most_s", [(0.0, 0.0, 0.003), (0.015, 0.004, 0.02)])
def test_sound_ahead_of_its_midi_is_found(knowing, late_s, least_s, most_s):
    """Eight strokes as the preset expects them, told in time or too late: after them, part of the delay is known.

    No pitch comes twice in a row: the end of one note would be taken for the beginning of the next.
    """
    separator = prepared(knowing, one_stem(), SMALL)
    step, late = round(0.3 * RATE), round(late_s * RATE)
    starts, pitches = 2000 + step * np.arange(8), (48, 60, 67, 72) * 2
    sound = np.concatenate([np.zeros((1, 2000), FLOAT), *(sounding(knowing, pitch, 64, step) for pitch in pitches)], axis=1)
    told = [each for start, pitch in zip(starts, pitches, strict=True)
            for each in ((start + late, ON, pitch, 64), (start + late + step - 500, OFF, pitch, 0))]
    play(separator, sound, midi(*told))
    assert least_s <= learnt_of(separator).lag_s[0] <= most_s


@pytest.mark.parametrize("swell_db, least, most", [(0, -0.1, 0.1), (24, 0.2, 1.0)])
def test_a_stem_that_fades_otherwise_is_found(knowing, swell_db, least, most):
    """Five notes fade as the preset expects, or swell over a second like a bowed string: this error grows with their age."""
    separator = prepared(knowing, one_stem(), SMALL)
    step = round(RATE)
    sound = np.tile(sounding(knowing, 60, 64, step) * np.logspace(0, swell_db / 20, step, dtype=FLOAT), 5)
    told = [each for n in range(5) for each in ((n * step, ON, 60, 64), ((n + 1) * step - 500, OFF, 60, 0))]
    play(separator, sound, midi(*told))
    assert least < learnt_of(separator).decay_deviation[0] < most


def test_a_note_told_in_silence_teaches_nothing(knowing):
    """A key is held for a second in the noise of the room, before the music and after it: the gain is that of the music."""
    separator, step = prepared(knowing, one_stem(), SMALL), round(RATE)
    noise = (1e-6 * np.random.default_rng(1).standard_normal((1, 2 * step))).astype(FLOAT)
    music = sounding(knowing, 60, 64, step // 2)
    play(separator, music, midi((0, ON, 60, 64)))
    alone = learnt_of(separator).gain[0]
    separator.reset()
    for sound, told in (
        (noise, ((0, ON, 67, 1), (2 * step - 1, OFF, 67, 0))), (music, ((0, ON, 60, 64), (step // 2 - 1, OFF, 60, 0))),
        (noise, ((step, ON, 67, 100),)),
    ):
        play(separator, sound, midi(*told))
    assert learnt_of(separator).gain[0] == pytest.approx(alone, abs=0.2) and learnt_of(separator).known_s[0] > 0.3


def test_every_stem_has_its_own(knowing):
    """Both stems play one preset; one is ten times as loud as the other, and each is heard alone."""
    separator, step = prepared(knowing, two_parts(), SMALL), 20_000
    sound = np.concatenate([sounding(knowing, 60, 64, step), sounding(knowing, 60, 64, step, 0.1)], axis=1)
    play(separator, sound, midi((0, ON, 60, 64, 0), (step - 500, OFF, 60, 0, 0), (step, ON, 60, 64, 1)))
    gain = learnt_of(separator).gain
    assert gain[0] - gain[1] == pytest.approx(np.log(10), abs=0.1)


def tune(knowing, early_s, beside):
    """The gain after ten notes beside a steady sound, and the number of frames in which a note was silent.

    All but four of the notes are told early by this time.
    """
    step, early = 22_000, round(early_s * RATE)
    starts = [n * step for n in range(10)]
    pitches = [(60, 64, 67)[n % 3] for n in range(10)]
    sound = np.concatenate([sounding(knowing, pitch, 64, step) for pitch in pitches], axis=1)
    told = [each for n, (start, pitch) in enumerate(zip(starts, pitches, strict=True)) for each in
            ((start - (early if n > 3 else 0), ON, pitch, 64, 0), (start + step - early - 1000, OFF, pitch, 0, 0))]
    separator = prepared(knowing, two_parts(), SMALL)
    events = midi(*told, (0, ON, 48, 64, 1)) if beside == "instrument" else midi(*told)
    other = {"noise": 0.1 * np.random.default_rng(1).standard_normal(sound.shape), "nothing": 0 * sound,
             "instrument": np.resize(sounding(knowing, 48, 64, 4410), sound.shape)}[beside]
    power = np.sqrt(np.mean(sound**2) / max(np.mean(other**2), 1e-12)) if beside != "nothing" else 0
    silent = 0
    for each in frame_by_frame(separator, (sound + 0.5 * power * other).astype(FLOAT), events):
        silent += int(part_of(each, "expected").silent[: int(part_of(each, "open").groups[0])].any())
    return learnt_of(separator).gain[0], silent


@pytest.mark.parametrize("beside", ["nothing", "noise", "instrument"])
def test_notes_that_are_told_early_do_not_lower_the_gain(knowing, beside):
    """For the 80 ms before they sound, nothing is expected of them. Otherwise the gain would fall by more than a half."""
    in_time, _ = tune(knowing, 0.0, beside)
    early, silent = tune(knowing, 0.08, beside)
    assert silent > 100 and early == pytest.approx(in_time, abs=0.25)


@on_records
def learn(plan, state, age, slope, error, total, seconds):
    levels.note_error(state.levels, state.learnt, 0, age, slope, error, total, seconds)
    levels.solve(state.levels, state.learnt, 0)


@pytest.mark.parametrize("lag_s", [0.0, 0.01, 0.09])
def test_it_is_a_ridge_regression_as_the_twin_has_it(rng, lag_s):
    """Levels with a gain of 2, a deviation of -0.4 and a lag, which is limited to its range.

    The first frames, and one of fifty later, are silent: their wrong levels do not count.
    """
    _, state = kernel_memory()
    plan, twin = kernel_memory()[0], Model()
    for n in range(1500):
        age, slope = rng.uniform(-2.5, 1.5), rng.uniform(10, 200) if n % 3 == 0 else 0.0
        level = 2 - 0.4 * age + lag_s * slope + 0.1 * rng.standard_normal()
        total = 0.005 if n < 100 or n % 50 == 0 else 1.0
        level -= 5 if total < 1 else 0
        error = level - twin.gain - twin.decay_deviation * age - twin.lag_s * slope
        learn(plan, state, FLOAT(age), FLOAT(slope), FLOAT(error), FLOAT(total), FLOAT(0.003))
        twin.note(age, slope, error, total, float(FLOAT(0.003)))
        twin.solve()
    found = [state.gain[0], state.decay_deviation[0], state.lag_s[0]]
    np.testing.assert_allclose(found, [twin.gain, twin.decay_deviation, twin.lag_s], atol=2e-3)
    assert state.lag_s[0] == (FLOAT(levels.MOST_LAG_S) if lag_s > levels.MOST_LAG_S else pytest.approx(lag_s, abs=2e-3))
    if lag_s < levels.MOST_LAG_S:
        assert found[0] == pytest.approx(2, abs=0.2) and -0.4 < found[1] < -0.1, "the prior draws the deviation to 0"
    assert state.known_s[0] == pytest.approx(twin.known_s, rel=1e-3)
    assert state.lag_seen[0] == pytest.approx(twin.lag_seen, rel=1e-3)


def test_once_it_is_known_a_wrong_note_counts_little():
    """An error of 10 counts as MOST_ERROR."""
    plan, state = kernel_memory()
    for _ in range(200):
        learn(plan, state, FLOAT(0), FLOAT(0), FLOAT(0), FLOAT(1), FLOAT(0.003))
    _, other = kernel_memory()
    for error, each in ((10, state), (levels.MOST_ERROR, other)):
        if each is other:
            for _ in range(200):
                learn(plan, other, FLOAT(0), FLOAT(0), FLOAT(0), FLOAT(1), FLOAT(0.003))
        learn(plan, each, FLOAT(0), FLOAT(0), FLOAT(error), FLOAT(1), FLOAT(0.003))
    assert state.gain[0] == other.gain[0]
