"""A jump is followed if the sound says so for long enough, and taken back if it was wrong."""

import numpy as np
import pytest

from rtsep.listening.likelihood import Frame
from rtsep.listening.near import Place
from rtsep.listening.rivals import Rivals

FRAME = Frame(*np.zeros((3, 1), np.float32), sounds=True)
SILENCE = FRAME._replace(sounds=False)


class Fixed:
    """Stays at a position, and has the evidence that `evidences` gives for it."""

    def __init__(self, evidences):
        self._evidences, self._at = evidences, 0

    def put(self, first, last):
        self._at = first

    def step(self, frame):
        return Place(self._at, 1.0, 1.0, self._evidences[self._at])


@pytest.fixture
def evidences():
    """Log-evidence of a frame for the player at position 0, and for the rival at 1000."""
    return {0: 0.0, 1000: 0.0}


@pytest.fixture
def rivals(evidences):
    made = Rivals(lambda: Fixed(evidences))
    made.challenge(1000, 1040)
    return made


def places(rivals, frames, frame=FRAME):
    return [rivals.step(frame)[0].position for _ in range(frames)]


def test_a_rival_that_explains_the_sound_better_wins_but_not_at_once(rivals, evidences):
    evidences[1000] = 20.0
    found = places(rivals, 200)
    assert 50 < found.index(1000) < 150 and found[-1] == 1000


def test_a_wrong_jump_is_taken_back(rivals, evidences):
    evidences[1000] = 1.0
    assert places(rivals, 90)[-1] == 1000
    evidences[1000] = -1.0
    assert places(rivals, 300)[-1] == 0


@pytest.mark.parametrize("evidence, frames", [(-5.0, 20), (0.0, 450)])
def test_a_rival_that_is_behind_or_no_better_is_given_up(rivals, evidences, evidence, frames):
    evidences[1000] = evidence
    assert set(places(rivals, frames)) == {0} and rivals.alone


def test_silence_decides_nothing(rivals, evidences):
    evidences[1000] = 20.0
    assert set(places(rivals, 300, SILENCE)) == {0} and not rivals.alone


def test_a_rival_that_comes_to_the_same_place_is_given_up(rivals, evidences):
    evidences[20] = 10.0
    rivals.challenge(20, 60)
    assert places(rivals, 1) == [0] and rivals.alone
