"""Notes from JAMS files and from layers of Sonic Visualiser."""

import json

import pytest
from note_files import NOTES, hz, jams, layer, observations
from test_notes_tables import notes_of, refusal, written

from rtsep.notes.read import read_notes


@pytest.mark.parametrize("kind, value", [
    ("note_midi", float), ("note_midi", lambda pitch: pitch + 0.3), ("note_hz", hz), ("pitch_midi", float), ("pitch_hz", hz)])
def test_jams(tmp_path, kind, value):
    path = written(tmp_path, "a.jams", jams(("beat", [], ""), (kind, observations(value=value), "")))
    assert notes_of(read_notes(path)) == NOTES


def test_annotations_of_jams_are_tracks(tmp_path):
    strings = [("note_midi", observations(NOTES[:1]), "0"), ("note_midi", [], "1"),
               ("note_midi", observations(NOTES[1:]), "bass")]
    score = read_notes(written(tmp_path, "a.jams", jams(*strings)))
    assert score.track_names == ("track 0", "bass") and score.notes()["part"].tolist() == [0, 1, 1]


def test_jams_in_columns(tmp_path):
    data = {"time": [0.5, 2.0, 3.5], "duration": [1.0] * 3, "value": [60, 64, 67], "confidence": [None] * 3}
    assert notes_of(read_notes(written(tmp_path, "a.json", jams(("note_midi", data, ""))))) == NOTES


def test_curves_of_pitch_become_notes(tmp_path):
    def point(number):
        value = {"index": 0, "frequency": hz(60 if number < 50 else 64), "voiced": not 50 <= number < 60}
        return {"time": number / 100, "duration": 0, "value": value, "confidence": 1}

    path = written(tmp_path, "a.jams", jams(("pitch_contour", [point(number) for number in range(100)], "")))
    assert notes_of(read_notes(path)) == [(0, 0.49, 60), (0.6, 0.99, 64)]


@pytest.mark.parametrize("text, words", [
    (jams(("beat", [], "")), ["beat", "note_midi"]), ("{}", ["JAMS"]), ('{"annotations": 3}', ["JAMS"]),
    (jams(("note_midi", [{"time": 0}], "")), ["time, duration and value"]),
    (jams(("note_midi", [{"time": -1, "duration": 1, "value": 60}], "")), ["-1 s", "0 s or later"]),
    (jams(("note_midi", [{"time": 0, "duration": 1, "value": 300}], "")), ["300", "0 to 127"]),
    (json.dumps({"annotations": [{"namespace": "note_midi", "data": {"time": [1], "value": []}}]}), ["time, duration"]),
])
def test_jams_refused(tmp_path, text, words):
    message = refusal(written(tmp_path, "a.jams", text))
    assert all(word in message for word in words), message


@pytest.mark.parametrize("units, value, subtype", [("MIDI", float, "note"), ("Hz", hz, "flexinote"), ("", float, "note")])
def test_layers_of_sonic_visualiser(tmp_path, units, value, subtype):
    score = read_notes(written(tmp_path, "a.svl", layer(units, value, subtype)))
    assert notes_of(score) == NOTES and score.track_names == ("notes",) and set(score.notes()["velocity"].tolist()) == {64}


@pytest.mark.parametrize("before, after, word", [
    ('dimensions="3"', 'dimensions="2"', "note layer"), ('sampleRate="48000"', 'sampleRate="0"', "broken layer"),
    ('frame="24000"', 'frame="later"', "broken layer"), ('value="60.0"', 'value="1e9"', "pitch 1e+09"),
    ("<sv>", "<!ENTITY a 'b'><sv>", "entities"),
])
def test_layers_refused(tmp_path, before, after, word):
    assert before in layer()
    assert word in refusal(written(tmp_path, "a.svl", layer().replace(before, after)))
