"""Keys of a keyboard beside the sound: they tell the place in a score, and which parts the keyboard plays."""

import numpy as np
import pytest
from conftest import ON, RATE, SMALL, make_preset, midi, prepared, process_from
from played_scores import BEAT_S, at_tempo, piece, sound_of
from played_scores import RATE as SOUND_RATE

from rtsep.hosts.followed_routes import Followed, melody_part, named_parts, parts_with_keys, route_followed
from rtsep.hosts.struck import MOST, StruckKeys
from rtsep.listening.cues import Cues
from rtsep.listening.ears import STEP_S, Ears
from rtsep.listening.follower import Follower, Told
from rtsep.listening.keyboard_parts import LEAST_NOTES, KeyboardParts
from rtsep.notes.build import Note, build_score
from rtsep.reference import ReferenceSeparator

END_S = 24 * BEAT_S
MELODY, BASS = 0, 1  # The parts of `piece`.


def keys_of(notes, part):
    """The keys of a part by frame."""
    found = {}
    for note in notes[notes["part"] == part]:
        found.setdefault(int(note["onset_s"] / STEP_S), []).append((int(note["pitch"]), 0.0))
    return {frame: tuple(keys) for frame, keys in found.items()}


def followed(sound, notes, keys, told=()):
    """Where the follower is after each frame, and the parts of the keyboard."""
    heard, follower = Ears((), SOUND_RATE, 1).hear(sound), Follower(notes, (), SOUND_RATE, keyboard=True)
    parts, found = KeyboardParts(notes, told), []
    follower.keys.know(parts.perhaps, parts.surely)
    for number in range(len(heard)):
        found.append(follower.step(heard, number, keys.get(number, ())))
        if parts.step(found[-1], keys.get(number, ())):
            follower.keys.know(parts.perhaps, parts.surely)
    return np.array([each.seconds for each in found]), (np.arange(len(found)) + 1) * STEP_S, parts


def by_ear(sound, notes):
    """Where the follower is without keys."""
    heard, follower = Ears((), SOUND_RATE, 1).hear(sound), Follower(notes, (), SOUND_RATE)
    return [follower.step(heard, number) for number in range(len(heard))]


def late_s(place, at_s, notes, played):
    """How late the follower passes each note."""
    return np.array([np.interp(written, np.maximum.accumulate(place), at_s) - onset
                     for written, onset in zip(notes["onset_s"], played["onset_s"], strict=True)])


@pytest.mark.parametrize("tempo", [0.8, 1.3])
def test_keys_tell_the_place_beside_louder_music_and_which_part_they_play(tempo):
    notes = piece()
    played = at_tempo(notes, tempo, 0.5)
    seconds = END_S / tempo + 0.5
    sound = sound_of(played, seconds) + 1.5 * sound_of(piece(seed=7), seconds)
    place, at_s, parts = followed(sound, notes, keys_of(played, MELODY))
    without = [each.seconds for each in by_ear(sound, notes)]
    assert np.quantile(np.abs(late_s(np.array(without), at_s, notes, played)), 0.9) > 0.3
    assert np.quantile(np.abs(late_s(place, at_s, notes, played)), 0.9) < 0.1
    assert parts.surely == {MELODY} == parts.perhaps


def test_wrong_keys_do_not_move_the_place():
    notes = piece()
    played = at_tempo(notes, 1.0, 0.5)
    keys = keys_of(played, MELODY)
    wrong = {frame: tuple((pitch + 1, age) for pitch, age in each) if number % 5 == 0 else each
             for number, (frame, each) in enumerate(keys.items())}
    place, at_s, parts = followed(sound_of(played, END_S + 0.5), notes, wrong)
    assert np.quantile(np.abs(late_s(place, at_s, notes, played)), 0.9) < 0.1 and parts.surely == {MELODY}


def test_while_the_keyboard_rests_the_sound_tells_the_place():
    notes = piece()
    played = at_tempo(notes, 1.2, 0.5)
    first = {frame: keys for frame, keys in keys_of(played, MELODY).items() if frame * STEP_S < 3.0}
    place, at_s, _ = followed(sound_of(played, END_S / 1.2 + 0.5), notes, first, told=(MELODY,))
    assert np.quantile(np.abs(late_s(place, at_s, notes, played)), 0.9) < 0.12


def test_a_key_that_comes_late_belongs_to_the_time_at_which_it_was_struck():
    notes = piece()
    played = at_tempo(notes, 1.0, 0.5)
    late = {frame + 4: tuple((pitch, 4.0) for pitch, _ in keys) for frame, keys in keys_of(played, MELODY).items()}
    place, at_s, _ = followed(sound_of(played, END_S + 0.5), notes, late)
    assert np.median(late_s(place, at_s, notes, played)) < 0.03


def test_the_parts_of_a_keyboard_are_found_and_a_doubled_part_is_not_its_own():
    notes = piece()
    double = notes[notes["part"] == MELODY][::2].copy()  # A singer sings every second note of the melody.
    double["part"] = 2
    both = np.sort(np.concatenate([notes, double]), order="onset_s")
    parts, keys = KeyboardParts(both), keys_of(both, MELODY)
    for frame in range(round(END_S / STEP_S)):
        parts.step(Told(frame * STEP_S, 1.0, 1.0, False, False), keys.get(frame, ()))
    assert parts.surely == {MELODY} and LEAST_NOTES == 6
    known = KeyboardParts(both, (BASS,))
    assert not any(known.step(Told(frame * STEP_S, 1.0, 1.0, False, False), keys.get(frame, ())) for frame in range(900))
    assert known.surely == known.perhaps == {BASS}


def test_parts_that_the_keyboard_plays_do_not_come_from_the_score():
    notes = piece()
    cues, found = Cues(notes), set()
    for frame in range(round(END_S / STEP_S)):
        if frame == 300:
            cues.leave({MELODY})
        found |= {part for part, _ in cues.step(Told(frame * STEP_S, 1.0, 1.0, False, False))} if frame > 300 else set()
    assert found == {BASS}


# --- keys on their way ------------------------------------------------------------------------------------------------


def test_keys_belong_to_the_frames_of_their_time():
    keys, ms = StruckKeys(2, lambda: 5.0), 1_000_000
    for time_ms, part, message in ((1000, 0, (ON, 60, 90)), (1029, 1, (ON, 62, 90)), (1021, 2, (ON, 63, 90)),
                                   (1021, 0, (ON, 64, 0)), (1100, 0, (ON, 65, 90))):
        keys.receive(part, time_ms * ms, message)
    assert keys.in_frames(1050 * ms, 0) == []
    first, second, third = keys.in_frames(1050 * ms, 3)
    assert [[pitch for pitch, _ in each] for each in (first, second, third)] == [[60], [62], []]
    assert first[0][1] == pytest.approx(2.5)  # 50 ms ago less 5 ms of delay; the first frame ended 20 ms ago.
    assert keys.in_frames(1106 * ms, 1) == [((65, pytest.approx(0.1)),)]
    for _ in range(2 * MOST):
        keys.receive(0, 0, (ON, 60, 90))
    assert len(keys.in_frames(10**12, 1)[0]) == MOST


# --- stems ------------------------------------------------------------------------------------------------------------


def score_of(programs=(40, 0, 0), names=("Violin", "Piano right", "Piano left")):
    notes = [Note(beat * 0.5, beat * 0.5 + 0.4, 60 + 12 * part + beat % 5, 70, part, 0)
             for beat in range(8) for part in range(len(names))]
    return build_score("score", notes, names, {(part, 0): program for part, program in enumerate(programs)})


def test_parts_for_instruments_with_keys_are_the_keyboards():
    assert parts_with_keys(score_of()) == (1, 2) and parts_with_keys(score_of((0, 0, 0))) == ()
    assert named_parts(score_of(), ["piano_left", "1"]) == (0, 2) and melody_part(score_of(), "violin") == 0
    assert melody_part(score_of(), "1") is None


def test_keyboards_play_their_parts_and_the_score_the_others():
    routing = route_followed(Followed(score_of(), keyboards=1, keyboard_parts=(1, 2)), "port")
    assert routing.names == ("violin", "piano_right", "piano_left")
    assert set(np.unique(routing.score.part)) == {1, 2} and routing.score.keyboards == 1
    assert routing.table[0, 0, 60] == 1 and routing.table[0, 9, 60] == -1
    assert [int(routing.table[1 + part, 0, 60]) for part in range(3)] == [0, 1, 2] and (routing.table[4:] == -1).all()
    assert (route_followed(Followed(score_of(), keyboards=1), "port", (3,)).table[0, :2] == -1).all()


def test_a_voice_sings_a_part():
    routing = route_followed(Followed(score_of(), keyboards=1, keyboard_parts=(1, 2), melody=0), "port", voice="soprano")
    assert routing.names == ("piano_right", "piano_left", "soprano") and routing.voice == 2
    assert [int(routing.table[1 + part, 0, 60]) for part in range(3)] == [2, 0, 1]
    alone = route_followed(Followed(score_of((0,), ("Voice",)), keyboards=1, melody=0), "port", voice="voice")
    assert alone.names == ("voice",) and alone.table[1, 0, 60] == 0 and not len(alone.score.pitch)


def test_notes_of_the_score_itself_keep_their_stems():
    """The compiled stage and the reference: only the notes of keyboards are looked for in the score."""
    routing = route_followed(Followed(score_of((0, 0), ("Right", "Left")), keyboards=1), "port")
    keys = make_preset(range(50, 90), rows=1)
    events = midi((0, ON, 72, 90, 0), (1, ON, 60, 90, 1), (2, ON, 61, 90, 2))
    compiled, plain = prepared(keys, routing, SMALL), ReferenceSeparator(keys, routing, SMALL)
    process_from(compiled, np.zeros((1, 100), np.float32), events, 0, 100)
    plain.prepare(RATE, 1, 4096)
    plain.process(np.zeros((1, 100), np.float32), events)
    assert compiled.counters.followed_notes == 1
    voices = compiled.prepared.state["voices"]
    stems = {int(voice["part"]): int(voice["stem"]) for voice in voices if voice["status"]}
    assert stems == {0: 1, 1: 0, 2: 1}
    assert plain.counters.followed_notes == 1
