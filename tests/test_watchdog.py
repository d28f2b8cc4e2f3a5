"""Stage watchdog: if notes are not heard, or a pause follows such notes, what was learnt must be wrong."""

import numpy as np
import pytest
from conftest import OFF, ON, SMALL, midi, one_stem, play, prepared, reference_setup
from engine_state import background_of
from sounds import tone

from rtsep import reference


def wrong_notes(rng, pitch, told, pause):
    """A tone of 3 s with notes of another pitch every half second, then `pause` samples of silence."""
    sound = np.concatenate([tone(rng, pitch, 132_000), np.zeros((1, pause), np.float32)], axis=1)
    beats = range(20_000, 110_000, 22_000)
    return sound, midi(*(message for at in beats for message in ((at, ON, told, 90), (at + 15_000, OFF, told, 0))))


def test_the_background_begins_again_like_the_twin(preset, rng):
    params = {**SMALL, "hop_samples": 128, "background": 4}
    sound, events = wrong_notes(rng, 66, 48, 60_000)
    separator = prepared(preset, one_stem(), params)
    expected = reference.separate(sound, events, reference_setup(separator))
    stems, _ = play(separator, sound, events, (700, 1, 63))
    assert np.abs(stems - expected.stems).max() < 1e-4 * np.abs(sound).max(), "three seconds of learning in float32"
    np.testing.assert_allclose(background_of(separator), expected.background, atol=1e-5)


@pytest.mark.parametrize("told, forgets", [(48, True), (72, False)])
def test_a_pause_after_lost_notes_lets_the_background_begin_again(preset, rng, told, forgets):
    """The background has learnt an instrument whose notes were wrong. After right notes it keeps what it has learnt."""
    separator = prepared(preset, one_stem(), {**SMALL, "hop_samples": 128})
    start = background_of(separator).copy()
    sound, events = wrong_notes(rng, 72 if not forgets else 66, told, 60_000)
    play(separator, sound[:, :132_000], events)
    assert not np.array_equal(background_of(separator), start)
    play(separator, sound[:, 132_000:])
    assert np.array_equal(background_of(separator), start) == forgets
