"""The tools that build the presets, tested without sounds: which notes are rendered, and how long a drum rings."""

import sys
from pathlib import Path

import mido
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from build_presets import let_ring, ringing_s
from laboratory.isolated_notes import midi_track, note_list
from laboratory.shipped import CC0_KIT, GM_KIT, INSTRUMENTS

from rtsep.training.isolated import Notes, train

RATE = 44100


def test_every_pitch_at_every_velocity_and_no_two_at_once():
    for sound in {sound for instrument in INSTRUMENTS for sound in instrument.sounds}:
        notes = note_list(sound)
        expected = len(sound.pitches) * len(sound.velocities) if not sound.samples else sum(len(s) for _, s in sound.samples)
        assert len(notes) == expected and set(notes["pitch"]) == set(sound.pitches)
        assert (notes["onset_s"][1:] - notes["offset_s"][:-1] > 0.4).all() and (notes["velocity"] > 0).all()


def test_sounds_have_names_of_their_own():
    sounds = {sound for instrument in INSTRUMENTS for sound in instrument.sounds}
    assert len({(sound.name, sound.stages) for sound in sounds}) == len(sounds)


def test_hits_are_of_drums_that_the_other_kit_has_too():
    assert set(CC0_KIT.pitches) < set(GM_KIT.pitches)


def test_the_midi_track_plays_the_notes():
    notes = note_list(GM_KIT)[:3]
    track = midi_track(notes, 8, 9)
    now_s, struck = 0.0, []
    for message in track:
        now_s += mido.tick2second(message.time, 500, 500_000)
        if message.type == "note_on" and message.velocity:
            struck.append((round(now_s, 3), message.note, message.velocity, message.channel))
    assert struck == [(note["onset_s"], note["pitch"], note["velocity"], 9) for note in notes]
    assert any(message.type == "program_change" and message.program == 8 for message in track)


def test_a_drum_rings_until_it_has_faded():
    t = np.arange(RATE) / RATE
    hits = [np.random.default_rng(1).normal(size=RATE) * 10 ** (-40 / 20 * t / length) for length in (0.2, 0.5)]
    audio = np.concatenate([*hits, np.zeros(2 * RATE)]).astype(np.float32)
    rings = ringing_s(audio, RATE, np.array([0.0, 1.0, 2.5]), 1.0)
    np.testing.assert_allclose(rings, [0.2, 0.5, 0.0], atol=0.06)
    notes = np.array([(0.0, 0.2, 36, 90), (1.0, 1.5, 36, 90)], note_list(GM_KIT).dtype)
    learnt = train(Notes(audio, RATE, notes["onset_s"], notes["offset_s"], notes["pitch"].astype(np.int64)))
    release = let_ring(learnt, notes).release_s
    assert np.isclose(release[36], 0.5) and np.count_nonzero(release) == 1
