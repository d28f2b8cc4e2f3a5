"""Which templates are open when: keys, pedals and what rings on after them."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import (
    CONTROL,
    OFF,
    ON,
    PITCHES,
    RATE,
    SMALL,
    WINDOW,
    make_preset,
    midi,
    one_stem,
    prepared,
    process_from,
    random_midi,
    reference_setup,
    two_parts,
)

from rtsep import reference
from rtsep.notes.routing import Routing

HOP = SMALL["hop_samples"]
RELEASE = 441  # samples; not a multiple of the hop
DECAY = 2205
SUSTAIN, SOSTENUTO, SOUND_OFF, RESET, NOTES_OFF = 64, 66, 120, 121, 123


@pytest.fixture(scope="module")
def preset():
    """Short release and decay, so that little sound shows all."""
    return make_preset(release_s=RELEASE / RATE, decay_s=DECAY / RATE)


def gates(preset, events, samples, routing=None):
    """What is open for the frame that ends at each multiple of the hop: {end: {(stem, pitch)}}."""
    separator = prepared(preset, routing or one_stem())
    sound, found = np.zeros((1, samples), np.float32), {}
    for end in range(HOP, samples + 1, HOP):
        process_from(separator, sound, events, end - HOP, end)
        count, state = separator.open_count, separator.prepared.state
        rows = preset.row_pitch[state["open_row"][:count]]
        found[end] = set(zip(state["open_stem"][:count].tolist(), rows.tolist(), strict=True))
        assert count == 2 * len(found[end]), "a pitch opens with all of its rows, once"
    return found


def span(found, pitch, stem=0):
    """First and last frame end at which the pitch is open; it must be open all the time between."""
    open_at = [end for end, pitches in found.items() if (stem, pitch) in pitches]
    assert open_at, f"{pitch} never opened"
    assert open_at == list(range(open_at[0], open_at[-1] + 1, HOP)), f"{pitch} closed in between"
    return open_at[0], open_at[-1]


def last_frame(sample, lasting=WINDOW + RELEASE):
    """End of the last frame before sample + lasting: at that time the gate closes."""
    return -(-(sample + lasting) // HOP) * HOP - HOP


def closes(preset, messages, pitch=60, samples=12000):
    """End of the last frame that has `pitch` open."""
    return span(gates(preset, midi(*messages), samples), pitch)[1]


STILL_OPEN = 12000 // HOP * HOP


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on, off", [(0, 1), (0, 64), (63, 1000), (64, 3000), (100, 3001), (100, 3071), (100, 3072)])
@pytest.mark.parametrize("status, velocity", [(OFF, 0), (OFF, 64), (ON, 0)])
def test_gate_outlasts_the_key_by_window_and_release(preset, on, off, status, velocity):
    found = gates(preset, midi((on, ON, 60, 1), (off, status, 60, velocity)), 6000)
    assert span(found, 60) == (on // HOP * HOP + HOP, last_frame(off))
    assert all(pitches <= {(0, 60)} for pitches in found.values())


def test_held_key_stays_open_beyond_its_decay(preset):
    assert closes(preset, [(0, ON, 60, 90)]) == STILL_OPEN


def test_releases_differ_by_pitch(preset):
    release = preset.release_s.copy()
    release[60], release[72] = 0, 0.1
    events = midi(*((0, ON, pitch, 9) for pitch in (48, 60, 72)), *((999, OFF, pitch, 9) for pitch in (48, 60, 72)))
    found = gates(replace(preset, release_s=release), events, 9000)
    assert span(found, 60)[1] == last_frame(999, WINDOW)
    assert span(found, 48)[1] == last_frame(999)
    assert span(found, 72)[1] == last_frame(999, WINDOW + 4410)


def test_note_off_of_another_key_channel_or_part_is_nothing(preset):
    messages = [(0, ON, 60, 90), (10, OFF, 64, 0), (10, OFF | 1, 60, 0), (10, OFF, 60, 0, 1), (10, OFF, 61, 0)]
    assert closes(preset, messages) == STILL_OPEN


def test_second_note_off_does_not_prolong(preset):
    assert closes(preset, [(0, ON, 60, 90), (100, OFF, 60, 0), (800, OFF, 60, 0)]) == last_frame(100)


def test_overlapping_presses_end_with_the_last_release(preset):
    messages = [(0, ON, 60, 90), (500, ON, 60, 90), (1000, OFF, 60, 0), (4000, OFF, 60, 0)]
    assert closes(preset, messages) == last_frame(4000)


def test_struck_again_while_ringing_on(preset):
    messages = [(0, ON, 60, 90), (100, OFF, 60, 0), (1200, ON, 60, 90), (5000, OFF, 60, 0)]
    assert closes(preset, messages) == last_frame(5000)


def test_same_pitch_on_two_channels_is_two_notes(preset):
    messages = [(0, ON, 60, 90), (0, ON | 5, 60, 90), (100, OFF, 60, 0), (4000, OFF | 5, 60, 0)]
    assert closes(preset, messages) == last_frame(4000)


def test_stem_comes_from_part_channel_and_pitch(preset):
    table = np.full((32, 16, 128), -1, np.int8)
    table[3, 2, 60], table[3, 2, 64], table[31, 15, 60] = 0, 1, 1
    events = midi((0, ON | 2, 60, 9, 3), (0, ON | 2, 64, 9, 3), (0, ON | 15, 60, 9, 31), (0, ON, 60, 9, 3),
                  (0, ON | 2, 67, 9, 3), (0, ON | 2, 60, 9, 2), (0, ON | 2, 60, 9, 32), (0, ON | 2, 60, 9, 255))
    found = gates(preset, events, 64, Routing(("a", "b"), table))
    assert found[64] == {(0, 60), (1, 60), (1, 64)}


@pytest.mark.parametrize("status", [0x00, 0x60, 0x7F, 0xA0, 0xC0, 0xD0, 0xE0, 0xF0, 0xF8, 0xFF])
def test_other_messages_open_nothing(preset, status):
    assert not gates(preset, midi((0, status, 60, 90)), 64)[64]


# --- sustain ----------------------------------------------------------------------------------------------------------


def test_sustain_holds_until_it_is_lifted(preset):
    messages = [(0, CONTROL, SUSTAIN, 127), (10, ON, 60, 90), (100, OFF, 60, 0), (1500, CONTROL, SUSTAIN, 0)]
    assert closes(preset, messages) == last_frame(1500)


def test_sustain_after_the_key_is_up_is_too_late(preset):
    messages = [(0, ON, 60, 90), (100, OFF, 60, 0), (101, CONTROL, SUSTAIN, 127)]
    assert closes(preset, messages) == last_frame(100)


@pytest.mark.parametrize("value, down", [(0, False), (1, False), (63, False), (64, True), (65, True), (127, True)])
@pytest.mark.parametrize("pedal", [SUSTAIN, SOSTENUTO])
def test_pedal_is_down_from_64(preset, pedal, value, down):
    messages = [(0, ON, 60, 90), (50, CONTROL, pedal, value), (100, OFF, 60, 0), (1500, CONTROL, pedal, 0)]
    assert closes(preset, messages) == last_frame(1500 if down else 100)


@pytest.mark.parametrize("pedal", [SUSTAIN, SOSTENUTO])
def test_half_pedalling_below_64_lifts(preset, pedal):
    messages = [(0, ON, 60, 90), (50, CONTROL, pedal, 127), (100, OFF, 60, 0), (1500, CONTROL, pedal, 63)]
    assert closes(preset, messages) == last_frame(1500)


@pytest.mark.parametrize("pedal", [SUSTAIN, SOSTENUTO])
def test_lifting_a_pedal_leaves_pressed_keys(preset, pedal):
    messages = [(0, ON, 60, 90), (50, CONTROL, pedal, 127), (100, CONTROL, pedal, 0), (4000, OFF, 60, 0)]
    assert closes(preset, messages) == last_frame(4000)


@pytest.mark.parametrize("pedal", [SUSTAIN, SOSTENUTO])
def test_pedal_belongs_to_its_part_and_channel(preset, pedal):
    """Two keyboards may play on one channel, each with its own pedal."""
    events = midi((0, ON, 60, 90, 0), (0, ON, 64, 90, 1), (0, ON | 1, 67, 90, 0), (50, CONTROL, pedal, 127, 0),
                  (100, OFF, 60, 0, 0), (100, OFF, 64, 0, 1), (100, OFF | 1, 67, 0, 0),
                  (900, CONTROL, pedal, 0, 1), (950, CONTROL | 1, pedal, 0, 0), (1500, CONTROL, pedal, 0, 0))
    found = gates(preset, events, 6000, two_parts())
    assert span(found, 60, 0)[1] == last_frame(1500)
    assert span(found, 64, 1)[1] == span(found, 67, 0)[1] == last_frame(100)


@pytest.mark.parametrize("pedal", [SUSTAIN, SOSTENUTO])
def test_pedal_held_note_closes_after_its_decay(preset, pedal):
    messages = [(7, ON, 60, 90), (50, CONTROL, pedal, 127), (100, OFF, 60, 0)]
    assert closes(preset, messages) == last_frame(7, WINDOW + DECAY)


def test_lifting_the_pedal_after_the_decay_opens_nothing(preset):
    messages = [(7, ON, 60, 90), (50, CONTROL, SUSTAIN, 127), (100, OFF, 60, 0), (5000, CONTROL, SUSTAIN, 0)]
    assert closes(preset, messages) == last_frame(7, WINDOW + DECAY)


def test_key_held_beyond_the_decay_closes_at_once_in_the_pedal(preset):
    messages = [(0, CONTROL, SUSTAIN, 127), (0, ON, 60, 90), (8000, OFF, 60, 0)]
    assert closes(preset, messages) == last_frame(8000, 1)


def test_struck_again_in_the_pedal_decays_anew(preset):
    messages = [(0, CONTROL, SUSTAIN, 127), (0, ON, 60, 90), (100, OFF, 60, 0), (2000, ON, 60, 90), (2100, OFF, 60, 0)]
    assert closes(preset, messages) == last_frame(2000, WINDOW + DECAY)


def test_struck_again_in_the_pedal_needs_one_note_off(preset):
    messages = [(0, CONTROL, SUSTAIN, 127), (0, ON, 60, 90), (100, OFF, 60, 0), (2000, ON, 60, 90),
                (2500, CONTROL, SUSTAIN, 0), (4000, OFF, 60, 0)]
    assert closes(preset, messages) == last_frame(4000)


# --- sostenuto --------------------------------------------------------------------------------------------------------


def test_sostenuto_holds_only_what_is_held_when_it_goes_down(preset):
    events = midi((0, ON, 60, 90), (0, ON, 48, 90), (20, OFF, 48, 0), (50, CONTROL, SOSTENUTO, 127), (60, ON, 72, 90),
                  (100, OFF, 60, 0), (100, OFF, 72, 0), (1500, CONTROL, SOSTENUTO, 0))
    found = gates(preset, events, 6000)
    assert span(found, 60)[1] == last_frame(1500)
    assert span(found, 48)[1] == last_frame(20) and span(found, 72)[1] == last_frame(100)


def test_sostenuto_does_not_hold_what_the_other_pedal_holds(preset):
    """The key is up when sostenuto goes down, so the note ends with sustain; struck again, likewise."""
    messages = [(0, CONTROL, SUSTAIN, 127), (0, ON, 60, 90), (100, OFF, 60, 0), (200, CONTROL, SOSTENUTO, 127),
                (900, CONTROL, SUSTAIN, 0)]
    assert closes(preset, messages) == last_frame(900)
    assert closes(preset, [*messages, (1000, ON, 60, 90), (1100, OFF, 60, 0)]) == last_frame(1100)


def test_sostenuto_pressed_further_captures_nothing_more(preset):
    events = midi((0, ON, 60, 90), (50, CONTROL, SOSTENUTO, 80), (60, ON, 72, 90), (70, CONTROL, SOSTENUTO, 127),
                  (100, OFF, 60, 0), (100, OFF, 72, 0), (1500, CONTROL, SOSTENUTO, 0))
    found = gates(preset, events, 6000)
    assert span(found, 60)[1] == last_frame(1500) and span(found, 72)[1] == last_frame(100)


def test_captured_key_struck_again_is_still_captured(preset):
    messages = [(0, ON, 60, 90), (50, CONTROL, SOSTENUTO, 127), (100, OFF, 60, 0), (500, ON, 60, 90), (600, OFF, 60, 0),
                (2000, CONTROL, SOSTENUTO, 0)]
    assert closes(preset, messages) == last_frame(2000)


def test_two_pedals_release_with_the_later_one(preset):
    both = [(0, ON, 60, 90), (10, CONTROL, SUSTAIN, 127), (20, CONTROL, SOSTENUTO, 127), (100, OFF, 60, 0)]
    assert closes(preset, [*both, (800, CONTROL, SUSTAIN, 0), (1500, CONTROL, SOSTENUTO, 0)]) == last_frame(1500)
    assert closes(preset, [*both, (800, CONTROL, SOSTENUTO, 0), (1500, CONTROL, SUSTAIN, 0)]) == last_frame(1500)


# --- channel mode messages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [123, 124, 125, 126, 127])
def test_all_notes_off_lifts_every_key_and_respects_the_pedal(preset, number):
    free = [(0, ON, 60, 90), (5, ON, 60, 90), (100, CONTROL, number, 0)]
    assert closes(preset, free) == last_frame(100)
    pedal = [(0, CONTROL, SUSTAIN, 127), *free, (1500, CONTROL, SUSTAIN, 0)]
    assert closes(preset, pedal) == last_frame(1500)
    captured = [(0, ON, 60, 90), (1, CONTROL, SOSTENUTO, 127), (100, CONTROL, number, 0), (1500, CONTROL, SOSTENUTO, 0)]
    assert closes(preset, captured) == last_frame(1500)


@pytest.mark.parametrize("number", [SOUND_OFF, 123, 124, 127])
def test_channel_messages_keep_to_their_part_and_channel(preset, number):
    events = midi((0, ON, 60, 90), (0, ON | 1, 64, 90), (0, ON, 67, 90, 1), (100, CONTROL, number, 0))
    found = gates(preset, events, 6000, two_parts())
    assert span(found, 60)[1] == last_frame(100)
    assert span(found, 64)[1] == span(found, 67, 1)[1] == 6000 // HOP * HOP


def test_reset_controllers_keeps_to_its_part_and_channel(preset):
    events = midi(*((0, CONTROL, SUSTAIN, 127, part) for part in (0, 1)), (0, ON, 60, 90, 0), (0, ON, 64, 90, 1),
                  (50, OFF, 60, 0, 0), (50, OFF, 64, 0, 1), (700, CONTROL, RESET, 0, 1))
    found = gates(preset, events, 6000, two_parts())
    assert span(found, 64, 1)[1] == last_frame(700)
    assert span(found, 60)[1] == last_frame(0, WINDOW + DECAY)


def test_sound_off_does_not_respect_pedals(preset):
    events = midi((0, CONTROL, SUSTAIN, 127), (0, ON, 60, 90), (0, ON, 64, 90), (10, CONTROL, SOSTENUTO, 127),
                  (20, ON, 67, 90), (50, OFF, 64, 0), (100, CONTROL, SOUND_OFF, 0), (1500, OFF, 60, 0))
    found = gates(preset, events, 6000)
    assert [span(found, pitch)[1] for pitch in (60, 64, 67)] == [last_frame(100)] * 3


def test_sound_off_leaves_the_pedal_down(preset):
    messages = [(0, CONTROL, SUSTAIN, 127), (0, ON, 60, 90), (100, CONTROL, SOUND_OFF, 0), (200, ON, 60, 90),
                (300, OFF, 60, 0), (1800, CONTROL, SUSTAIN, 0)]
    assert closes(preset, messages) == last_frame(1800)


def test_sound_off_ends_the_capture(preset):
    """The note that sostenuto held was silenced; striking its key again does not make it a held one."""
    messages = [(0, ON, 60, 90), (10, CONTROL, SOSTENUTO, 127), (100, CONTROL, SOUND_OFF, 0), (200, ON, 60, 90),
                (300, OFF, 60, 0), (1800, CONTROL, SOSTENUTO, 0)]
    assert closes(preset, messages) == last_frame(300)


def test_reset_controllers_lifts_both_pedals_but_no_key(preset):
    events = midi((0, CONTROL, SUSTAIN, 127), (0, ON, 60, 90), (0, ON, 64, 90), (0, ON, 48, 90),
                  (10, CONTROL, SOSTENUTO, 127), (50, OFF, 60, 0), (60, CONTROL, SUSTAIN, 0), (70, OFF, 64, 0),
                  (100, CONTROL, RESET, 0), (200, ON, 72, 90), (300, OFF, 72, 0))
    found = gates(preset, events, 6000)
    assert span(found, 60)[1] == span(found, 64)[1] == last_frame(100)
    assert span(found, 48)[1] == 6000 // HOP * HOP
    assert span(found, 72)[1] == last_frame(300), "the pedals are up from then on"


@pytest.mark.parametrize("number", [0, 1, 7, 63, 65, 67, 119, 122])
def test_other_controllers_are_nothing(preset, number):
    messages = [(0, ON, 60, 90), (50, CONTROL, number, 127), (100, OFF, 60, 0), (150, CONTROL, number, 0)]
    assert closes(preset, messages) == last_frame(100)


# --- one string, two stems --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [False, True])
def test_a_string_struck_again_by_the_other_hand_is_the_others_alone(preset, held):
    """It rings on by the left hand's pedal, or in its release; at 1000 the right hand strikes it."""
    pedal = [(0, CONTROL, SUSTAIN, 127)] if held else []
    events = midi(*pedal, (0, ON, 60, 90), (0, ON, 64, 90), (900, OFF, 60, 0), (900, OFF, 64, 0), (1000, ON, 60, 90, 1))
    found = gates(preset, events, 3 * WINDOW, two_parts())
    assert span(found, 60)[1] == 1000 // HOP * HOP and span(found, 60, 1)[0] == (1000 // HOP + 1) * HOP
    assert span(found, 64)[1] > 1000 + HOP, "other strings ring on"


def test_unisons_and_other_instruments_are_not_taken_over(preset):
    events = midi((0, ON, 60, 90), (500, ON, 60, 90, 1))
    assert {(0, 60), (1, 60)} <= gates(preset, events, 2 * WINDOW, two_parts())[2 * WINDOW], "both keys are down"
    separator = prepared([preset, make_preset(seed=7, release_s=0.1)], two_parts())
    rings = midi((0, ON, 60, 90), (400, OFF, 60, 0), (500, ON, 60, 90, 1))
    process_from(separator, np.zeros((1, WINDOW), np.float32), rings, 0, WINDOW)
    assert separator.prepared.state["open_stem"][: separator.open_count].tolist() == [0, 0, 1, 1]


# --- hi-hats ----------------------------------------------------------------------------------------------------------


def choking(preset, *groups):
    """`preset` with these groups of pitches."""
    choke = np.zeros(128, np.int8)
    for number, pitches in enumerate(groups, 1):
        choke[list(pitches)] = number
    return replace(preset, choke=choke)


def test_a_closing_hihat_ends_the_open_one(preset):
    """Only the window remembers it, without its release; what is of no group or another sounds on."""
    kit = choking(preset, (48, 60), (64, 67))
    found = gates(kit, midi((0, ON, 60, 90), (0, ON, 64, 90), (0, ON, 72, 90), (1500, ON, 48, 90)), 8000)
    assert span(found, 60)[1] == -(-(1500 + WINDOW) // HOP) * HOP - HOP
    assert span(found, 64)[1] == span(found, 72)[1] == span(found, 48)[1] == 8000 // HOP * HOP


def test_it_also_ends_one_that_rings_on(preset):
    kit = choking(preset, (48, 60))
    found = gates(kit, midi((0, ON, 60, 90), (100, OFF, 60, 0), (300, ON, 48, 90)), 4000)
    assert span(found, 60)[1] == -(-(300 + WINDOW) // HOP) * HOP - HOP
    late = gates(kit, midi((0, ON, 60, 90), (100, OFF, 60, 0), (100 + RELEASE, ON, 48, 90)), 4000)
    assert span(late, 60)[1] == last_frame(100), "and never prolongs it"


def test_stems_do_not_choke_each_other(preset):
    kit = choking(preset, (48, 60))
    found = gates(kit, midi((0, ON, 60, 90, 0), (500, ON, 48, 90, 1)), 4000, two_parts())
    assert span(found, 60)[1] == 4000 // HOP * HOP


# --- everything at once -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_gates_are_those_of_the_intervals(seed):
    """Random keys and pedals against notes as intervals, frame by frame; in every third run two pitches choke each other."""
    rng = np.random.default_rng(seed)
    preset = make_preset(release_s=rng.uniform(0, 0.03), decay_s=rng.uniform(0.03, 0.3))
    preset = choking(preset, PITCHES[1:3]) if seed % 3 == 0 else preset
    samples = 30 * 1024
    events = random_midi(rng, 400, samples, PITCHES[:4], parts=3, channels=2)
    separator = prepared(preset, two_parts())
    setup = reference_setup(separator)
    piano = reference.Piano(setup.size, setup.hop, setup.route, setup.rows, setup.release, setup.decay, setup.choke)
    notes = piano.play(events)
    found = gates(preset, events, samples, two_parts())
    for end, pitches in found.items():
        assert pitches == set(reference.open_pitches(notes, end)), end
    lengths = [len(pitches) for pitches in found.values()]
    assert min(lengths) < max(lengths) and len(notes) > 50
