"""MIDI files: keys and pedals, and the times of their notes."""

import random
from functools import partial

import numpy as np
import pytest
from midi_bytes import END, TICKS, control, off, on, one_note, read_bytes, smf, spans, track


@pytest.fixture
def read(tmp_path):
    """A function from a file's bytes to its Score."""
    return partial(read_bytes, tmp_path / "file.mid")


def test_a_note_never_switched_off_ends_with_the_file(read):
    score = read(
        smf(track((0, on(60)), (0, control(64, 127)), (0, control(66, 127)), (TICKS, on(62)), (3 * TICKS, END[1])))
    )
    assert spans(score) == [(60, 0, 2), (62, 0.5, 2)]
    assert score.duration_s == 2
    assert score.messages[4:, 1:].tolist() == [[0x80, 60, 0], [0x80, 62, 0], [0xB0, 64, 0], [0xB0, 66, 0]]


def test_a_key_struck_twice_makes_two_notes_and_the_last_release_ends_it(read):
    score = read(
        smf(track((0, on(60)), (TICKS, on(60)), (TICKS, off(60)), (TICKS, off(60)), (TICKS, on(60)), (9, off(60)), END))
    )
    assert spans(score)[:2] == [(60, 0, 0.5), (60, 0.5, 1.5)]
    assert spans(score)[2][1] == 2


def test_a_release_of_a_silent_key_is_nothing(read):
    assert spans(
        read(smf(track((0, off(60)), (0, on(61, 0)), (0, on(62)), (TICKS, off(60)), (TICKS, off(62)), END)))
    ) == [(62, 0, 1)]


@pytest.mark.parametrize("value", [64, 127])
def test_the_pedal_holds_what_the_finger_leaves(read, value):
    score = read(smf(track((0, on(60)), (0, control(64, value)), (TICKS, off(60)), (TICKS, control(64, 63)), END)))
    assert spans(score) == [(60, 0, 1)]


def test_a_half_pressed_pedal_holds_nothing(read):
    score = read(smf(track((0, on(60)), (0, control(64, 63)), (TICKS, off(60)), (TICKS, control(64, 0)), END)))
    assert spans(score) == [(60, 0, 0.5)]


def test_sostenuto_holds_only_the_keys_that_were_down(read):
    events = [(0, on(60)), (0, control(66, 127)), (0, on(64)), (0, control(66, 100)), (TICKS, off(60)), (0, off(64))]
    assert spans(read(smf(track(*events, (TICKS, control(66, 0)), END)))) == [(60, 0, 1), (64, 0, 0.5)]


@pytest.mark.parametrize(
    ("number", "ends"), [(120, (0.5, 0.5)), (121, (1.5, 0.5)), (123, (1, 1)), (124, (1, 1)), (127, (1, 1))]
)
def test_channel_mode_messages(read, number, ends):
    """The finger holds 60 until 1.5 s, and the pedal holds 62 until 1 s. The message comes at 0.5 s."""
    events = [(0, on(60)), (0, on(62)), (0, control(64, 127)), (9, off(62)), (TICKS - 9, control(number, 0))]
    score = read(smf(track(*events, (TICKS, control(64, 0)), (TICKS, off(60)), END)))
    assert [end for _, _, end in spans(score)] == list(ends)


def test_other_channels_are_other_keyboards(read):
    score = read(
        smf(
            track(
                (0, on(60)),
                (0, on(60, channel=1)),
                (0, control(64, 127, 1)),
                (TICKS, off(60, 1)),
                (0, off(60)),
                (TICKS, END[1]),
            )
        )
    )
    assert [(note["channel"], note["offset_s"]) for note in score.notes()] == [(0, 0.5), (1, 1)]


def test_a_pedal_in_a_track_of_its_own_holds_every_part_of_its_channel(read):
    pedal = track((0, control(64, 127)), (2 * TICKS, control(64, 0)), END)
    score = read(smf(pedal, one_note(60), one_note(62), one_note(64, channel=1)))
    assert spans(score) == [(60, 0, 1), (62, 0, 1), (64, 0, 0.5)]
    assert set(score.messages[:, 0]) == {0, 1, 2}


def test_a_pedal_in_one_hands_track_holds_the_other_hand(read):
    left = track((0, control(64, 127)), (0, on(40)), (TICKS, off(40)), (TICKS, control(64, 0)), END)
    assert spans(read(smf(one_note(70), left))) == [(70, 0, 1), (40, 0, 1)]


def test_a_part_with_its_own_pedal_keeps_to_it(read):
    left = track((0, control(64, 127)), (0, on(40)), (TICKS, off(40)), (TICKS, control(64, 0)), END)
    right = track((0, control(64, 0)), (0, on(70)), (TICKS, off(70)), END)
    assert spans(read(smf(right, left))) == [(70, 0, 0.5), (40, 0, 1)]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_hangs_whatever_was_played(read, seed):
    rng = random.Random(seed)
    events = []
    for _ in range(300):
        pitch, channel = rng.randrange(60, 66), rng.randrange(3)
        numbers = rng.choice((64, 64, 66, 120, 121, 123))
        message = rng.choice(
            (on(pitch, rng.randrange(128), channel), off(pitch, channel), control(numbers, rng.randrange(128), channel))
        )
        events.append((rng.randrange(50), message))
    score = read(smf(track(*events, END), track(*events[::2], END)))
    notes = score.notes()
    assert len(notes) == score.note_count > 0
    assert np.all(notes["onset_s"] <= notes["offset_s"]) and np.all(notes["offset_s"] <= score.duration_s)
    assert np.all(np.diff(score.seconds) >= 0) and np.all(np.diff(notes["onset_s"]) >= 0)
    for channel in range(3):  # a key has only one string
        for part in range(2):
            for pitch in range(60, 66):
                same = notes[(notes["pitch"] == pitch) & (notes["part"] == part) & (notes["channel"] == channel)]
                assert np.all(same["offset_s"][:-1] <= same["onset_s"][1:])
    down = set()
    for part, status, pitch, velocity in score.messages.tolist():
        key = (part, status & 15, pitch)
        if status & 0xF0 == 0x90 and velocity:
            down.add(key)
        elif status & 0xF0 in (0x80, 0x90):
            down.discard(key)
        elif pitch in (120, 123):
            down = {other for other in down if other[:2] != key[:2]}
    assert not down
