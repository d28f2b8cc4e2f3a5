"""Stage attacks: notes that are told early wait until they are heard."""

import numpy as np
import pytest
from conftest import (
    INSTANT,
    OFF,
    ON,
    PITCHES,
    RATE,
    SMALL,
    assert_sums_to,
    band,
    delayed,
    frame_by_frame,
    midi,
    one_stem,
    play,
    prepared,
    random_midi,
    two_parts,
)
from demo_clip import clip_hands, clip_separator
from engine_state import part_of
from sounds import bursts, sounding

from rtsep.measure import sdr_db
from rtsep.reference.separator import ReferenceSeparator
from rtsep.stages.polyphony import BEGUN

EARLY_MS, EARLY = 20.0, 882
LIVE = {"mode": "live", "latency_samples": 512}
TOLD = {**SMALL, "early_ms": EARLY_MS}


@pytest.fixture(scope="session")
def preset(knowing):
    """A preset that knows how its notes fade."""
    return knowing


def begun(separator, sound, events):
    """For each note that began: how long after it was told, by the first frame after which it no longer waits."""
    found = {}
    for each in frame_by_frame(separator, sound, events):
        voices = part_of(each, "notes").voices
        for voice in voices[(voices["status"] != 0) & (voices["waits"] == BEGUN)]:
            found.setdefault((int(voice["pitch"]), int(voice["onset"])), int(voice["begin"] - voice["onset"]))
    return found


@pytest.mark.parametrize("params, channels", [
    (TOLD, 1), ({**TOLD, "early_ms": 5}, 2), ({**TOLD, **INSTANT}, 1), ({**TOLD, "prediction": 0}, 1),
    ({**TOLD, "late_midi": True}, 1),
])
def test_the_compiled_stage_is_the_reference(preset, rng, params, channels):
    sound, notes = bursts(rng, 14_000, channels), random_midi(rng, 90, 13_000)
    mine = ReferenceSeparator(preset, two_parts(), params)
    mine.prepare(RATE, channels, 14_000)
    compiled = prepared(preset, two_parts(), params, channels)
    np.testing.assert_allclose(play(mine, sound, notes, (777,))[0], play(compiled, sound, notes)[0], atol=5e-5)
    assert mine.counters == compiled.counters


@pytest.mark.parametrize("params", [TOLD, {**TOLD, **INSTANT}])
def test_stems_sum_to_the_input_with_any_blocks(preset, rng, params):
    sound, notes = band(rng, 9000), random_midi(rng, 90, 9000)
    separator = prepared(preset, two_parts(), params)
    stems, _ = play(separator, sound, notes, (4096,))
    assert_sums_to(stems, sound, separator.latency)
    for sizes in ((1, 63, 700), (64,)):
        separator.reset()
        assert np.array_equal(play(separator, sound, notes, sizes)[0], stems)


def test_a_note_that_is_never_heard_begins_when_it_is_due(preset, rng):
    quiet = 1e-3 * band(rng, 9000)
    found = begun(prepared(preset, one_stem(), TOLD), quiet, midi((100, ON, 60, 90), (3000, ON, 67, 90), (6000, OFF, 60, 0)))
    assert found == {(60, 100): EARLY, (67, 3000): EARLY}


def test_a_change_to_notes_in_time_ends_the_waiting(preset, rng):
    separator = prepared(preset, one_stem(), {**TOLD, "early_ms": 500})
    play(separator, band(rng, 1000), midi((100, ON, 60, 90)))
    voice = part_of(separator, "notes").voices[0]
    assert voice["waits"] != BEGUN and separator.exchange(params={"early_ms": 0})
    play(separator, band(rng, 200), None)
    assert part_of(separator, "notes").voices["waits"][0] == BEGUN


@pytest.fixture(scope="module")
def clip():
    """Five seconds of the bundled clip, its true hands, and its notes, told 100 ms before their sound."""
    separator, rate, score = clip_separator({**LIVE, "early_ms": 100})
    samples = 5 * rate
    truths = clip_hands(separator, samples)
    return np.sum(truths, axis=0, dtype=np.float32), truths, score.events(rate, -0.1), rate


def test_notes_of_music_begin_when_they_are_heard(clip):
    sound, _truths, events, rate = clip
    told = events[(events["sample"] > rate) & (events["sample"] < 4 * rate)]
    found = begun(clip_separator({**LIVE, "early_ms": 100})[0], sound, events)
    late = np.array([begin for (_pitch, onset), begin in found.items() if told["sample"][0] <= onset <= told["sample"][-1]])
    heard = late[late != rate // 10]
    assert len(heard) > len(late) / 2 and abs(np.median(heard) / rate - 0.1) < 0.01
    assert np.percentile(np.abs(late / rate - 0.1), 80) < 0.025


def melody(preset, samples=96_000):
    """Notes as their preset expects them, one after the other, float32 [1, sample], and their messages, 50 ms early."""
    sound, messages = np.zeros((1, samples), np.float32), []
    fade = np.minimum(np.linspace(50, 0, 5000, dtype=np.float32), 1)
    for number in range(15):
        pitch, at = PITCHES[7 * number % len(PITCHES)], 3000 + 6000 * number
        sound[:, at : at + 5000] += sounding(preset, pitch, 90, 5000) * fade
        messages += [(at - 2205, ON, pitch, 90), (at + 5000, OFF, pitch, 0)]
    return sound, midi(*messages)


def test_beside_others_early_notes_sound_better_if_they_wait(preset, rng):
    sound, events = melody(preset)
    others = band(rng, sound.shape[1])
    mix = sound + 0.3 * others * np.sqrt((sound**2).mean() / (others**2).mean())
    found = []
    for early_ms in (0, 50):
        separator = prepared(preset, one_stem(), {**SMALL, "early_ms": early_ms})
        found.append(sdr_db(play(separator, mix, events)[0][0], delayed(sound, separator.latency)))
    assert found[1] > found[0] + 2, found
