"""Stage accompaniment: others play if something sounds between the combs of the notes that are told."""

import numpy as np
import pytest
from conftest import ON, RATE, SMALL, make_preset, midi, one_stem, play, prepared, reference_setup, two_parts
from engine_state import part_of, plan_of

from rtsep.reference import Stream
from rtsep.stages.accompaniment import MOST_PARTIALS, PRIOR_S, UNSEEN, combs

FINE = {"window_samples": 4096, "latency_samples": 1024, "hop_samples": 256, "background": 3}
TOLD = (60, 67)
PLAYED = midi(*((0, ON, pitch, 90) for pitch in TOLD))
# After one visible second without others, this share of their assumed probability is left.
POSSIBLE = UNSEEN * PRIOR_S / (PRIOR_S + 0.9) + 0.02


def notes(rng, seconds, *pitches):
    """Notes of 20 partials with random strengths, of a string as stiff as a piano's: float32 [1, sample]."""
    time, sound = np.arange(round(seconds * RATE)) / RATE, 0.0
    for pitch in pitches:
        for m in range(1, 21):
            hz = m * 440 * 2 ** ((pitch - 69) / 12) * np.sqrt(1 + 3e-4 * m**2)
            sound = sound + rng.uniform(0.1, 1) * np.sin(2 * np.pi * hz * time + rng.uniform(0, 6)) * (hz < RATE / 2)
    return (0.05 * sound)[None].astype(np.float32)


def noise(rng, seconds, level):
    return (level * rng.standard_normal((1, round(seconds * RATE)))).astype(np.float32)


def listener(preset=None, params=None, routing=None):
    return prepared(preset or make_preset(window=4096), routing or one_stem(), {**FINE, **(params or {})})


def found(separator):
    """How surely others play: by the evidence, and in all."""
    part = part_of(separator, "accompaniment")
    return float(part.seen[0]), float(part.others[0])


@pytest.mark.parametrize("seed", range(3))
def test_notes_of_any_timbre_lie_on_their_combs(seed):
    """It does not matter that their preset is for another instrument."""
    separator = listener()
    play(separator, notes(np.random.default_rng(seed), 3, *TOLD), PLAYED)
    seen, others = found(separator)
    assert seen < 0.1 and others < POSSIBLE


def test_an_untold_note_is_found_within_two_seconds_and_remembered(rng):
    separator, told = listener(), notes(rng, 8, *TOLD)
    play(separator, told[:, : 3 * 44100], PLAYED)
    untold = notes(rng, 2, 63)
    play(separator, told[:, : untold.shape[1]] + untold)
    assert found(separator)[1] > 0.9
    play(separator, told[:, : 3 * 44100])
    assert found(separator)[1] > 0.7, "others who were seen are not forgotten at once"


def test_faint_others_are_found_too(rng):
    """Each is 7 dB fainter than the notes."""
    separator = listener()
    play(separator, notes(rng, 3, *TOLD) + 0.6 * notes(rng, 3, 63), PLAYED)
    assert found(separator)[1] > 0.8


def test_silence_and_faint_noise_before_the_music_do_not_count(rng):
    separator = listener()
    play(separator, np.concatenate([np.zeros((1, 44100), np.float32), noise(rng, 2, 1e-4)], axis=1))
    assert found(separator)[0] > 0.9, "as long as nothing else sounds, the noise counts as others"
    play(separator, notes(rng, 3, *TOLD), PLAYED)
    seen, others = found(separator)
    assert seen < 0.1 and others < POSSIBLE


def test_faint_noise_after_the_music_hardly_counts(rng):
    separator = listener()
    play(separator, notes(rng, 3, *TOLD), PLAYED)
    before = found(separator)[0]
    play(separator, noise(rng, 0.5, 2e-4))
    assert found(separator)[0] < before + 0.2


def test_without_gates_others_are_always_thought_possible(rng):
    separator = listener(params={"gate": False})
    play(separator, notes(rng, 3, *TOLD))
    assert found(separator) == (0, 1)


def test_beside_drums_others_are_thought_possible(rng, staged):
    """Drums sound at all frequencies: while they ring, no evidence can be seen."""
    separator = prepared(staged, one_stem(), SMALL)
    strokes = midi(*((at, ON, 60, 90) for at in range(0, 3 * 44100, 9000)))
    play(separator, noise(rng, 3, 0.1), strokes)
    assert plan_of(separator).unseen == 1 and found(separator)[1] > 0.95


def test_where_combs_leave_no_room_nothing_is_seen(rng):
    """Low notes of all pitches have partials everywhere."""
    pitches = range(36, 60)
    separator = listener(make_preset(pitches, window=4096))
    play(separator, noise(rng, 3, 0.1), midi(*((0, ON, pitch, 90) for pitch in pitches)))
    assert found(separator) == (0, pytest.approx(UNSEEN, abs=0.01))


def test_the_sound_of_a_lead_in_counts_as_others(rng):
    separator = listener(params={"learn_background_s": 2})
    play(separator, notes(rng, 1.5, 63))
    assert found(separator)[1] > 0.9


def test_combs_are_where_partials_are():
    size, width = 4096, RATE / 4096
    comb = combs(RATE, size, 100.0, size // 2 + 1)
    hz = 440 * 2 ** (-8 / 12)  # a semitone above pitch 60
    for m in range(1, MOST_PARTIALS + 1):
        assert comb[60, round(m * hz / width)]
        assert comb[60, min(round(m * hz * (1 + 1.5e-4 * m**2) / width), size // 2)], "partials of a stiff string are stretched"
    assert not comb[60, round(1.5 * hz / width)] and not comb[60, round(0.5 * hz / width)] and not comb[60, 0]
    assert not comb[72, round(hz / width)], "a comb has no partial an octave below its note"


@pytest.mark.parametrize("routing, untold", [(one_stem(), ()), (two_parts(), (63,))])
def test_it_agrees_with_the_numpy_twin(rng, routing, untold):
    separator = listener(routing=routing)
    sound = notes(rng, 0.7, *TOLD) * np.linspace(0.1, 1, round(0.7 * RATE), dtype=np.float32)
    sound += notes(rng, 0.7, *untold) if untold else 0
    events = midi((0, ON, 60, 90, 0), (10_000, ON, 67, 90, 0), (12_000, 0x80, 60, 0, 0))
    stream = Stream(reference_setup(separator), 1)
    stream.hear(np.asarray(sound, float), events)
    play(separator, sound, events)
    twin = stream.stages.accompaniment
    assert found(separator) == (pytest.approx(twin.seen, abs=1e-4), pytest.approx(twin.others, abs=1e-4))
    assert part_of(separator, "accompaniment").loudest[0] == pytest.approx(twin.loudest, rel=1e-5)
