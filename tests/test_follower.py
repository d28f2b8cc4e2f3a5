"""A follower finds the place in a score by the sound, and says which notes come."""

import numpy as np
import pytest
from played_scores import BEAT_S, RATE, at_tempo, piece, sound_of

from rtsep.listening.cues import AHEAD_S, MOST_AHEAD_S, Cues
from rtsep.listening.ears import STEP_S, Ears
from rtsep.listening.follower import Follower, Told
from rtsep.listening.states import LEAD_S, score_states
from rtsep.notes.messages import NOTE_ON

END_S = 24 * BEAT_S


def followed(sound, notes, **more):
    """Where the follower is after each frame."""
    heard, follower = Ears((), RATE, 1).hear(sound), Follower(notes, (), RATE, **more)
    return [follower.step(heard, number) for number in range(len(heard))]


def places(told):
    """Seconds in the score after each frame; the times of the frames."""
    return np.array([each.seconds for each in told]), (np.arange(len(told)) + 1) * STEP_S


@pytest.mark.parametrize("tempo, begin_s", [(1.0, 0.2), (0.6, 1.5), (1.7, 0.0)])
def test_the_place_is_within_100_ms_at_any_tempo(tempo, begin_s):
    notes = piece()
    played = at_tempo(notes, tempo, begin_s)
    place, at_s = places(followed(sound_of(played, END_S / tempo + begin_s), notes))
    late_s = [np.interp(written, np.maximum.accumulate(place), at_s) - onset
              for written, onset in zip(notes["onset_s"], played["onset_s"], strict=True)]
    assert np.quantile(np.abs(late_s), 0.9) < 0.1


def test_it_waits_for_the_player_and_rests_with_the_player():
    notes = piece()
    played = at_tempo(notes, 1.0, 1.0)
    late = played["onset_s"] > 1.0 + 12 * BEAT_S - 0.01
    played["onset_s"][late] += 2.0
    played["offset_s"][late] += 2.0
    place, at_s = places(followed(sound_of(played, END_S + 3.0), notes))
    assert place[at_s < 0.9].max() < 0.1
    rests = (at_s > 1.0 + 12 * BEAT_S) & (at_s < 2.9 + 12 * BEAT_S)
    assert place[rests].max() < 12 * BEAT_S + 0.2
    again = at_s > 3.5 + 14 * BEAT_S
    assert np.median(np.abs(place - (at_s - 3.0))[again][: round(8 * BEAT_S / STEP_S)]) < 0.1


def test_it_comes_back_within_3_s_after_a_jump():
    notes = piece()
    first, second = notes[notes["onset_s"] < 14 * BEAT_S - 0.01], notes[notes["onset_s"] > 4 * BEAT_S - 0.01].copy()
    for name in ("onset_s", "offset_s"):
        second[name] += 10 * BEAT_S
    place, at_s = places(told := followed(sound_of(np.concatenate([first, second]), END_S + 4.0), notes,
                                          bars_s=np.arange(0, END_S, 4 * BEAT_S).tolist()))
    after = (at_s > 14 * BEAT_S + 3.0) & (at_s < END_S + 3.5)
    assert np.abs(place - (at_s - 10 * BEAT_S))[after].max() < 0.15
    assert sum(each.jumped for each in told) >= 1


def test_go_to_begins_anywhere():
    notes = piece()
    begin_s = 8 * BEAT_S
    later = notes[notes["onset_s"] > begin_s - 0.01].copy()
    for name in ("onset_s", "offset_s"):
        later[name] += 0.5 - begin_s
    place, at_s = places(followed(sound_of(later, 4.0), notes, start_s=begin_s))
    assert np.median(np.abs(place - (at_s - 0.5 + begin_s))[at_s > 1.0]) < 0.1


def test_silence_and_noise_raise_nothing(rng):
    notes = piece()
    for sound in (np.zeros((1, 22050)), np.full((1, 22050), np.nan), rng.standard_normal((1, 22050))):
        place, _ = places(followed(sound, notes))
        assert np.isfinite(place).all()


def test_states_have_every_onset_where_it_is():
    notes = piece()
    states = score_states(notes, (), RATE)
    assert len(states.groups) == len(np.unique(notes["onset_s"]))
    np.testing.assert_allclose(np.exp(states.spectra).sum(axis=1), 1, rtol=1e-3)
    assert states.start_s == -LEAD_S and not states.onsets[: round(LEAD_S / STEP_S) - 1].any()


# --- notes from the place ---------------------------------------------------------------------------------------------


def told_at(seconds, tempo=1.0, lost=False, jumped=False):
    return Told(seconds, tempo, 1.0, lost, jumped)


def messages_of(notes, steps, **more):
    cues, found = Cues(notes, **more), []
    for number, told in enumerate(steps):
        found += [(number, message[0] & 0xF0 == NOTE_ON, message[1]) for _, message in cues.step(told)]
    return found, cues


def test_every_note_begins_ahead_and_ends_once():
    notes = piece()
    found, cues = messages_of(notes, [told_at(at) for at in np.arange(-1, END_S + 1, STEP_S)])
    begins = [step * STEP_S - 1 for step, on, _ in found if on]
    np.testing.assert_allclose(begins, notes["onset_s"] - AHEAD_S, atol=1.5 * STEP_S)
    assert len(found) == 2 * len(notes) and cues.ahead_s == AHEAD_S


def test_while_the_player_is_lost_no_note_is_open():
    notes = piece()
    found, _ = messages_of(notes, [told_at(1.0)] * 3 + [told_at(1.0, lost=True)] * 3)
    assert sum(on for _, on, _ in found) == sum(not on for step, on, _ in found if step == 3) > 0


def test_a_jump_ends_what_sounds_and_begins_what_is_there():
    notes = piece()
    found, _ = messages_of(notes, [told_at(1.0), told_at(6.0, jumped=True)])
    held = {pitch for step, on, pitch in found if step == 0 and on}
    assert {pitch for step, on, pitch in found if step == 1 and not on} == held and any(on for step, on, _ in found if step)


def test_notes_begin_further_ahead_if_the_player_is_not_in_time(rng):
    notes = piece()
    steps = round(END_S / STEP_S)
    uneven = np.arange(steps) * STEP_S + np.repeat(rng.uniform(-0.2, 0.2, 100), 12)[:steps]
    _, cues = messages_of(notes, [told_at(at) for at in uneven])
    assert AHEAD_S < cues.ahead_s <= MOST_AHEAD_S
