"""Tables of notes as people have them: each kind is understood, or refused with the line and what is expected."""

import note_files
import numpy as np
import pytest

from rtsep.errors import RtsepError
from rtsep.notes.read import read_notes


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def notes_of(score):
    """(onset, offset, pitch) of all notes."""
    return [(round(note["onset_s"], 4), round(note["offset_s"], 4), int(note["pitch"])) for note in score.notes()]


def refusal(path, **options):
    """The one line that refuses a file."""
    with pytest.raises(RtsepError) as caught:
        read_notes(path, **options)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", note_files.TABLES)
def test_every_kind_of_table(tmp_path, name):
    score = read_notes(written(tmp_path, name, note_files.TABLES[name]), 48000)
    assert notes_of(score) == note_files.NOTES
    assert len(score.track_names) == 1 and score.note_count == 3 and score.duration_s == pytest.approx(4.5)
    assert set(score.notes()["velocity"].tolist()) == {64}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig", "latin-1"])
def test_encodings(tmp_path, encoding):
    text = "onset;offset;pitch;track\n0.5;1.5;60;flûte\n2;3;64;flûte\n3.5;4.5;67;flûte\n"
    score = read_notes(written(tmp_path, "a.csv", text.encode(encoding)))
    assert notes_of(score) == note_files.NOTES and score.track_names == ("flûte",)


@pytest.mark.parametrize("name", ["notes.dat", "notes", "notes.CSV", "notes.tsv"])
def test_the_content_decides_and_not_the_ending(tmp_path, name):
    assert notes_of(read_notes(written(tmp_path, name, note_files.TABLES["libfmp.csv"]))) == note_files.NOTES


def test_velocities(tmp_path):
    path = written(tmp_path, "a.csv", "onset,offset,pitch,velocity\n0,1,60,1.0\n1,2,62,0.5\n2,3,64,0\n")
    assert read_notes(path).notes()["velocity"].tolist() == [127, 64, 1]
    path = written(tmp_path, "b.csv", "0,1,60,100\n1,2,62,20\n2,3,64,127\n")
    assert read_notes(path).notes()["velocity"].tolist() == [100, 20, 127]


@pytest.mark.parametrize("column", ["track", "Part", "hand", "label", "Instrument Name"])
def test_a_column_makes_tracks(tmp_path, column):
    path = written(tmp_path, "a.csv", f"onset,offset,pitch,{column}\n0,1,60,right\n0,1,48,left\n1,2,62,right\n")
    score = read_notes(path)
    assert score.track_names == ("right", "left")
    assert [(note["part"], note["pitch"]) for note in score.notes()] == [(0, 60), (1, 48), (0, 62)]


def test_labels_that_are_remarks_make_no_tracks(tmp_path):
    path = written(tmp_path, "a.csv", "onset,offset,pitch,label\n0,1,60,C4\n0,1,48,C3\n")
    assert read_notes(path).track_names == ("track_1",)


def test_instruments_of_musicnet_are_programs(tmp_path):
    text = note_files.TABLES["musicnet.csv"] + "154350,198450,42,50,3,1,Half\n"
    score = read_notes(written(tmp_path, "a.csv", text), 48000)
    assert score.track_names == ("instrument 1", "instrument 42") and score.programs == {(0, 0): 0, (1, 0): 41}


def test_a_key_that_is_struck_again_as_it_ends(tmp_path):
    path = written(tmp_path, "a.csv", "onset,offset,pitch\n1,2,60\n0,1,60\n")
    assert notes_of(read_notes(path)) == [(0, 1, 60), (1, 2, 60)]


def test_notes_come_in_order_of_time(tmp_path):
    score = read_notes(written(tmp_path, "a.csv", "onset,offset,pitch\n3,4,67\n0,5,60\n2,3,64\n"))
    assert notes_of(score) == [(0, 5, 60), (2, 3, 64), (3, 4, 67)] and (np.diff(score.seconds) >= 0).all()


def test_no_notes(tmp_path):
    assert read_notes(written(tmp_path, "a.csv", "onset,offset,pitch\n")).note_count == 0


@pytest.mark.parametrize("text, words", [
    ("onset,offset,pitch\n500,1500,60\n2000,3000,64\n", ["line 2", "500,1500,60", "1000 s", "onset_ms", "onset_samples"]),
    ("onset,duration,pitch\n22050,44100,60\n", ["line 2", "onset_samples"]),
    ("onset_beat,duration_beat,pitch\n1,1,60\n", ["line 2", "1,1,60", "tempo"]),
    ("onset_beat,duration_beat,pitch,tempo\n1,1,60,0\n", ["line 2", "tempo 0", "1000"]),
    ("onset_s,duration_beat,pitch,tempo\n1,1,60,0\n", ["different units", "seconds"]),
    ("first,second,third\n1,2,60\n", ["onset", "first,second,third", "onset,offset,pitch"]),
    ("onset,offset\n1,2\n", ["pitch", "onset,offset"]),
    ("1,2,3\n2,3,4\n", ["line 1", "1,2,3", "name the columns"]),
    ("hello\n", ["onset", "hello"]),
    ("onset,offset,pitch\n0,5,1,5,60\n", ["line 2", "semicolons"]),
    ("20,5,21,5,60\n22,5,23,5,62\n", ["line 1", "semicolons"]),
    ("onset,offset,pitch\n1,1e999,60\n", ["line 2"]),
    ("onset,offset,pitch\n1,1e99,60\n", ["line 2", "24 hours"]),
    ("onset,offset,pitch\n1,2,261.6\n", ["line 2", "261.6", "frequency_hz"]),
    ("onset,offset,pitch\n1,2,H4\n", ["line 2", "H4", "G9"]),
    ("0.5,1.5,60\n2,1,64\n3,4,64\n", ["line 2", "2,1,64", "2 to 1"]),
    ("onset,offset,pitch,velocity\n1,2,60,0.5\n1,2,61,64\n", ["line 2", "velocity 0.5", "0 to 1"]),
    ("onset,offset,pitch,velocity\n1,2,60,loud\n", ["line 2", "loud"]),
    ("#\n;;;\n", ["empty"]),
])
def test_refused(tmp_path, text, words):
    message = refusal(written(tmp_path, "a.csv", text))
    assert all(word in message for word in words), message


def test_too_many_tracks(tmp_path):
    rows = "".join(f"{number},{number + 1},60,voice {number % 300}\n" for number in range(300))
    assert "300 tracks" in refusal(written(tmp_path, "a.csv", "onset,offset,pitch,track\n" + rows))


@pytest.mark.parametrize("data, words", [
    (b"", ["empty"]), (b"\x00\x01\x02", ["not a file of notes", "MIDI"]), (b"\xff\xfe\x00", ["not a file of notes"]),
    (b"<html></html>", ["<html>"]), (b"<sv", ["broken XML"]), (b"{", ["JAMS"]), (b"PK\x03\x04 nothing", ["archive"]),
    (b"BCFZ....", ["Guitar Pro 6"]),
])
def test_other_files_are_refused(tmp_path, data, words):
    message = refusal(written(tmp_path, "a.csv", data))
    assert all(word in message for word in words), message
