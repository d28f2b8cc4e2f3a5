"""`rtsep transcribe` and `render --listen`: the notes that are heard in a sound."""

import json

import numpy as np
import pytest
import soundfile

from rtsep.cli import main
from rtsep.fit.hearing import LOWEST, PITCHES
from rtsep.hosts.demo import clip_folder
from rtsep.listening import note_finder
from rtsep.listening.note_finder import APART_FRAMES, Change, NoteFinder
from rtsep.listening.note_net import Answer
from rtsep.listening.transcriber import Told, Transcriber, paired
from rtsep.measure import sdr_db
from rtsep.notes.build import Note, build_score
from rtsep.notes.score import read_midi
from rtsep.notes.written import written_midi
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset

C4 = 60 - LOWEST
RATE, DELAY, BEGINS = 44100, 5, 0.6
FLOOR, SDR_FLOOR = 0.88, 6.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The first 8 s of the bundled clip, mix.wav."""
    folder = tmp_path_factory.mktemp("clip")
    sound, rate = soundfile.read(clip_folder() / "mix.flac", dtype="float32")
    soundfile.write(folder / "mix.wav", sound[: 8 * rate], rate, "FLOAT")
    return folder


@pytest.fixture(scope="module")
def heard(clip):
    """The notes that are heard in it, from the command, and its report."""
    assert main(["transcribe", str(clip / "mix.wav"), "-o", str(clip / "heard.mid")]) == 0
    return read_midi(clip / "heard.mid").notes()


def matches(found, true, within_s=0.05):
    """How many notes of the same pitch begin within 50 ms, each counted once."""
    count, left = 0, list(found[["onset_s", "pitch"]].tolist())
    for onset, pitch in true[["onset_s", "pitch"]].tolist():
        near = [one for one in left if one[1] == pitch and abs(one[0] - onset) <= within_s]
        if near:
            count += 1
            left.remove(min(near, key=lambda one: abs(one[0] - onset)))
    return count


def true_notes():
    notes = read_midi(clip_folder() / "demo.mid").notes()
    return notes[notes["onset_s"] < 7.9]


# --- what is heard ----------------------------------------------------------------------------------------------------


def test_most_notes_of_a_real_piano_are_heard(heard):
    true = true_notes()
    found = matches(heard, true)
    assert 2 * found / (len(true) + len(heard)) > FLOOR


def test_long_notes_are_heard_as_long_ones(heard):
    pairs = [(one, other) for other in true_notes() for one in heard
             if one["pitch"] == other["pitch"] and abs(one["onset_s"] - other["onset_s"]) < 0.05]
    lengths = np.log([[note["offset_s"] - note["onset_s"] for note in pair] for pair in pairs])
    assert np.corrcoef(lengths.T)[0, 1] > 0.2


def test_soft_music_gets_lower_velocities():
    """The second half of the sound is 14 dB softer."""
    sound, _ = soundfile.read(clip_folder() / "mix.flac", dtype="float32", stop=8 * RATE)
    sound[4 * RATE :] *= 0.2
    told = [one for one in Transcriber([load_preset(find_preset("gm-piano"))], RATE).hear(sound[None]) if one.velocity]
    loud, soft = (np.mean([one.velocity for one in told if (one.second > 4) == late]) for late in (False, True))
    assert soft < loud - 8


def test_block_sizes_change_nothing():
    sound, _ = soundfile.read(clip_folder() / "mix.flac", dtype="float32", stop=3 * RATE)
    presets = [load_preset(find_preset("gm-piano"))]
    whole = Transcriber(presets, RATE)
    found = whole.hear(sound[None]) + whole.finish()
    pieces, told, at = Transcriber(presets, RATE), [], 0
    random = np.random.default_rng(0)
    while at < len(sound):
        size = int(random.integers(1, 5000))
        told += pieces.hear(sound[None, at : at + size])
        at += size
    told += pieces.finish()
    assert told == found and len(found) > 10


@pytest.mark.parametrize("level", [0, np.nan, np.inf])
def test_silence_and_bad_samples_have_no_notes(level):
    heard = Transcriber((), RATE)
    assert heard.hear(np.full((2, RATE), level, np.float32)[:1]) == [] and heard.finish() == []


@pytest.mark.parametrize("gain", [0.01, 30.0])
def test_loudness_of_the_recording_changes_little(gain):
    sound, _ = soundfile.read(clip_folder() / "mix.flac", dtype="float32", stop=3 * RATE)
    presets = [load_preset(find_preset("gm-piano"))]
    usual, other = (sum(one.velocity > 0 for one in Transcriber(presets, RATE).hear(level * sound[None]))
                    for level in (1, gain))
    assert abs(usual - other) <= max(3, 0.25 * usual)


# --- notes from probabilities -----------------------------------------------------------------------------------------


def answers(begins, sounds):
    """Answers for C4 alone, frame by frame."""
    found = Answer(*(np.zeros((len(begins), PITCHES), np.float32) for _ in range(3)))
    found.begins[:, C4], found.sounds[:, C4], found.velocity[:, C4] = begins, sounds, 77
    return found


def test_a_note_begins_once_and_ends_when_it_is_quiet():
    begins = [0, 0.3, 0.9, 0.95, 0.5, 0.7, 0.1] + [0.0] * 30
    finder = NoteFinder(DELAY, BEGINS)
    found = finder.step(answers(begins, [0] * 2 + [0.9] * 20 + [0.1] * 15))
    end = 22 + note_finder.ENDS_FRAMES - 1
    assert found == [Change(2 - DELAY, 60, 77),
                     Change(end - note_finder.LATE_FRAMES - note_finder.ENDS_FRAMES + 1, 60, 0)]
    assert finder.finish() == []


def test_a_repeated_note_ends_the_first_one():
    begins = [0.9, 0.5, 0.1] + [0.0] * APART_FRAMES + [0.9] + [0.0] * 5
    finder = NoteFinder(DELAY, BEGINS)
    found = finder.step(answers(begins, [0.9] * len(begins)))
    again = 3 + APART_FRAMES - DELAY
    assert found == [Change(-DELAY, 60, 77), Change(again, 60, 0), Change(again, 60, 77)]
    assert finder.finish() == [Change(len(begins), 60, 0)]


def test_a_flicker_does_not_begin_a_note_again():
    begins = [0.9] + [0.5, 0.9] * 8
    assert sum(change.velocity > 0 for change in NoteFinder(DELAY, BEGINS).step(answers(begins, [0.9] * len(begins)))) == 1


def test_paired_notes_have_a_length():
    told = [Told(0.1, 60, 70), Told(0.1, 60, 0), Told(0.2, 60, 80), Told(0.3, 64, 90), Told(1.0, 64, 0), Told(1.2, 60, 0)]
    assert paired(told) == [Note(0.1, pytest.approx(0.15), 60, 70), Note(0.2, 1.2, 60, 80), Note(0.3, 1.0, 64, 90)]


def test_written_midi_is_read_as_the_same_notes(tmp_path):
    score = build_score("x", [Note(0.1, 0.5, 60, 70), Note(0.5, 1, 60, 90), Note(0.2, 0.7, 64, 50, 1, 2)], ["Flöte", "b"],
                        {(0, 0): 73})
    (tmp_path / "x.mid").write_bytes(written_midi(score))
    read = read_midi(tmp_path / "x.mid")
    assert read.track_names == ("Flöte", "b") and read.programs == {(0, 0): 73, (1, 2): 0}
    assert np.abs(read.seconds - score.seconds).max() < 0.0006 and (read.messages == score.messages).all()


# --- the commands -----------------------------------------------------------------------------------------------------


def test_several_files_go_into_a_folder(clip, tmp_path, capsys):
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(RATE // 2), RATE)
    assert main(["transcribe", str(tmp_path / "a.wav"), str(tmp_path / "b.wav"), "-o", str(tmp_path / "out"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [file["notes"] for file in report["files"]] == [0, 0] and len(report["warnings"]) == 2
    assert read_midi(tmp_path / "out" / "b.mid").note_count == 0
    assert main(["transcribe", str(tmp_path / "a.wav"), str(tmp_path / "b.wav"), "-o", str(tmp_path / "out")]) == 2


@pytest.mark.parametrize("options, words", [
    (("in.wav", "-o", "out.wav"), (".mid",)),
    (("missing.wav", "-o", "out.mid"), ("missing.wav",)),
    (("there.mid", "-o", "out.mid"), ("there.mid",)),
    (("in.wav", "-o", "there.mid"), ("there already", "--overwrite")),
    (("in.wav", "in.wav", "-o", "out"), ("in.mid",)),
    (("in.wav", "there.mid", "-o", "out.mid"), ("folder",)),
    (("in.wav", "-o", "out.mid", "--preset", "nothing"), ("nothing",)),
    (("in.wav", "there.mid", "-o", "out"), ("there.mid",)),
])
def test_refusals_say_what_to_do_and_leave_nothing(tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.mid").write_bytes(b"mine")
    soundfile.write("in.wav", np.zeros(RATE // 4), RATE)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["transcribe", *options]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words) and said.count("\n") == 1, said
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_render_listens_and_divides_the_hands(clip, heard):
    out = clip / "out"
    assert main(["render", str(clip / "mix.wav"), "--listen", "--by", "hands", "--mode", "live", "--out", str(out)]) == 0
    report = json.loads((out / "report.json").read_text())
    written = read_midi(out / "notes.mid").notes()
    assert report["heard_notes"] == report["hands"]["notes"] == len(written) == len(heard)
    assert (written == heard).all()
    sound, _ = soundfile.read(clip / "mix.wav", dtype="float32")
    stems = {stem["name"]: soundfile.read(out / stem["file"])[0] for stem in report["stems"]}
    assert np.abs(sum(stems.values()) - sound).max() < 1e-5
    for hand in ("left", "right"):
        true = soundfile.read(clip_folder() / f"{hand}_hand.flac")[0][: len(sound)]
        assert sdr_db(stems[f"{hand}_hand"][None], true[None]) > SDR_FLOOR
        assert sdr_db(stems[f"{hand}_hand"][None], true[None]) > sdr_db(sound[None] / 2, true[None]) + 2


def test_render_refuses_two_sources_of_notes(clip, tmp_path, capsys):
    assert main(["render", str(clip / "mix.wav"), "--listen", "--midi", "x.mid", "--out", str(tmp_path / "out")]) == 2
    assert "leave out one of them" in capsys.readouterr().err and not (tmp_path / "out").exists()
