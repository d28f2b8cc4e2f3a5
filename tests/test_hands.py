"""Two hands on one keyboard: which stem a note goes to, when it moves to the other, and what the player corrects."""

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
    with_envelopes,
)
from engine_state import part_of

from rtsep.engine.separator import Separator
from rtsep.hosts.demo import clip_folder
from rtsep.kernels.memory import CLAIM_LEFT, CLAIM_RIGHT, CORRECTION, SWAP_HANDS
from rtsep.notes.routing import by_hands
from rtsep.notes.score import read_midi
from rtsep.presets.preset import Preset
from rtsep.reference import ReferenceSeparator
from rtsep.stages.hands import RECENT, REVISE_S
from rtsep.stages.polyphony import FREE

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
    """The stem of each pitch that sounds; if a pitch sounds in two stems, the higher one."""
    voices = part_of(separator, "notes").voices
    return {int(v["pitch"]): int(v["stem"]) for v in np.sort(voices[voices["status"] != FREE], order="stem")}


def silent_long(separator, events):
    """Play all `events` to silence."""
    return silent(separator, events, int(events["sample"].max()) + 1)


CLIMB = (48, 52, 55, 57, 59, 60, 62, 64, 65, 67)
ABOVE = (81, 82, 83)
STEP = 10000  # samples between two notes


def climbing(left_part=0):
    """The left hand goes above the middle of the keyboard, but stays below the right hand."""
    left = [(100 + STEP * i, STEP - 500, pitch, left_part) for i, pitch in enumerate(CLIMB)]
    right = [(400 + STEP * i, STEP - 900, ABOVE[i % 3], 0) for i in range(len(CLIMB))]
    return midi(*((at + end, OFF if end else ON, pitch, 0 if end else 90, part)
                  for at, lasts, pitch, part in left + right for end in (0, lasts)))


def hands_of(separator):
    """The hand of each pitch among the last notes."""
    hands = part_of(separator, "hands")
    return {int(note["pitch"]): int(note["hand"]) for note in hands.recent[: int(hands.recent_count[0])]}


def two_hands(rng, samples, count=60):
    """Chords and single notes of two hands that move over two keyboards, with pedals and corrections."""
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


def test_a_hand_is_followed_beyond_the_middle(keyboard):
    separator = silent_long(prepared(keyboard, by_hands(), max_block=1 << 17), climbing())
    assert hands_of(separator) == dict.fromkeys(CLIMB, LEFT) | dict.fromkeys(ABOVE, RIGHT)
    assert separator.counters.hand_notes == 2 * len(CLIMB)


def test_after_silence_a_hand_may_be_anywhere(keyboard):
    separator = silent_long(prepared(keyboard, by_hands(), max_block=1 << 21), climbing())
    silent(separator, None, round(30 * RATE))
    assert hands_of(silent(separator, midi((0, ON, 77, 90))))[77] == RIGHT
    assert hands_of(silent(separator, midi((0, ON, 45, 90))))[45] == LEFT


def test_hands_of_a_real_performance_are_found():
    """The bundled clip as one keyboard. Its hands share arpeggios and single keys, which the notes alone cannot tell apart."""
    score, second = read_midi(clip_folder() / "demo.mid"), int(RATE)
    separator, events = prepared(make_preset(range(21, 109), rows=1), by_hands(score), max_block=second), score.events(RATE)
    found = {}
    for start in range(0, int(score.duration_s * RATE), second):
        mine = events[(events["sample"] >= start) & (events["sample"] < start + second)].copy()
        mine["sample"] -= start
        separator.process(np.zeros((1, second), np.float32), mine)
        hands = part_of(separator, "hands")
        found |= {(note["sample"], note["pitch"]): note["hand"] for note in hands.recent[: int(hands.recent_count[0])].copy()}
    truth = {(event["sample"], event["data1"]): score.track_names[event["part"]] == "Right hand" for event in events
             if event["status"] & 0xF0 == ON and event["data2"] > 0}
    assert len(truth) > 100
    assert np.mean([found[note] == right for note, right in truth.items()]) > 0.85


def test_reset_forgets(keyboard):
    separator = silent(prepared(keyboard, by_hands()), midi((0, ON, 48, 90), (1, CORRECTION, SWAP_HANDS, 0)))
    assert stems_of(separator) == {48: RIGHT}
    separator.reset()
    assert separator.counters.hand_notes == 0 and not part_of(separator, "hands").recent["sample"].any()
    assert stems_of(silent(separator, midi((0, ON, 48, 90)))) == {48: LEFT}


def test_notes_that_belong_to_no_hand_stay_where_they_are(keyboard):
    """Drums on channel 10 belong to no hand. An event that names its stem keeps it. Notes without templates are counted."""
    events = midi((0, ON | 9, 50, 90), (1, ON, 80, 90), (2, ON, 20, 90))
    events["stem"][1] = 1 + LEFT
    separator = silent(prepared(keyboard, by_hands()), events)
    assert stems_of(separator) == {80: LEFT}
    counters = separator.counters
    assert (counters.hand_notes, counters.unmatched_notes) == (0, 1)
    assert part_of(separator, "hands").recent_count[0] == 0


def test_two_keyboards_are_one_player(keyboard):
    """What one keyboard plays moves the hands for the other."""
    separator = silent_long(prepared(keyboard, by_hands(), max_block=1 << 17), climbing(left_part=1))
    assert hands_of(silent(separator, midi((0, ON, 66, 90, 0))))[66] == LEFT
    separator.reset()
    assert hands_of(silent(separator, midi((0, ON, 66, 90, 0))))[66] == RIGHT


def test_more_notes_than_are_remembered(keyboard):
    separator = prepared(keyboard, by_hands())
    events = midi(*((i, ON if i % 2 == 0 else OFF, 45 + i // 2 % 30, 90) for i in range(4 * RECENT)))
    silent(separator, events, 1000)
    hands = part_of(separator, "hands")
    assert separator.counters.hand_notes == 2 * RECENT and hands.recent_count[0] == RECENT
    assert hands.recent["sample"].tolist() == list(range(2 * RECENT, 4 * RECENT, 2))


# --- second thoughts --------------------------------------------------------------------------------------------------

FIRST, LATER = (62, (70, 74, 78))  # A note between the hands, then a chord that moves the right hand away from it.


def asked_again(keyboard, after_s):
    """How the engine decides on a note between the hands, before and after later notes."""
    separator = prepared(keyboard, by_hands(), max_block=20000)
    silent(separator, midi((0, ON, 54, 90), (10, ON, FIRST, 90)), 20)
    before = stems_of(separator)[FIRST]
    silent(separator, midi(*((round(after_s * RATE), ON, pitch, 90) for pitch in LATER)), 20000)
    return before, stems_of(separator)[FIRST], separator.counters.revised_notes


def test_later_notes_of_a_chord_change_a_decision_for_a_while(keyboard):
    assert asked_again(keyboard, 0.8 * REVISE_S) == (RIGHT, LEFT, 1)
    assert asked_again(keyboard, 1.2 * REVISE_S) == (RIGHT, RIGHT, 0)


def test_uncertain_notes_are_counted_until_they_are_certain(keyboard):
    separator = silent(prepared(keyboard, by_hands()), midi((0, ON, 60, 90)))
    assert 0.25 < part_of(separator, "hands").recent["right"][0] < 0.75
    assert separator.counters.uncertain_notes == 1 and separator.uncertain_pitches == (60,)
    silent(separator, midi((0, CORRECTION, CLAIM_LEFT, 0)))
    assert separator.counters.uncertain_notes == 0 and separator.uncertain_pitches == ()
    separator.reset()
    silent(separator, midi((0, ON, 60, 90), (50, OFF, 60, 0)))
    assert separator.counters.uncertain_notes == 1 and separator.uncertain_pitches == (), "the note is over"


# --- corrections ------------------------------------------------------------------------------------------------------


def test_hands_change_places_and_stay_so(keyboard):
    low, high = (45, 48, 50), (70, 72, 74)
    separator = silent(prepared(keyboard, by_hands()), midi(*((i, ON, pitch, 90) for i, pitch in enumerate(low + high))))
    silent(separator, midi((0, CORRECTION, SWAP_HANDS, 0), (1, ON, 52, 90), (2, ON, 69, 90)))
    assert stems_of(separator) == dict.fromkeys((*low, 52), RIGHT) | dict.fromkeys((*high, 69), LEFT)


def test_one_hand_claims_the_keys_that_are_down(keyboard):
    messages = midi((0, CONTROL, 64, 127), (1, ON, 74, 90), (2, OFF, 74, 0), (3, ON, 48, 90), (4, ON, 72, 90))
    separator = silent(prepared(keyboard, by_hands()), messages)
    assert stems_of(separator) == {74: RIGHT, 48: LEFT, 72: RIGHT}
    silent(separator, midi((0, CORRECTION, CLAIM_LEFT, 0), (1, ON, 73, 90)))
    assert stems_of(separator) == {74: RIGHT, 48: LEFT, 72: LEFT, 73: RIGHT}, "notes that only the pedal holds stay"
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
@pytest.mark.parametrize("seeds", [(0,), pytest.param((1, 2, 3, 4), marks=pytest.mark.long)])
def test_the_reference_says_the_same(keyboard, params, seeds):
    """With one random piece; `.ci/full long` tests four others."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        sound, events = band(rng, 20000), two_hands(rng, 20000, 80)
        separators = [kind(with_envelopes(keyboard), by_hands(), {**SMALL, **params})
                      for kind in (Separator, ReferenceSeparator)]
        found = []
        for separator in separators:
            separator.prepare(RATE, 1, 512)
            found.append(play(separator, sound, events, (500,))[0])
        assert separators[0].counters == separators[1].counters
        assert separators[0].counters.revised_notes > 0
        np.testing.assert_allclose(*found, atol=3e-4)
