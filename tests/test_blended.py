"""Presets blended from the sounds of several makers, and presets that leave one maker out."""

import sys
from pathlib import Path

import numpy as np
from conftest import harmonic_row

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from laboratory import songs, without
from laboratory.blended import ATTACK, LEAST, SHARE, SUSTAIN, blend
from laboratory.shipped import FLUIDR3, INSTRUMENTS, TONEJS

from rtsep.training.isolated import Templates
from rtsep.windows import choose_framing

RATE = 44100
FRAMING = choose_framing("live", RATE)


def maker(pitches, seed):
    """Templates of harmonic notes with partials of random strength."""
    rng = np.random.default_rng(seed)
    rows = np.array([harmonic_row(rng, pitch, RATE, FRAMING.window_size) for pitch in pitches for _ in range(2)], np.float32)
    times = np.where(np.isin(np.arange(128), pitches), 0.5, 0).astype(np.float32)
    return Templates(RATE, FRAMING, rows / rows.sum(axis=1, keepdims=True), np.repeat(np.array(pitches, np.int16), 2),
                     (ATTACK, SUSTAIN) * len(pitches), times, times, np.zeros(1), 1)


def partials(row, pitch):
    """The strengths of a row's first ten partials, with sum 1."""
    at = np.arange(1, 11) * 440 * 2 ** ((pitch - 69) / 12) * FRAMING.window_size / RATE
    levels = np.interp(at, np.arange(len(row)), row)
    return levels / levels.sum()


def test_a_pitch_has_one_attack_and_a_sustain_for_each_maker_that_has_it():
    found = blend([maker([60, 61, 63], 1), maker([61, 62, 63, 64], 2)])
    np.testing.assert_allclose(found.W.sum(axis=1), 1, atol=1e-5)
    assert np.bincount(found.row_pitch)[60:].tolist() == [2, 3, 3, 3, 2]  # the first maker has no 62: the gap is filled
    assert np.array(found.row_role)[found.row_pitch == 62].tolist() == [ATTACK, SUSTAIN, SUSTAIN]
    assert (found.release_s[60:65] == 0.5).all()


def test_kin_have_a_share_of_the_sustains_and_are_all_there_is_without_makers():
    makers, kin = [maker([60, 61], 1)], [maker(range(58, 66), seed) for seed in (2, 3)]
    found, own, plain = blend(makers, kin), blend(makers), blend([], kin)
    assert np.bincount(found.row_pitch)[60:].tolist() == [2, 2] and np.bincount(plain.row_pitch)[58:].tolist() == [2] * 8
    np.testing.assert_array_equal(found.W[0], own.W[0])
    of_61 = (plain.row_pitch == 61) & (np.array(plain.row_role) == SUSTAIN)
    expected = (own.W[3] + LEAST) ** (1 - SHARE) * (plain.W[of_61][0] + LEAST) ** SHARE
    np.testing.assert_allclose(found.W[3], expected / expected.sum(), atol=1e-6)


def test_what_one_note_alone_has_is_not_kept():
    """The mean over neighbouring notes is nearer to the whole instrument than one note is."""
    pitches = range(60, 75)
    given, typical = maker(pitches, 4), np.mean([1 / np.arange(1, 11)], axis=0)
    found, typical = blend([given]), typical / typical.sum()
    for pitch in (64, 67, 70):
        before, after = (each.W[(each.row_pitch == pitch) & (np.array(each.row_role) == SUSTAIN)][0] for each in (given, found))
        assert np.abs(partials(after, pitch) - typical).sum() < 0.6 * np.abs(partials(before, pitch) - typical).sum()


def test_without_a_collection_an_instrument_has_the_others():
    violin = next(each for each in INSTRUMENTS if each.name == "violin")
    assert violin.collections == {"fluidr3", "tonejs"}
    assert [sound.collection for sound in violin.without("fluidr3").sounds] == [TONEJS]
    assert [sound.collection for sound in violin.without("tonejs").sounds] == [FLUIDR3]
    assert violin.without("tonejs").provenance["licence"] == "MIT"


def test_a_program_has_an_instrument_that_needs_no_collection():
    assert without.instrument_of(40).name == "violin" and without.instrument_of(68, "fluidr3").name == "oboe"


def test_every_stem_of_the_songs_has_a_preset_that_has_not_heard_it():
    for stem in (stem for song in songs.SONGS for stem in song.stems):
        collection = without.MAKERS[stem.maker].collection.name
        assert collection not in without.instrument_of(stem.program, collection).without(collection).collections
