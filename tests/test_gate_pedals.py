"""Stage gate: sustain and sostenuto pedals, and the messages that concern a whole channel."""

import pytest
from conftest import CONTROL, OFF, ON, WINDOW, midi, two_parts
from gates import DECAY, HOP, RESET, SOSTENUTO, SOUND_OFF, SUSTAIN, closes, gates, last_frame, short_notes, span


@pytest.fixture(scope="module")
def preset():
    """Short release and decay, so that short sounds suffice."""
    return short_notes()


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
    """Two keyboards can play on one channel, each with its own pedal."""
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


def test_struck_again_in_the_pedal_decays_again(preset):
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
    """The key is up when sostenuto goes down, so the note ends with sustain. So does a note that is struck again."""
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
    """The note that sostenuto held was silenced. Sostenuto does not hold the next note of its key."""
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
def test_other_controllers_do_nothing(preset, number):
    messages = [(0, ON, 60, 90), (50, CONTROL, number, 127), (100, OFF, 60, 0), (150, CONTROL, number, 0)]
    assert closes(preset, messages) == last_frame(100)
