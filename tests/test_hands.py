"""The two hands on one keyboard: which stem a note goes to, when it goes over, and what a player corrects."""

import numpy as np
import pytest
from conftest import (
    CONTROL,
    INSTANT,
    OFF,
    ON,
    RATE,
    SMALL,
    assert_sums_to,
    band,
    make_preset,
    midi,
    play,
    prepared,
    process_from,
    with_envelopes,
)
from engine_state import part_of

from rtsep.engine.separator import Separator
from rtsep.kernels.memory import CLAIM_LEFT, CLAIM_RIGHT, CORRECTION, SWAP_HANDS
from rtsep.notes.routing import by_hands
from rtsep.presets.preset import Preset
from rtsep.reference import ReferenceSeparator
from rtsep.stages.hands import RECENT, REVISE_S
from rtsep.stages.notes import FREE

LEFT, RIGHT = range(2)
KEYS = range(40, 84)


@pytest.fixture(scope="module")
def keyboard() -> Preset:
    """An instrument with many keys."""
    return make_preset(KEYS, rows=1)


def silent(separator, events, samples=100):
    """Play `events` to silence."""
    separator.process(np.zeros((1, samples), np.float32), events)
    return separator


def stems_of(separator):
    """The stem of every pitch that sounds; of a unison the higher."""
    voices = part_of(separator, "notes").voices
    return {int(v["pitch"]): int(v["stem"]) for v in np.sort(voices[voices["status"] != FREE], order="stem")}


CLIMB = (52, 55, 57, 59, 61, 63, 65)


def climbing(part=0):
    """The left hand alone, as it goes beyond the middle."""
    return midi(*((100 + 4000 * i, ON, pitch, 90, part) for i, pitch in enumerate(CLIMB)))


def two_hands(rng, samples, count=60):
    """Chords and single notes of two hands that wander, with pedals and corrections, on two keyboards."""
    messages, centres = [], [52.0, 70.0]
    for at in np.sort(rng.integers(0, samples, count)).tolist():
        hand = int(rng.integers(2))
        centres[hand] = np.clip(centres[hand] + rng.normal(0, 3), 45, 78)
        for offset in (0, 4, 7)[: rng.integers(1, 4)]:
            pitch, lasts = int(centres[hand]) + offset, int(rng.integers(1, 4000))
            begins = at + int(rng.integers(0, 900))
            messages += [(begins, ON, pitch, int(rng.integers(20, 120)), hand), (begins + lasts, OFF, pitch, 0, hand)]
        if rng.random() < 0.2:
            messages.append((at, CONTROL, 64, int(rng.integers(128))))
        if rng.random() < 0.15:
            messages.append((at, CORRECTION, int(rng.choice([SWAP_HANDS, CLAIM_LEFT, CLAIM_RIGHT])), 0))
    events = midi(*messages)
    return events[events["sample"] < samples]


# --- whose note -------------------------------------------------------------------------------------------------------


def test_low_notes_are_the_left_hands_and_the_centres_follow(keyboard):
    separator = silent(prepared(keyboard, by_hands()), midi((0, ON, 48, 90), (1, ON, 72, 90)))
    assert stems_of(separator) == {48: LEFT, 72: RIGHT}
    play(separator, np.zeros((1, 30000), np.float32), climbing())
    assert stems_of(separator) == {48: LEFT, 72: RIGHT, **dict.fromkeys(CLIMB, LEFT)}
    assert separator.counters.hand_notes == 2 + len(CLIMB)


def test_silence_brings_the_hands_back_to_rest(keyboard):
    separator = prepared(keyboard, by_hands(), max_block=1 << 21)
    silent(separator, climbing(), 30000)
    assert stems_of(separator)[65] == LEFT
    silent(separator, None, round(30 * RATE))
    assert stems_of(silent(separator, midi((0, ON, 65, 90))))[65] == RIGHT


def test_reset_forgets(keyboard):
    separator = silent(prepared(keyboard, by_hands()), midi((0, ON, 48, 90), (1, CORRECTION, SWAP_HANDS, 0)))
    assert stems_of(separator) == {48: RIGHT}
    separator.reset()
    assert separator.counters.hand_notes == 0 and not part_of(separator, "hands").recent["sample"].any()
    assert stems_of(silent(separator, midi((0, ON, 48, 90)))) == {48: LEFT}


def test_what_is_not_the_hands_stays_where_it_is(keyboard):
    """Drums on channel 10 are no hand's; what an event says itself counts; what no template plays is counted and forgotten."""
    events = midi((0, ON | 9, 50, 90), (1, ON, 80, 90), (2, ON, 20, 90))
    events["stem"][1] = 1 + LEFT
    separator = silent(prepared(keyboard, by_hands()), events)
    assert stems_of(separator) == {80: LEFT}
    counters = separator.counters
    assert (counters.hand_notes, counters.unmatched_notes) == (0, 1)
    assert part_of(separator, "hands").recent_count[0] == 0


def test_two_keyboards_are_one_player(keyboard):
    """What one keyboard plays moves the hands for the other."""
    separator = prepared(keyboard, by_hands())
    play(separator, np.zeros((1, 30000), np.float32), climbing(part=1))
    assert stems_of(silent(separator, midi((0, ON, 64, 90, 0))))[64] == LEFT
    separator.reset()
    assert stems_of(silent(separator, midi((0, ON, 64, 90, 0))))[64] == RIGHT


def test_more_notes_than_are_remembered(keyboard):
    separator = prepared(keyboard, by_hands())
    events = midi(*((i, ON if i % 2 == 0 else OFF, 45 + i // 2 % 30, 90) for i in range(4 * RECENT)))
    silent(separator, events, 1000)
    hands = part_of(separator, "hands")
    assert separator.counters.hand_notes == 2 * RECENT and hands.recent_count[0] == RECENT
    assert hands.recent["sample"].tolist() == list(range(2 * RECENT, 4 * RECENT, 2))


# --- second thoughts --------------------------------------------------------------------------------------------------

ALONE, LATER = (62, (70, 74, 78))  # A note between the hands, and a chord that draws the right hand away from it.


def asked_again(keyboard, after_s):
    """How the engine sees a note between the hands, before and after more of them have come."""
    separator = prepared(keyboard, by_hands(), max_block=20000)
    silent(separator, midi((0, ON, 54, 90), (10, ON, ALONE, 90)), 20)
    before = stems_of(separator)[ALONE]
    silent(separator, midi(*((round(after_s * RATE), ON, pitch, 90) for pitch in LATER)), 20000)
    return before, stems_of(separator)[ALONE], separator.counters.revised_notes


def test_later_notes_of_a_chord_change_a_decision_for_a_while(keyboard):
    assert asked_again(keyboard, 0.8 * REVISE_S) == (RIGHT, LEFT, 1)
    assert asked_again(keyboard, 1.2 * REVISE_S) == (RIGHT, RIGHT, 0)


def test_uncertain_notes_are_counted_until_they_are_certain(keyboard):
    separator = silent(prepared(keyboard, by_hands()), midi((0, ON, 60, 90)))
    assert part_of(separator, "hands").recent["right"][0] == 0.5
    assert separator.counters.uncertain_notes == 1 and separator.uncertain_pitches == (60,)
    silent(separator, midi((0, CORRECTION, CLAIM_LEFT, 0)))
    assert separator.counters.uncertain_notes == 0 and separator.uncertain_pitches == ()
    separator.reset()
    silent(separator, midi((0, ON, 60, 90), (50, OFF, 60, 0)))
    assert separator.counters.uncertain_notes == 1 and separator.uncertain_pitches == (), "it is over"


# --- corrections ------------------------------------------------------------------------------------------------------


def test_hands_change_places_and_stay_so(keyboard):
    low, high = (45, 48, 50), (70, 72, 74)
    separator = silent(prepared(keyboard, by_hands()), midi(*((i, ON, pitch, 90) for i, pitch in enumerate(low + high))))
    silent(separator, midi((0, CORRECTION, SWAP_HANDS, 0), (1, ON, 52, 90), (2, ON, 69, 90)))
    assert stems_of(separator) == dict.fromkeys((*low, 52), RIGHT) | dict.fromkeys((*high, 69), LEFT)
    assert separator.counters.revised_notes == 0


def test_one_hand_claims_the_keys_that_are_down(keyboard):
    messages = midi((0, CONTROL, 64, 127), (1, ON, 74, 90), (2, OFF, 74, 0), (3, ON, 48, 90), (4, ON, 72, 90))
    separator = silent(prepared(keyboard, by_hands()), messages)
    assert stems_of(separator) == {74: RIGHT, 48: LEFT, 72: RIGHT}
    silent(separator, midi((0, CORRECTION, CLAIM_LEFT, 0), (1, ON, 73, 90)))
    assert stems_of(separator) == {74: RIGHT, 48: LEFT, 72: LEFT, 73: RIGHT}, "what only the pedal holds stays"
    silent(separator, midi((0, CORRECTION, CLAIM_RIGHT, 0)))
    assert set(stems_of(separator).values()) == {RIGHT}


def test_corrections_mean_nothing_elsewhere(preset, rng):
    from conftest import one_stem

    events, sound = midi((0, ON, 60, 90), (1, CORRECTION, SWAP_HANDS, 0), (2, CORRECTION, CLAIM_LEFT, 0)), band(rng, 2000)
    stems = [play(prepared(preset, one_stem()), sound, each)[0] for each in (events, events[:1])]
    assert np.array_equal(*stems)


# --- properties -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [SMALL, INSTANT])
def test_block_sizes_do_not_change_a_bit(keyboard, rng, params):
    sound, events = band(rng, 12000), two_hands(rng, 12000, 40)
    separator = prepared(with_envelopes(keyboard), by_hands(), params, max_block=12000)
    stems, _ = play(separator, sound, events, (12000,))
    assert separator.counters.revised_notes > 0
    assert_sums_to(stems, sound, separator.latency)
    assert np.abs(stems).max(axis=(1, 2)).min() > 1e-3
    for sizes in [(1,), (63,), (64,), (1000,), (1, 0, 128, 3)]:
        separator.reset()
        assert np.array_equal(play(separator, sound, events, sizes)[0], stems), sizes


@pytest.mark.parametrize("params", [{}, {"mode": "instant", "latency_samples": 0}, {"max_open_rows": 5}])
def test_the_reference_says_the_same(keyboard, params):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        sound, events = band(rng, 20000), two_hands(rng, 20000, 80)
        separators = [kind(with_envelopes(keyboard), by_hands(), {**SMALL, **params})
                      for kind in (Separator, ReferenceSeparator)]
        found = []
        for separator in separators:
            separator.prepare(RATE, 1, 512)
            found.append(np.concatenate([process_from(separator, sound, events, begin, begin + 500).stems.copy()
                                         for begin in range(0, 20000, 500)], axis=2))
        assert separators[0].counters == separators[1].counters
        assert separators[0].counters.revised_notes > 0
        np.testing.assert_allclose(*found, atol=3e-4)
