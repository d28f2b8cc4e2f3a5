"""A follower notices other music, is lost, and finds its score again; rests and silence change nothing."""

import numpy as np
import pytest
from played_scores import BEAT_S, RATE, at_tempo, piece, sound_of

from rtsep.listening.ears import STEP_S, Ears
from rtsep.listening.follower import Follower
from rtsep.listening.note_net import NoteNet, note_net
from rtsep.listening.sureness import Sureness

END_S = 24 * BEAT_S


def followed(sound, notes):
    heard, follower = Ears((), RATE, 1).hear(sound), Follower(notes, (), RATE)
    return [follower.step(heard, number) for number in range(len(heard))]


def joined(*sounds):
    return np.concatenate(sounds, axis=1)


def part_of(notes, from_beat, to_beat):
    """The notes of some beats, from 0 s on."""
    beat = notes["onset_s"] / BEAT_S
    part = notes[(beat > from_beat - 0.01) & (beat < to_beat - 0.01)].copy()
    for name in ("onset_s", "offset_s"):
        part[name] -= from_beat * BEAT_S
    return part


@pytest.fixture(scope="module")
def interrupted():
    """The player plays 12 beats, then other music of the same register, then goes on from beat 6."""
    notes = piece()
    sound = joined(sound_of(part_of(notes, 0, 12), 12 * BEAT_S), sound_of(piece(seed=6), END_S),
                   sound_of(part_of(notes, 6, 24), 18 * BEAT_S))
    return followed(sound, notes)


def test_the_right_music_is_sure(interrupted):
    told = interrupted[round(4 * BEAT_S / STEP_S) : round(12 * BEAT_S / STEP_S)]
    assert not any(each.lost for each in told) and np.mean([each.sure for each in told]) > 0.9


def test_other_music_of_the_same_register_is_lost(interrupted):
    other = interrupted[round(12 * BEAT_S / STEP_S) : round((12 * BEAT_S + END_S) / STEP_S)]
    assert other[-1].lost and np.mean([each.lost for each in other]) > 0.3
    assert np.mean([each.sure for each in other[len(other) // 2 :]]) < 0.3


def test_the_score_is_found_again(interrupted):
    end = interrupted[-round(2 * BEAT_S / STEP_S) :]
    assert not any(each.lost for each in end)


def test_a_long_rest_changes_nothing():
    notes = piece()
    late = at_tempo(notes, 1.0)
    after = late["onset_s"] > 12 * BEAT_S - 0.01
    for name in ("onset_s", "offset_s"):
        late[name][after] += 12.0
    told = followed(sound_of(late, END_S + 12.0), notes)
    before, rest = round(11 * BEAT_S / STEP_S), told[round(13 * BEAT_S / STEP_S) : round((12 * BEAT_S + 11.5) / STEP_S)]
    assert not any(each.lost for each in told) and min(each.sure for each in rest) > 0.5 * told[before].sure


def test_others_who_play_while_the_score_rests_change_nothing():
    notes = piece()
    late = notes["onset_s"] > 2 * BEAT_S - 0.01
    for name in ("onset_s", "offset_s"):
        notes[name][late] += END_S
    others = Ears((), RATE, 1).hear(sound_of(piece(seed=6), END_S))
    net = note_net(piano=False)
    heard, sureness = NoteNet(net), Sureness(notes, net.delay_frames, net.begins)
    for number in range(len(others)):
        sureness.step(heard.step(others.one(number)), 2 * BEAT_S + 1.0, jumped=number == 0)
    assert not sureness.lost and sureness.sure > 0.8
