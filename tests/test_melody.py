"""Stage melody: the notes of the voice's stem limit the pitch that is sought."""

import numpy as np
import pytest
from engine_state import kernel_memory, on_records

from rtsep.notes.routing import everything, with_voice
from rtsep.reference.melody import Melody
from rtsep.stages import melody
from rtsep.stages.melody import CHANGES, REST

MELODY_PART = 1


@on_records
def receive(plan, state, sample, part, status, data1, data2):
    """Was the message a note of the melody?"""
    return melody.receive(plan.melody, state.melody, sample, part, status, data1, data2, 0)


@on_records
def step(plan, state, end):
    """Fill the range of the frame."""
    melody.step(plan.melody, state.melody, end)


class Line:
    """The stage with its memory; notes of part 1 are the melody."""

    def __init__(self):
        routing = with_voice(everything("piano"), "voice")
        routing.table[MELODY_PART] = routing.voice
        self.plan, self.state = kernel_memory(routing=routing)

    def press(self, sample, pitch, part=MELODY_PART):
        return receive(self.plan, self.state, sample, part, 0x90, pitch, 90)

    def lift(self, sample, pitch, part=MELODY_PART):
        return receive(self.plan, self.state, sample, part, 0x80, pitch, 0)

    def told_hz(self, end):
        step(self.plan, self.state, end)
        return float(self.state.told_low_hz[0]), float(self.state.told_high_hz[0])


@pytest.fixture
def line():
    return Line()


def hz(pitch):
    return 440 * 2 ** ((pitch - 69) / 12)


def test_it_agrees_with_the_plain_twin(line, rng):
    twin = Melody(int(line.plan.melody_middle), int(line.plan.melody_loose))
    sample = 0
    for _ in range(300):
        sample += int(rng.integers(1, 9000))
        pitch, down = int(rng.integers(55, 70)), rng.random() < 0.6
        (line.press if down else line.lift)(sample, pitch)
        (twin.press if down else twin.lift)(sample, pitch)
        end = sample + int(rng.integers(0, 9000))
        assert line.told_hz(end) == pytest.approx(twin.told_hz(end), rel=1e-5)


def test_a_held_note_is_told_until_it_is_long_gone(line):
    late = int(line.plan.melody_middle + line.plan.melody_loose)
    assert line.told_hz(0) == (REST, REST)
    line.press(1000, 69)
    assert line.told_hz(50_000) == pytest.approx((440, 440), rel=1e-5)
    line.lift(60_000, 69)
    assert line.told_hz(60_000 + late - 1)[0] == pytest.approx(440, rel=1e-5)
    assert line.told_hz(60_000 + late + 1) == (REST, REST)


def test_a_change_of_notes_leaves_both_and_what_is_between(line):
    line.press(0, 60)
    line.press(44_100, 67)
    line.lift(44_200, 60)  # The first key goes up late: the second note goes on.
    middle = int(line.plan.melody_middle)
    assert line.told_hz(44_100 + middle) == pytest.approx((hz(60), hz(67)), rel=1e-5)
    assert line.told_hz(88_200) == pytest.approx((hz(67), hz(67)), rel=1e-5)


def test_notes_of_other_stems_are_left_to_them(line):
    assert not line.press(0, 60, part=0) and not line.lift(9, 60, part=0)
    assert line.press(10, 62) and line.lift(20, 62)
    assert line.state.melody_changes[0] == 2


def test_any_number_of_notes_is_taken(line):
    for n in range(3 * CHANGES):
        line.press(n * 10_000, 50 + n % 12)
    assert line.told_hz(3 * CHANGES * 10_000) == pytest.approx((hz(61), hz(61)), rel=1e-5)


def test_without_a_melody_nothing_is_told():
    plan, state = kernel_memory()
    assert not receive(plan, state, 0, MELODY_PART, 0x90, 60, 90)
    state.told_low_hz[0] = 7
    step(plan, state, 50_000)
    assert state.told_low_hz[0] == 7 and np.all(state.melody_at == 0)
