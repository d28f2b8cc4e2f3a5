"""The development set: how notes are performed and samples are played, who plays what, rooms, and wrong times of notes."""

import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from laboratory import (  # noqa: E402
    company,
    conditions,
    hardships,
    makers,
    performance,
    pieces,
    rooms,
    sampled,
    scores,
    songs,
    unheard,
    without,
)
from laboratory.sources import NOTE  # noqa: E402

RATE = 44100
SCALE = np.array([(beat, 1, 60 + beat % 12) for beat in range(32)], scores.BEAT)
CHORDS = np.array([(2 * bar, 2, pitch) for bar in range(8) for pitch in (48, 52, 55)], scores.BEAT)


@pytest.fixture(scope="module")
def clip():
    return pieces.excerpt(pieces.load_piece(pieces.DEMO, "demo"), 6.0)


def rng(seed=1):
    return np.random.default_rng(seed)


def sine(hertz, seconds):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


# --- performance ------------------------------------------------------------------------------------------------------


def test_the_tempo_drifts_and_stays_near_what_was_asked_for():
    lengths = np.diff(performance.drifting(64, 90, rng()).seconds) * 8 * 90 / 60
    assert 1 / 1.051 < lengths.min() < 0.995 and 1.005 < lengths.max() < 1.053


def test_onsets_are_near_the_beat_and_another_seed_is_another_performance():
    tempo = performance.drifting(32, 90, rng())
    first, again, other = (performance.perform(SCALE, tempo, rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first["onset_s"], other["onset_s"])
    away = first["onset_s"] - tempo.at(SCALE["beat"])
    assert away[1:].std() > 0.003 and np.abs(away).max() <= 2 * performance.JITTER_S + 0.001
    assert len(set(first["velocity"].tolist())) > 8 and first["velocity"].max() <= performance.HIGHEST_VELOCITY
    assert np.allclose(first["onset_s"] * 1000, np.round(first["onset_s"] * 1000))


def test_chords_spread_upwards():
    notes = performance.perform(CHORDS, performance.drifting(32, 90, rng()), rng())
    steps = np.diff(notes["onset_s"].reshape(-1, 3), axis=1)
    assert np.array_equal(notes["pitch"].reshape(-1, 3), CHORDS["pitch"].reshape(-1, 3))
    assert steps.min() >= 0 and 0 < steps.max() <= performance.SPREAD_S + 0.001


def test_a_bound_voice_overlaps_within_phrases_and_breathes_between_them():
    notes = performance.perform(SCALE, performance.drifting(32, 90, rng()), rng(), bound=True)
    overlap = notes["offset_s"][:-1] - notes["onset_s"][1:]
    ends = np.arange(1, 32) % performance.PHRASE_BEATS == 0
    assert np.allclose(overlap[~ends], performance.OVERLAP_S, atol=0.0011) and overlap[ends].max() < -0.03


def test_a_key_is_let_go_before_it_is_struck_again():
    same = SCALE.copy()
    same["pitch"] = 60
    notes = performance.perform(same, performance.drifting(32, 90, rng()), rng(), bound=True)
    assert (notes["offset_s"][:-1] < notes["onset_s"][1:]).all() and (notes["offset_s"] > notes["onset_s"]).all()


def test_the_pedal_is_up_when_the_harmony_changes():
    tempo = performance.drifting(32, 90, rng())
    spans = performance.pedals(np.arange(0, 32, 2), tempo)
    assert len(spans) == 15 and all(down < up for down, up in spans)
    assert all(up < down for (_, up), (down, _) in pairwise(spans))


# --- scores -----------------------------------------------------------------------------------------------------------


def test_parts_are_brought_into_a_range_by_octaves():
    moved = scores.within(SCALE, 72, 83)
    assert np.array_equal(moved["pitch"], SCALE["pitch"] + 12)
    narrow = scores.within(SCALE, 64, 76)
    assert narrow["pitch"].min() >= 64 and narrow["pitch"].max() <= 76 and set((narrow["pitch"] - SCALE["pitch"]) % 12) == {0}


def test_one_voice_is_the_highest_and_ends_with_the_next():
    voice = scores.one_voice(np.sort(np.concatenate([CHORDS, np.array([(1, 4, 70)], scores.BEAT)]), order=("beat", "pitch")))
    assert voice["pitch"].tolist()[:3] == [55, 70, 55] and voice["beats"].tolist()[:2] == [1, 1]


def test_the_dense_place_has_notes_of_every_part():
    late = SCALE[SCALE["beat"] >= 16]
    assert scores.dense_place([SCALE, late], 8) >= 16
    inside = scores.section(SCALE, 16, 8)
    assert inside["beat"].tolist() == list(range(8)) and (inside["beat"] + inside["beats"] <= 8).all()


def test_chords_are_broken_and_have_a_bass():
    broken, bass = scores.broken_chords(CHORDS[:3]), scores.bass_line(CHORDS[:3])
    assert broken["pitch"].tolist() == [48, 52, 55, 52] and bass["pitch"].tolist() == [48, 55]


# --- sampler ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def trumpet(tmp_path, monkeypatch):
    """A trumpet of two samples of one second; the name of one of them is an octave too low."""
    folder = tmp_path / "tonejs" / "trumpet"
    folder.mkdir(parents=True)
    for name, hertz in (("C3", 261.63), ("A4", 440.0)):
        sound = np.concatenate([np.zeros(3000, np.float32), sine(hertz, 1.0)])
        soundfile.write(folder / f"{name}.mp3", sound, RATE, format="WAV")
    monkeypatch.setattr(sampled, "BUILD", tmp_path)
    for cached in (sampled.samples_of, sampled.pitched):
        cached.cache_clear()
    yield sampled.INSTRUMENTS["trumpet"]
    for cached in (sampled.samples_of, sampled.pitched):
        cached.cache_clear()


def test_samples_are_played_in_pitch_in_time_and_as_long_as_they_are_held(trumpet):
    assert sorted(sampled.samples_of("trumpet")) == [60, 69]
    sound = sampled.play(np.array([(0.5, 4.0, 71, 127)], NOTE), trumpet, RATE)
    spectrum = np.abs(np.fft.rfft(sound[RATE : RATE + 2 * RATE] * np.hanning(2 * RATE)))
    assert spectrum.argmax() / 2 == pytest.approx(493.9, abs=2)
    loud = np.flatnonzero(np.abs(sound) > 0.02) / RATE
    assert loud[0] == pytest.approx(0.5, abs=0.015) and loud[-1] == pytest.approx(4.0, abs=0.15)
    level = sampled.levels(sound[round(0.6 * RATE) : round(3.9 * RATE)], RATE // 50)
    assert 20 * np.log10(level.max() / level.min()) < 2
    assert np.abs(np.diff(sound)).max() < 1.2 * np.abs(np.diff(sound[RATE : RATE + 1000])).max()


def test_soft_notes_are_softer(trumpet):
    soft, loud = (np.abs(sampled.play(np.array([(0, 0.5, 69, velocity)], NOTE), trumpet, RATE)).max() for velocity in (40, 100))
    assert loud / soft == pytest.approx((100 / 40) ** sampled.LOUDNESS_POWER, rel=1e-3)


# --- who plays what ---------------------------------------------------------------------------------------------------


def test_no_score_is_for_both_roles_and_both_have_every_instrument():
    halves = [[song for song in songs.SONGS if song.role == role] for role in (songs.TUNING, songs.REPORTING)]
    assert sum(map(len, halves)) == len(songs.SONGS) == len({song.name for song in songs.SONGS})
    assert not set.intersection(*({song.score for song in half} for half in halves))
    assert not set.intersection(*({song.score.split("/")[0] for song in half} - {"bach"} for half in halves))
    instruments = [{songs.NAMES[stem.program] for song in half for stem in song.stems} for half in halves]
    assert instruments[0] == instruments[1]


def test_every_stem_has_a_maker_that_no_preset_was_trained_with():
    for song in songs.SONGS:
        assert len(set(song.stem_names())) == len(song.stems)
        for stem in song.stems:
            maker = makers.MAKERS[stem.maker]
            assert stem.program in maker.programs, (song.name, stem)
            assert stem.program not in maker.heard or maker.collection.name in without.WITHOUT, (song.name, stem)
            assert stem.program in songs.RANGES
    assert [maker.name for maker in makers.shipping_makers(songs.CELLO)] == ["cello"]
    assert "| 11 | vibraphone | timgm | none |" in list(makers.lines({11: "vibraphone"}))


def test_a_piece_is_built_once_and_read_afterwards(tmp_path, monkeypatch):
    def play(program, notes, shared):
        played.append(program)
        return sampled.add_tones(notes, lambda note: sine(440 * 2 ** ((note["pitch"] - 69) / 12), 0.3), RATE)

    played, song = [], songs.Song("two", songs.TUNING, "nothing.mid", 100, 4, (
        songs.Stem(songs.FLUTE, "flute", (0,)), songs.Stem(songs.PIANO, "piano", (1,))))
    monkeypatch.setattr(unheard, "FOLDER", tmp_path)
    monkeypatch.setattr(unheard, "score_of", lambda name, shared: (SCALE, CHORDS))
    monkeypatch.setattr(unheard, "MAKERS", {name: makers.Maker(name, makers.CELLO, (), play) for name in ("flute", "piano")})
    first, again = unheard.built(song), unheard.built(song)
    assert played == [songs.FLUTE, songs.PIANO] and list(first.truths) == ["flute", "piano"] and first.role == songs.TUNING
    assert np.array_equal(first.mix, again.mix) and np.abs(first.mix).max() <= unheard.PEAK + 1e-3 and first.has_pedal
    levels_db = [20 * np.log10(np.sqrt(np.mean(sound**2))) for sound in first.truths.values()]
    assert np.ptp(levels_db) <= 2 * unheard.LEVEL_DB
    assert first.score.programs == {(0, 0): songs.FLUTE, (1, 1): songs.PIANO}
    assert not np.array_equal(unheard.built(song, seed=1).mix, first.mix)


# --- conditions -------------------------------------------------------------------------------------------------------


def test_sources_stand_inside_their_rooms():
    for room in rooms.ROOMS.values():
        for count in range(1, 6):
            at = rooms.places(room, count)
            assert at.shape == (count, 3) and (at > 0.2).all() and (at < np.array(room.size_m) - 0.2).all()


def test_sound_goes_through_each_microphone():
    responses = np.zeros((2, 100))
    responses[0, 0], responses[1, 40] = 1, 0.5
    sound = sine(300, 0.1)
    heard = rooms.convolved(sound, responses)
    assert np.allclose(heard[0], sound, atol=1e-6) and np.allclose(heard[1, 40:], 0.5 * sound[:-40], atol=1e-6)


def test_a_room_keeps_length_and_loudness_and_reverberates(clip):
    pytest.importorskip("pyroomacoustics")
    short = pieces.excerpt(clip, 3.0)
    heard = rooms.in_room(short, rooms.STUDIO, 2)
    assert heard.mix.shape == (2, short.mix.shape[1]) and list(heard.truths) == list(short.truths)
    for stem, sound in short.truths.items():
        assert np.mean(heard.truths[stem] ** 2) == pytest.approx(np.mean(sound**2), rel=1e-3)
    response = rooms.impulse_responses(rooms.LIVING_ROOM, 1, 1, 16000)[0, 0]
    fall = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.sum(response**2))
    slope = np.polyfit(*(part[(fall < -5) & (fall > -25)] for part in (np.arange(len(fall)) / 16000, fall)), 1)[0]
    assert -60 / slope == pytest.approx(0.5, rel=0.3)


def test_every_note_is_told_at_a_time_of_its_own(clip):
    moved = conditions.moved_notes(clip, -0.08, 0.08)
    before, after = (np.array(list(conditions.note_pairs(piece.score.messages))) for piece in (clip, moved))
    assert len(before) == len(after) and (np.diff(moved.score.seconds) >= 0).all()
    times = [np.sort(piece.score.seconds[pairs[:, 0]]) for piece, pairs in ((clip, before), (moved, after))]
    assert 0.02 < (times[1] - times[0]).std() < 0.08 and np.abs(times[1] - times[0]).max() <= 0.0801
    assert (moved.score.seconds[after[:, 1]] >= moved.score.seconds[after[:, 0]]).all()
    assert conditions.early_notes(clip, 0.04).late_s == -0.04


def test_wrong_notes_may_be_a_silent_stem_of_their_own(clip):
    wrong = conditions.wrong_stem(clip)
    assert list(wrong.truths) == [*clip.truths, "wrong"] and not wrong.truths["wrong"].any()
    added = wrong.score.notes()
    assert (added["part"] == len(clip.truths)).sum() == len(wrong.score.notes()) - len(clip.score.notes()) > 0


def test_hardships_have_names_of_their_own_and_those_of_notes_keep_the_sound(clip):
    named = {condition.name: condition for condition in hardships.hardships()}
    assert len(named) == len(hardships.hardships()) == 21
    for condition in hardships.note_conditions():
        assert np.array_equal(condition.alter(clip).mix, clip.mix)


def test_company_is_as_loud_as_the_piece_and_differs_by_role(clip, tmp_path):
    for folder, hertz in (("backgrounds", 200), ("backgrounds_more", 300)):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "sine.flac", sine(hertz, 1.0), RATE)
    tuned, reported = (company.recording(replace(clip, role=role), tmp_path) for role in (songs.TUNING, songs.REPORTING))
    for piece, hertz in ((tuned, 300), (reported, 200)):
        residual = piece.truths["residual"][0]
        assert np.mean(residual**2) == pytest.approx(np.mean(clip.mix**2), rel=1e-3)
        assert np.abs(np.fft.rfft(residual[:RATE])).argmax() == hertz
