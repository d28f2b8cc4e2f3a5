"""Notes from Guitar Pro files."""

import io

import pytest
from test_notes_tables import notes_of, refusal, written

from rtsep.notes.read import read_notes
from rtsep.notes.tablature import _played

guitarpro = pytest.importorskip("guitarpro", reason="needs pip install 'rtsep[score]'")
models = guitarpro.models


def add(measure, *strokes, tempo=None):
    """Add a quarter note for each stroke (string, fret) or "tie"."""
    for number, stroke in enumerate(strokes):
        string, fret, kind = (2, 1, "tie") if stroke == "tie" else (*stroke, "normal")
        beat = models.Beat(measure.voices[0], status=models.BeatStatus.normal, duration=models.Duration(4))
        beat.notes = [models.Note(beat, fret, 95, string, type=models.NoteType[kind])]
        if tempo and not number:
            beat.effect.mixTableChange = models.MixTableChange(tempo=models.MixTableItem(value=tempo))
        measure.voices[0].beats.append(beat)


def tablature(version=(5, 1, 0), change=lambda song: None):
    """A repeated measure of C4 and a tied C4, then a slower measure of E4, at 60 beats per minute."""
    song = models.Song(tempo=60)
    song.tracks[0].name = "Guitar"
    header = models.MeasureHeader(number=2, start=960 * 5)
    song.measureHeaders.append(header)
    song.tracks[0].measures.append(models.Measure(song.tracks[0], header))
    song.measureHeaders[0].isRepeatOpen, song.measureHeaders[0].repeatClose = True, 1
    add(song.tracks[0].measures[0], (2, 1), "tie", (1, 0), (2, 1))
    add(song.tracks[0].measures[1], (1, 0), (1, 0), (1, 0), (1, 12), tempo=30)
    change(song)
    file = io.BytesIO()
    guitarpro.write(song, file, version=version)
    return file.getvalue()


@pytest.mark.parametrize("version, ending", [((3, 0, 0), "gp3"), ((4, 0, 6), "gp4"), ((5, 0, 0), "gp5"), ((5, 1, 0), "gp5")])
def test_guitar_pro(tmp_path, version, ending):
    score = read_notes(written(tmp_path, f"a.{ending}", tablature(version)))
    once = [(0, 2, 60), (2, 3, 64), (3, 4, 60)]
    slow = [(8, 10, 64), (10, 12, 64), (12, 14, 64), (14, 16, 76)]
    assert notes_of(score) == once + [(on + 4, off + 4, pitch) for on, off, pitch in once] + slow
    assert score.track_names == ("Guitar",) and score.programs == {(0, 0): 25}


def test_capo_and_drums(tmp_path):
    def capo(song):
        song.tracks[0].offset = 2

    assert read_notes(written(tmp_path, "a.gp5", tablature(change=capo))).notes()["pitch"][0] == 62

    def drums(song):
        song.tracks[0].isPercussionTrack, song.tracks[0].channel.channel = True, 9

    assert read_notes(written(tmp_path, "b.gp5", tablature(change=drums))).channels == (9,)


@pytest.mark.parametrize("measures, order", [
    ([(True, -1, 0), (False, 1, 0), (False, -1, 0)], [0, 1, 0, 1, 2]),
    ([(False, -1, 0), (False, 2, 0)], [0, 1, 0, 1, 0, 1]),
    ([(True, -1, 0), (False, 1, 1), (False, -1, 2), (False, -1, 0)], [0, 1, 0, 2, 3]),
    ([(True, -1, 0), (False, 1, 1), (False, 1, 2), (False, -1, 4)], [0, 1, 0, 2, 0, 3]),
    ([(True, 1, 0), (True, 1, 0)], [0, 0, 1, 1]),
])
def test_order_of_playing(measures, order):
    assert _played(measures) == order


@pytest.mark.parametrize("data, word", [
    (tablature()[:200], "broken Guitar Pro"), (b"BCFZ0000", "Guitar Pro 6"),
    (b"\x18FICHIER GUITAR PRO v9.99" + bytes(100), "broken")])
def test_refused(tmp_path, data, word):
    assert word in refusal(written(tmp_path, "a.gp5", data))
