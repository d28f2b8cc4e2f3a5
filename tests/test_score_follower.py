"""Stage score_follower: a played note takes the part of the matching note in the score."""

import numpy as np
import pytest
from conftest import OFF, ON, RATE, SMALL, band, in_blocks, make_preset, midi, play, prepared, process_from
from engine_state import Memory, on_records, part_of
from laboratory.following import Keyboard
from laboratory.played import HARDSHIPS, HUMAN, PLAIN, Performance, perform
from native_callback import call, stem_sources, warmed
from scores_played import LEFT, RIGHT, four_parts, hands_routing, parts_routing, score_of, two_hands

from rtsep.engine.design import design
from rtsep.engine.separator import Separator
from rtsep.hosts.lanes import CAPACITY
from rtsep.notes.followed import FollowedScore
from rtsep.reference import ReferenceSeparator, ScoreFollower
from rtsep.stages import score_follower
from rtsep.stages.records import STATE
from rtsep.stages.score_follower import LOST

FLOOR = 0.99  # At least this share of the notes takes the right part.
SCORES = {"hands": (two_hands, hands_routing), "parts": (four_parts, parts_routing)}


@pytest.fixture(scope="module")
def keys():
    """A preset with all keys of a piano."""
    return make_preset(range(21, 109), rows=1)


@on_records
def step(plan, state, sample, pitch):
    """Run the stage on a note; returns its part."""
    return score_follower.step(plan.score_follower, state.score_follower, sample, pitch)


class Follower:
    """The compiled stage alone, with a score."""

    def __init__(self, score: FollowedScore, preset) -> None:
        values = design(preset, parts_routing(score), SMALL, RATE, 1).values
        self.plan, self.state = Memory(**values), Memory(**STATE.arrays(values))

    def play(self, performance: Performance) -> list[int]:
        """The parts of all notes; LOST if the score does not tell them."""
        return [step(self.plan, self.state, round(second * RATE), int(pitch))
                for second, pitch in zip(performance.seconds, performance.pitch, strict=True)]


def played(*notes) -> Performance:
    """The events of a performance of (second, pitch)."""
    rows = np.array(notes, np.float64).reshape(-1, 2)
    nobody = np.zeros(len(rows), np.int64)
    return Performance(rows[:, 0], rows[:, 1].astype(np.int64), nobody, nobody)


# --- how well ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("hardship", HARDSHIPS, ids=lambda hardship: hardship.name)
def test_nearly_all_notes_take_their_part(keys, kind, hardship):
    make, route = SCORES[kind]
    keyboard, shares = Keyboard(route(make()), keys, SMALL), []
    for seed in range(3):
        performance = perform(make(), hardship, np.random.default_rng(seed))
        shares.append(performance.share(keyboard.play(performance)))
    assert np.mean(shares) > (FLOOR if hardship is not HARDSHIPS[-1] else 0.97), shares


def test_the_score_knows_better_than_the_tracker(keys):
    performance = perform(two_hands(), HARDSHIPS[-1], np.random.default_rng(0))
    plain = hands_routing(two_hands())
    without = Keyboard(type(plain)(plain.names, plain.table, plain.hands), keys, SMALL)
    told, guessed = (performance.share(keyboard.play(performance)) for keyboard in (Keyboard(plain, keys, SMALL), without))
    assert told > guessed + 0.05


def test_chords_come_in_any_order(keys, rng):
    score = score_of([(0.5 * beat, pitch + beat % 3, part) for beat in range(12)
                      for part, pitches in enumerate(((48, 52, 55, 64), (60, 67, 72))) for pitch in pitches])
    for _ in range(5):
        notes = [(0.5 * chord + 0.005 * place, score.pitch[note], score.part[note]) for chord in range(12)
                 for place, note in enumerate(rng.permutation(np.flatnonzero(score.chord == chord)))]
        assert Follower(score, keys).play(played(*(note[:2] for note in notes))) == [note[2] for note in notes]


def test_a_key_that_both_hands_play_in_turn(keys):
    """Only the position in the score tells which hand plays the key."""
    score = score_of([note for beat in range(20) for note in ((0.5 * beat, 60, beat % 2), (0.5 * beat + 0.25, 62 + beat, 1))])
    performance = perform(score, HUMAN, np.random.default_rng(0))
    assert performance.share(Follower(score, keys).play(performance)) == 1


def test_a_unison_of_both_hands_is_shared(keys):
    score = score_of([(0, 60, 0), (0, 60, 1), (1, 62, 0), (2, 64, 1)])
    assert sorted(Follower(score, keys).play(played((0, 60), (0.01, 60)))) == [0, 1]


def test_a_player_who_leaves_the_score_is_lost_and_found_again(keys):
    score, other = two_hands(), two_hands(20, seed=9)
    there, away = (perform(each, HUMAN, np.random.default_rng(0)) for each in (score, other))
    follower, end = Follower(score, keys), 0.0
    found = []
    for performance in (there, away, there):
        found.append(follower.play(Performance(performance.seconds + end, *list(vars(performance).values())[1:])))
        end += performance.seconds[-1] + 1
    lost = [np.mean(np.array(parts) == LOST) for parts in found]
    assert lost[0] == 0 and lost[1] > 0.5 and LOST not in found[2][60:]
    assert Performance(*(column[60:] for column in vars(there).values())).share(found[2][60:]) > FLOOR


def test_any_tempo_between_a_third_and_thrice(keys):
    performance = perform(two_hands(), PLAIN, np.random.default_rng(0))
    for factor in (1 / 3, 3):
        slower = Performance(performance.seconds * factor, performance.pitch, performance.part, performance.other)
        assert slower.share(Follower(two_hands(), keys).play(slower)) > FLOOR


# --- like the twin ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SCORES)
def test_the_reference_says_the_same(keys, kind):
    score = SCORES[kind][0](15)
    follower, twin = Follower(score, keys), ScoreFollower(score, 4 if kind == "parts" else 2, RATE)
    other = perform(two_hands(15, seed=5), HUMAN, np.random.default_rng(1))
    for performance in (perform(score, HARDSHIPS[-1], np.random.default_rng(0)), other):
        assert follower.play(performance) == [twin.step(round(second * RATE), int(pitch)) for second, pitch in
                                              zip(performance.seconds, performance.pitch, strict=True)]
    state = follower.state
    np.testing.assert_allclose(state.chord_p, twin.p, atol=1e-9)
    assert (state.followed_notes[0], state.unmatched_in_score[0], state.score_position[0]) == (
        twin.notes, twin.unmatched, twin.position)
    assert (state.score_tempo[0], state.score_match[0]) == pytest.approx((twin.tempo, twin.match))


@pytest.mark.parametrize("kind", SCORES)
def test_the_whole_reference_says_the_same(kind):
    score, rng = SCORES[kind][0](2), np.random.default_rng(0)
    events = midi(*((round(second * RATE / 6), ON, int(pitch), 90, 0) for second, pitch in
                    zip(score.onset_s[score.chord], score.pitch, strict=True)))
    sound, found = band(rng, 20000), []
    instrument, routing = make_preset(range(36, 90), rows=1), SCORES[kind][1](score)
    separators = [make(instrument, routing, SMALL) for make in (Separator, ReferenceSeparator)]
    for separator in separators:
        separator.prepare(RATE, 1, 512)
        found.append(play(separator, sound, events, (500,))[0])
    assert separators[0].counters == separators[1].counters
    assert separators[0].counters.followed_notes > 10
    np.testing.assert_allclose(*found, atol=1e-3)


# --- in the engine ----------------------------------------------------------------------------------------------------


def test_block_sizes_change_no_bit(keys, rng):
    score, sound = two_hands(2), band(rng, 30000)
    events = midi(*((round(second * RATE / 4), ON, int(pitch), 90, 0) for second, pitch in
                    zip(score.onset_s[score.chord], score.pitch, strict=True)))
    found = []
    for size in (30000, 512, 77):
        separator = prepared(keys, hands_routing(score), SMALL, max_block=30000)
        found.append(np.concatenate([process_from(separator, sound, events, begin, min(begin + size, 30000)).stems.copy()
                                     for begin in range(0, 30000, size)], axis=2))
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])


@pytest.mark.parametrize("kind", SCORES)
def test_a_devices_callback_is_the_engine(keys, rng, kind):
    score, sound = SCORES[kind][0](3), band(rng, 12000, 2)
    separator = prepared(keys, SCORES[kind][1](score), SMALL, 2, max_block=CAPACITY)
    lanes, heard, events = warmed(separator, stem_sources(separator)), [], []
    for number, (begin, end) in enumerate(in_blocks(12000, (200,))):
        message = (ON, int(score.pitch[number % len(score.pitch)]), 90)
        assert lanes.send(0, 0, message)
        events.append((begin, *message, 0))
        heard.append(call(lanes, sound[:, begin:end]))
    offline = prepared(keys, SCORES[kind][1](score), SMALL, 2)
    stems, _ = play(offline, sound, midi(*events))
    assert np.array_equal(np.concatenate(heard, axis=1)[2:], stems.reshape(-1, 12000))
    assert separator.counters.followed_notes == len(events)


def test_a_reset_begins_again_and_another_preset_does_not(keys, rng):
    score = two_hands(5)
    separator = prepared(keys, hands_routing(score), SMALL)
    events = midi(*((10 * note, ON, int(pitch), 90, 0) for note, pitch in enumerate(score.pitch[:40])))
    process_from(separator, np.zeros((1, 500), np.float32), events, 0, 500)
    before = part_of(separator, "score_follower").score_position[0]
    assert before > 10
    separator.exchange(make_preset(range(21, 109), rows=1, seed=5))
    assert part_of(separator, "score_follower").score_position[0] == before
    separator.reset()
    assert part_of(separator, "score_follower").score_position[0] == 0 and separator.counters.followed_notes == 0


def test_another_score_needs_another_start(keys):
    score = two_hands(5)
    separator = prepared(keys, hands_routing(score), SMALL)
    assert not separator.exchange(routing=hands_routing(two_hands(9, seed=3)))
    assert separator.exchange(routing=hands_routing(score)) and separator.routing.score is score


def test_drums_and_notes_with_a_stem_of_their_own_are_not_looked_for(keys):
    separator = prepared(keys, parts_routing(four_parts(4)), SMALL)
    events = midi((0, ON | 9, 60, 90, 0), (1, ON, 60, 90, 0), (2, OFF, 60, 0, 0), (3, ON, 60, 0, 0), (4, ON, 61, 90, 0))
    events["stem"][4] = 1
    process_from(separator, np.zeros((1, 100), np.float32), events, 0, 100)
    assert separator.counters.followed_notes == 1


# --- nothing breaks it ------------------------------------------------------------------------------------------------


def odd_scores(rng):
    """Scores with one note, one chord, one pitch or no duration, and random scores."""
    yield score_of([(0.0, 60, 0)])
    yield score_of([(0.0, pitch, pitch % 2) for pitch in range(128)])
    yield score_of([(float(beat), 60, beat % 2) for beat in range(30)])
    yield score_of([(1e-4 * beat, 50 + beat % 9, beat % 3) for beat in range(50)])
    yield score_of([(1e4 * beat, 127 * (beat % 2), 0) for beat in range(8)])
    for _ in range(4):
        count = int(rng.integers(1, 200))
        yield score_of(dict.fromkeys(zip(np.round(rng.random(count) * 50, 1).tolist(), rng.integers(0, 128, count).tolist(),
                                         rng.integers(0, 5, count).tolist(), strict=True)))


def test_any_notes_with_any_score(keys, rng):
    for score in odd_scores(rng):
        follower, seconds = Follower(score, keys), 0.0
        for _ in range(200):
            seconds += float(rng.choice([0, 1e-5, 0.01, 0.3, 4, 1e5]) * rng.random())
            part = step(follower.plan, follower.state, round(seconds * RATE), int(rng.integers(0, 128)))
            assert part == LOST or 0 <= part <= score.part.max()
            state = follower.state
            assert np.isfinite(state.chord_p).all() and state.chord_p.sum() == pytest.approx(1)
            assert 0 <= state.score_confidence[0] <= 1 + 1e-9 and 0 <= state.score_match[0] <= 1 + 1e-9
            assert 0 <= state.score_position[0] < len(score.onset_s)


def test_without_a_score_nothing_is_known(keys):
    values = design(keys, parts_routing(two_hands(2)), SMALL, RATE, 1).values
    assert values["score_chords"] > 0
    plain = hands_routing(two_hands(2))
    values = design(keys, type(plain)(plain.names, plain.table, plain.hands), SMALL, RATE, 1).values
    assert values["score_chords"] == 0
    assert step(Memory(**values), Memory(**STATE.arrays(values)), 0, 60) == LOST


def test_left_and_right_are_the_stems_of_hands():
    assert hands_routing(two_hands(1)).names == ("left_hand", "right_hand") and (LEFT, RIGHT) == (0, 1)
