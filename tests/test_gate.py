"""Stage gate: when which templates are open, with keys, strings that two hands share, hi-hats, and all of them at once."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import (
    CONTROL,
    OFF,
    ON,
    PITCHES,
    WINDOW,
    make_preset,
    midi,
    open_rows,
    prepared,
    process_from,
    random_midi,
    reference_setup,
    two_parts,
)
from gates import HOP, RELEASE, STILL_OPEN, SUSTAIN, closes, gates, last_frame, short_notes, span

from rtsep import reference
from rtsep.notes.routing import Routing


@pytest.fixture(scope="module")
def preset():
    """Short release and decay, so that short sounds suffice."""
    return short_notes()


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


# --- one string, two stems --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [False, True])
def test_a_string_struck_again_by_the_other_hand_is_the_others_alone(preset, held):
    """The string rings in the left hand's pedal, or in its release. At sample 1000 the right hand strikes it."""
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
    assert [stem for stem, _ in open_rows(separator)] == [0, 0, 1, 1]


# --- hi-hats ----------------------------------------------------------------------------------------------------------


def choking(preset, *groups):
    """`preset` with these choke groups of pitches."""
    choke = np.zeros(128, np.int8)
    for number, pitches in enumerate(groups, 1):
        choke[list(pitches)] = number
    return replace(preset, choke=choke)


def test_a_closing_hihat_ends_the_open_one(preset):
    """It stays open only for the window, not for its release. Pitches of other groups or of none sound on."""
    kit = choking(preset, (48, 60), (64, 67))
    found = gates(kit, midi((0, ON, 60, 90), (0, ON, 64, 90), (0, ON, 72, 90), (1500, ON, 48, 90)), 8000)
    assert span(found, 60)[1] == -(-(1500 + WINDOW) // HOP) * HOP - HOP
    assert span(found, 64)[1] == span(found, 72)[1] == span(found, 48)[1] == 8000 // HOP * HOP


def test_it_also_ends_an_open_one_that_rings_on(preset):
    kit = choking(preset, (48, 60))
    found = gates(kit, midi((0, ON, 60, 90), (100, OFF, 60, 0), (300, ON, 48, 90)), 4000)
    assert span(found, 60)[1] == -(-(300 + WINDOW) // HOP) * HOP - HOP
    late = gates(kit, midi((0, ON, 60, 90), (100, OFF, 60, 0), (100 + RELEASE, ON, 48, 90)), 4000)
    assert span(late, 60)[1] == last_frame(100), "it never prolongs the other"


def test_stems_do_not_choke_each_other(preset):
    kit = choking(preset, (48, 60))
    found = gates(kit, midi((0, ON, 60, 90, 0), (500, ON, 48, 90, 1)), 4000, two_parts())
    assert span(found, 60)[1] == 4000 // HOP * HOP


# --- everything at once -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_gates_are_those_of_the_intervals(seed):
    """For random keys and pedals, the gates are those of the notes' intervals, frame by frame.

    In every third run two pitches choke each other.
    """
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
