"""Note files of all formats with all commands that take notes: render, train and calibrate."""

import json

import note_files
import pytest
from render_files import RATE, fill, refused, render, report_of
from test_notes_tables import written

from rtsep.cli import main
from rtsep.notes.read import read_notes
from rtsep.notes.score import NOTE
from rtsep.training.inputs import gather

HANDS = "onset;offset;pitch;hand\n0,1;0,5;60;left\n0,5;0,9;64;right\n0,2;0,8;67;right\n"
XML = note_files.musicxml((note_files.PIANO, [note_files.TEMPO.format(240) + note_files.sounding("C", 4) + note_files.BACK
                                              + note_files.sounding("E", 4, staff=2)]))


@pytest.mark.parametrize("name, text, stems", [
    ("a.csv", HANDS, ["left", "right", "residual"]), ("a.txt", HANDS.replace(";", "\t"), ["left", "right", "residual"]),
    ("a.jams", note_files.jams(("note_midi", note_files.observations([(0.1, 0.5, 60)]), "solo")), ["solo", "residual"]),
    ("a.svl", note_files.layer().replace('frame="24000"', 'frame="4800"'), ["notes", "residual"]),
    ("a.musicxml", XML, ["right_hand", "left_hand", "residual"])])
def test_render(tmp_path, name, text, stems):
    if name.endswith("xml"):
        pytest.importorskip("music21", reason="needs pip install 'rtsep[score]'")
    fill(tmp_path)
    written(tmp_path, name, text)
    assert render(tmp_path, "--mode", "live", midi=name) == 0
    assert [stem["name"] for stem in report_of(tmp_path)["stems"]] == stems


def test_samples_are_those_of_the_recording(tmp_path):
    fill(tmp_path)
    path = written(tmp_path, "a.csv", f"onset_samples,offset_samples,pitch\n{RATE // 2},{RATE},60\n0,{RATE // 4},64\n")
    [given] = gather([tmp_path / "mix.wav"], [path], "recording", lambda *_: None)
    assert given.source.notes["onset_s"].tolist() == pytest.approx([0, 0.5], abs=1e-4)


def test_render_refuses_a_table_in_one_line(tmp_path, capsys):
    fill(tmp_path)
    written(tmp_path, "a.csv", "onset,offset,pitch\n0,1,60\n1,0.5,60\n")
    refused(capsys, tmp_path, render(tmp_path, midi="a.csv"), "a.csv, line 3", "1,0.5,60")


@pytest.mark.parametrize("name", ["musicnet.csv", "maps.txt", "libfmp.csv", "tony.csv"])
def test_train(tmp_path, name, capsys):
    import numpy as np
    from instruments import sound_of, write_sound

    path = written(tmp_path, name, note_files.TABLES[name])
    notes = np.array([(*note, 64, 0, 0) for note in note_files.NOTES], NOTE)
    sound = write_sound(tmp_path / "a.wav", sound_of(notes, 5.0))
    assert read_notes(path).note_count == 3
    assert main(["train", str(sound), "--score", str(path), "-o", str(tmp_path / "p.npz"), "--no-picture", "--no-fill",
                 "--json", "--iterations", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["pitches_trained"] == [60, 64, 67]
