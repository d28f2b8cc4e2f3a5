"""What training takes: tables and MIDI files, folders of notes, SFZ instruments, recorded sessions; and what it refuses."""

import numpy as np
import pytest
from instruments import RATE, quiet, scale, sound_of, tone, write_csv, write_midi, write_sound

from rtsep.errors import RtsepError
from rtsep.training.folders import folder_samples
from rtsep.training.inputs import Take, gather, joined
from rtsep.training.isolated import Notes
from rtsep.training.samples import Sample, read_samples
from rtsep.training.scores import is_isolated, training_notes
from rtsep.training.sfz import sfz_samples


def refused(function, *arguments, words):
    """The one line of an RtsepError, which holds all `words`."""
    with pytest.raises(RtsepError) as caught:
        function(*arguments)
    text = str(caught.value)
    assert "\n" not in text and all(word in text for word in words), text


# --- notes ------------------------------------------------------------------------------------------------------------


def test_table_and_midi_say_the_same(tmp_path):
    notes = scale((60, 64))
    for path in (write_csv(tmp_path / "a.csv", notes), write_midi(tmp_path / "a.mid", notes)):
        got, _ = training_notes(path, RATE)
        for name in ("onset_s", "offset_s", "pitch", "velocity"):
            np.testing.assert_allclose(got[name], notes[name], atol=1e-3)


def test_columns_in_any_order(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Pitch, Offset,onset,remark\n60,2,1.5,x\n\n62,1,0.5,y\n")
    got, _ = training_notes(path, RATE)
    assert got["pitch"].tolist() == [62, 60] and got["onset_s"].tolist() == [0.5, 1.5]
    assert got["velocity"].tolist() == [64, 64]


@pytest.mark.parametrize("text, words", [
    ("", ["empty"]),
    ("onset,pitch\n1,60\n", ["offset", "first line"]),
    ("onset,offset,pitch\n", ["no notes"]),
    ("onset,offset,pitch\n1,2,sixty\n", ["line 2", "sixty"]),
    ("onset,offset,pitch\n1,2\n", ["line 2"]),
    ("onset,offset,pitch\n2,1,60\n", ["line 2", "2 to 1"]),
    ("onset,offset,pitch\n1,2,128\n", ["line 2", "128", "127"]),
    ("onset,offset,pitch\n1,2,60.5\n", ["60.5"]),
    ("onset,offset,pitch\nnan,2,60\n", ["line 2"]),
    ("onset,offset,pitch,velocity\n1,2,60,0\n", ["velocity 0"]),
])
def test_broken_tables(tmp_path, text, words):
    path = tmp_path / "a.csv"
    path.write_text(text)
    refused(training_notes, path, RATE, words=[str(path), *words])


def test_tables_that_are_none(tmp_path):
    refused(training_notes, tmp_path / "none.csv", RATE, words=["none.csv", "No such file"])
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    refused(training_notes, tmp_path / "a.csv", RATE, words=["a.csv", "not a file of notes"])


def test_isolated_notes_are_told_from_music():
    notes = scale((60, 64))
    assert is_isolated(notes) and is_isolated(notes[:1])
    legato = notes.copy()
    legato["offset_s"][:-1] = notes["onset_s"][1:]
    assert not is_isolated(legato)
    covered = notes.copy()
    covered["offset_s"][0] = 10  # one long note below all others
    assert not is_isolated(covered)


# --- one file per note ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, pitch, velocity", [
    ("Piano_C#4_v80.wav", 61, 80), ("A0v12.wav", 21, 64), ("D#1v3.wav", 27, 64), ("flute-mf-Bb5.wav", 82, 80),
    ("Piano.ff.Db3.wav", 49, 112), ("60.wav", 60, 64), ("note_72_vel100.wav", 72, 100), ("cello c4 pp.wav", 60, 33),
    ("C-1.wav", 0, 64), ("Fs2.wav", 42, 64), ("g9.wav", 127, 64), ("021-take.wav", 21, 64),
])
def test_names_tell_notes(tmp_path, name, pitch, velocity):
    write_sound(tmp_path / name, np.ones(100))
    sample, = folder_samples(tmp_path).samples
    assert (sample.pitch, sample.velocity) == (pitch, velocity)


@pytest.mark.parametrize("name", ["grand.wav", "C4-E4.wav", "130.wav", "piano.wav", "G#9.wav"])
def test_names_that_tell_no_note(tmp_path, name):
    write_sound(tmp_path / name, np.ones(100))
    refused(folder_samples, tmp_path, words=[name, "which note"])


def test_samples_are_trimmed_to_their_notes(tmp_path):
    late = np.concatenate([np.zeros(RATE // 2), tone(60, 1.0), np.zeros(RATE)])
    samples = [Sample(write_sound(tmp_path / "a.wav", late), 60, 50, 0.3),
               Sample(write_sound(tmp_path / "b.wav", tone(64, 9.0, decay_s=50)), 64, 90)]
    notes = read_samples(samples, quiet)
    assert notes.pitch.tolist() == [60, 64] and notes.velocities().tolist() == [50, 90]
    assert notes.releases_s().tolist() == [0.3, 0.1]
    held = notes.offset_s - notes.onset_s
    assert 0.9 < held[0] < 1.05 and held[1] == pytest.approx(4.0, abs=0.01)
    begin = round(notes.onset_s[0] * RATE)
    assert not notes.sound[:begin].any() and np.abs(notes.sound[begin : begin + 300]).max() > 0.05


def test_samples_that_cannot_be_used(tmp_path):
    refused(folder_samples, tmp_path, words=[str(tmp_path), "no sound files"])
    silent, other = write_sound(tmp_path / "c4.wav", np.zeros(RATE)), write_sound(tmp_path / "d4.wav", tone(62, 1), 2 * RATE)
    good = write_sound(tmp_path / "e4.wav", tone(64, 1))
    refused(read_samples, [Sample(silent, 60, 64)], quiet, words=["c4.wav", "silent"])
    refused(read_samples, [Sample(good, 64, 64), Sample(other, 62, 64)], quiet, words=["d4.wav", "22050", "11025"])


SFZ = r"""
/* a comment
over lines <region> sample=no.wav */
<control> default_path=samples\
<global> ampeg_release=0.8 // as all
<group> lovel=1 hivel=63
<region> sample=soft C4.wav lokey=58 hikey=62 pitch_keycenter=60
<region> sample=soft\E4.wav key=e4
<group> lovel=64 hivel=127 ampeg_release=0.5
<region> sample=loud.wav lokey=c4 hikey=db4 pitch_keycenter=c#4 offset=100
<region> sample=*sine key=70
<region> sample=release.wav key=60 trigger=release
<region> sample=drum.wav lokey=36 hikey=37 pitch_keytrack=0
"""


def test_sfz(tmp_path):
    for name in ("soft C4.wav", "soft/E4.wav", "loud.wav", "drum.wav", "release.wav"):
        path = tmp_path / "samples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sound(path, tone(60, 0.5))
    (tmp_path / "a.sfz").write_text(SFZ)
    got = {(each.path.name, each.pitch): (each.velocity, each.release_s, each.skip)
           for each in sfz_samples(tmp_path / "a.sfz").samples}
    assert got == {("soft C4.wav", 60): (32, 0.8, 0), ("E4.wav", 64): (32, 0.8, 0), ("loud.wav", 61): (96, 0.5, 100),
                   ("drum.wav", 36): (96, 0.5, 0), ("drum.wav", 37): (96, 0.5, 0)}
    given, = gather([tmp_path], [], "auto", quiet)
    assert sorted(given.source.pitch.tolist()) == [36, 37, 60, 61, 64] and len(given.files) == 6


@pytest.mark.parametrize("text, words", [
    ("", ["no <region>"]), ("<region> key=60", ["no <region>"]), ("<region> sample=none.wav key=60", ["none.wav", "missing"]),
    ("#include \"x.sfz\"", ["x.sfz", "missing"]), ("<region> sample=a.wav key=middle", ["a.wav", "broken"]),
])
def test_broken_sfz(tmp_path, text, words):
    path = tmp_path / "a.sfz"
    path.write_text(text)
    refused(sfz_samples, path, words=["a.sfz", *words])


# --- what an input is -------------------------------------------------------------------------------------------------


def recording(folder, name, notes, seconds=None):
    """A WAV of the notes and their table."""
    seconds = seconds or notes["offset_s"].max() + 0.5
    return write_sound(folder / f"{name}.wav", sound_of(notes, seconds)), write_csv(folder / f"{name}.csv", notes)


def test_kinds_are_found_out(tmp_path):
    single = scale((60, 64))
    music = single.copy()
    music["offset_s"][:-1] = single["onset_s"][1:] + 0.1
    a, b = recording(tmp_path, "a", single), recording(tmp_path, "b", music)
    found = gather([a[0], b[0]], [a[1], b[1]], "auto", quiet)
    assert isinstance(found[0].source, Notes) and isinstance(found[1].source, Take)
    assert found[0].files == a and not found[0].warnings
    assert isinstance(gather([a[0]], [a[1]], "recording", quiet)[0].source, Take)
    assert isinstance(gather([b[0]], [b[1]], "notes", quiet)[0].source, Notes)


def test_a_recorded_session_is_aligned(tmp_path):
    notes = scale((60, 64))
    notes["offset_s"][:-1] = notes["onset_s"][1:]
    write_sound(tmp_path / "input.wav", sound_of(notes, 5))
    write_sound(tmp_path / "piano.wav", sound_of(notes, 5))
    write_midi(tmp_path / "session.mid", notes)
    given, = gather([tmp_path], [], "auto", quiet)
    assert isinstance(given.source, Take) and given.source.aligned and given.source.path.name == "input.wav"
    (tmp_path / "input.wav").unlink()
    refused(gather, [tmp_path], [], "auto", quiet, words=["input.wav"])


def test_scores_that_do_not_belong(tmp_path):
    notes = scale((60, 62, 64))
    sound, score = recording(tmp_path, "a", notes)
    refused(gather, [sound], [], "auto", quiet, words=["1 recordings", "0 --score"])
    refused(gather, [tmp_path / "none.wav"], [score], "auto", quiet, words=["none.wav", "No such file"])
    refused(gather, [sound], [sound], "auto", quiet, words=["a.wav", "not MIDI"])
    short = write_sound(tmp_path / "short.wav", sound_of(notes, 2))
    refused(gather, [short], [score], "auto", quiet, words=["4 of 6", "beyond the end", "2.0 s"])
    almost = write_sound(tmp_path / "almost.wav", sound_of(notes, 4))
    given, = gather([almost], [score], "auto", quiet)
    assert "2 of 6" in given.warnings[0] and len(given.source.pitch) == 4


def test_a_recording_of_a_recorder_that_crashed_is_read_as_far_as_it_goes(tmp_path):
    notes = scale((60, 62, 64))
    whole, score = write_sound(tmp_path / "whole.wav", sound_of(notes, 7)), write_csv(tmp_path / "notes.csv", notes)
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole.read_bytes()[: -round(2 * RATE) * 4])
    given, = gather([cut], [score], "auto", quiet)
    assert "cut.wav" in given.warnings[0] and given.source.sound.shape[-1] == pytest.approx(5 * RATE, abs=2)


def test_takes_of_one_instrument_are_joined(tmp_path):
    one, two = (Notes(np.zeros(shape, np.float32), 8000.0, np.array([1.0]), np.array([2.0]), np.array([pitch]))
                for shape, pitch in ((24000, 60), ((2, 16000), 64)))
    both = joined([one, two])
    assert both.sound.shape == (2, 40000) and both.onset_s.tolist() == [1, 4] and both.pitch.tolist() == [60, 64]
    assert np.isnan(both.releases_s()).all()
    faster = Notes(np.zeros(9, np.float32), 16000.0, np.zeros(1), np.ones(1), np.array([60]))
    refused(joined, [one, faster], words=["8000, 16000 Hz"])
