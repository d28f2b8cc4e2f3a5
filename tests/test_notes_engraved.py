"""Notes from written music: MusicXML, MEI, ABC and kern; and the message if the package that reads them is missing."""

import sys
import zipfile

import note_files
import numpy as np
import pytest
from note_files import BACK, CLARINET, PIANO, REPEAT, musicxml, mxl, sounding, two_hands
from test_notes_tables import notes_of, refusal, written

from rtsep.cli import main
from rtsep.notes.read import read_notes

pytest.importorskip("music21", reason="needs pip install 'rtsep[score]'")

ENDINGS = ('<barline location="left"><ending number="1" type="start"/></barline>',
           '<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline>',
           '<barline location="left"><ending number="2" type="start"/></barline>',
           '<barline location="right"><ending number="2" type="stop"/></barline>')


def of_part(score, name):
    """The notes of a track as (onset, offset, pitch, velocity)."""
    part = score.track_names.index(name)
    fields = ["onset_s", "offset_s", "pitch", "velocity"]
    return [note[fields].tolist() for note in score.notes() if note["part"] == part]


@pytest.mark.parametrize("name, content", [
    ("a.musicxml", two_hands()), ("a.xml", two_hands()), ("a.mxl", mxl(two_hands())), ("b.mxl", mxl(two_hands(), False)),
    ("utf16.musicxml", two_hands().replace("UTF-8", "UTF-16").encode("utf-16"))])
def test_musicxml(tmp_path, name, content):
    """Repeats, hands, tempo, dynamics and transposition; at 60 and then 30 beats per minute, forte."""
    score = read_notes(written(tmp_path, name, content))
    assert score.track_names == ("right hand", "left hand", "Clarinet")
    assert of_part(score, "right hand") == [(0, 4, 72, 89), (4, 8, 72, 89), (8, 16, 76, 89)]
    assert of_part(score, "left hand") == [(0, 4, 48, 89), (4, 8, 48, 89), (8, 16, 52, 89)]
    assert of_part(score, "Clarinet") == [(0, 4, 72, 90), (4, 8, 72, 90), (8, 16, 67, 64)]
    assert score.programs[(2, 0)] == 71 and score.duration_s == 16


def test_endings_are_played_in_turn(tmp_path):
    bars = [REPEAT[0] + sounding("C", 4), ENDINGS[0] + sounding("D", 4) + ENDINGS[1],
            ENDINGS[2] + sounding("E", 4) + ENDINGS[3]]
    score = read_notes(written(tmp_path, "a.musicxml", musicxml((("Flute", PIANO[1].replace("<staves>2</staves>", "")), bars))))
    assert score.notes()["pitch"].tolist() == [60, 62, 60, 64]


def test_signs_above_one_staff_are_for_all(tmp_path):
    dacapo, fine = (f"<direction><direction-type><words>{words}</words></direction-type><staff>1</staff></direction>"
                    for words in ("D.C. al Fine", "Fine"))
    bars = [sounding(step, 5) + sign + BACK + sounding(step, 3, staff=2)
            for step, sign in (("C", ""), ("D", fine), ("E", dacapo))]
    other = [sounding("C", 4), sounding("D", 4), sounding("E", 4)]
    plain = ("Flute", "<divisions>2</divisions>")
    score = read_notes(written(tmp_path, "a.musicxml", musicxml((PIANO, bars), (plain, other))))
    assert [note[2] for note in of_part(score, "right hand")] == [72, 74, 76, 72, 74]
    assert [note[2] for note in of_part(score, "left hand")] == [48, 50, 52, 48, 50]
    assert [note[2] for note in of_part(score, "Flute")] == [60, 62, 64, 60, 62]


def test_repeats_of_one_part_are_for_all(tmp_path):
    plain = ("Flute", "<divisions>2</divisions>")
    marked, other = [REPEAT[0] + sounding("C", 5) + REPEAT[1], sounding("D", 5)], [sounding("C", 4), sounding("D", 4)]
    score = read_notes(written(tmp_path, "a.musicxml", musicxml((plain, marked), (("Oboe", plain[1]), other))))
    assert [note[2] for note in of_part(score, "Flute")] == [72, 72, 74]
    assert [note[2] for note in of_part(score, "Oboe")] == [60, 60, 62]


def test_tied_notes_are_one_and_grace_notes_are_short(tmp_path):
    start, stop = "<duration>8</duration><tie type=\"start\"/>", "<duration>8</duration><tie type=\"stop\"/>"
    bars = [sounding("D", 5).replace("<duration>8</duration>", start),
            sounding("D", 5).replace("<duration>8</duration>", stop),
            "<note><grace/><pitch><step>E</step><octave>5</octave></pitch><type>eighth</type></note>" + sounding("D", 5)]
    score = read_notes(written(tmp_path, "a.musicxml", musicxml((CLARINET, bars))))
    assert notes_of(score) == [(0, 4, 72), (4, 6, 72), (4, 4.0625, 74)]


def test_two_pianos_have_hands_of_their_own(tmp_path):
    bars = [sounding("C", 5) + BACK + sounding("C", 3, staff=2)]
    score = read_notes(written(tmp_path, "a.musicxml", musicxml((("First", PIANO[1]), bars), (("Second", PIANO[1]), bars))))
    assert score.track_names == ("First right hand", "First left hand", "Second right hand", "Second left hand")


def test_mei(tmp_path):
    score = read_notes(written(tmp_path, "a.mei", note_files.MEI))
    assert score.track_names == ("right hand", "left hand")
    assert of_part(score, "right hand") == [(0, 2, 72, 89), (2, 4, 76, 89), (4, 6, 72, 89), (6, 8, 76, 89), (8, 16, 79, 89)]
    assert of_part(score, "left hand") == [(0, 4, 48, 89), (4, 8, 48, 89), (8, 16, 55, 89)]


@pytest.mark.parametrize("tune, pitches", [
    ("|: C D E F :| G4 |]", [60, 62, 64, 65] * 2 + [67]), ("|: C4 |1 D4 :|2 E4 |]", [60, 62, 60, 64]),
    ("C4 | D4 :|: E4 | F4 :|", [60, 62] * 2 + [64, 65] * 2), ("C4 | D4 |]", [60, 62]), ("CDEF", [60, 62, 64, 65])])
def test_repeats_of_abc(tmp_path, tune, pitches):
    score = read_notes(written(tmp_path, "a.abc", f"X:1\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n{tune}\n"))
    assert score.notes()["pitch"].tolist() == pitches


def test_abc(tmp_path):
    score = read_notes(written(tmp_path, "a.abc", note_files.ABC))
    first = [(0, 1, 60), (1, 2, 62), (2, 3, 64), (3, 4, 65)]
    again = [(8, 10, 67), (10, 16, 69), (16, 18, 67), (18, 24, 69)]
    assert notes_of(score) == first + [(on + 4, off + 4, pitch) for on, off, pitch in first] + again


@pytest.mark.parametrize("body", [
    "[V:R] C2 D2 | E4 |\n[V:L] C,4 | D,4 |\n[V:R] F4 |]\n[V:L] E,4 |]\n",
    "V:R\nC2 D2 | E4 |\nV:L\nC,4 | D,4 |\nV:R\nF4 |]\nV:L\nE,4 |]\n", "V:R\nC2 D2 | E4 | F4 |]\nV:L\nC,4 | D,4 | E,4 |]\n"])
def test_voices_of_abc_sound_together(tmp_path, body):
    head = "X:1\nM:4/4\nL:1/4\nQ:1/4=60\n%%score {R L}\nV:R clef=treble\nV:L clef=bass\nK:C\n"
    score = read_notes(written(tmp_path, "a.abc", head + body))
    assert score.track_names == ("right hand", "left hand")
    assert [note[:3] for note in of_part(score, "right hand")] == [(0, 2, 60), (2, 4, 62), (4, 8, 64), (8, 12, 65)]
    assert [note[:3] for note in of_part(score, "left hand")] == [(0, 4, 48), (4, 8, 50), (8, 12, 52)]


def test_drums_have_the_keys_of_their_instruments(tmp_path):
    note = sounding("F", 4)
    for word, other in (("pitch>", "unpitched>"), ("step>", "display-step>"), ("octave>", "display-octave>")):
        note = note.replace(word, other)
    text = musicxml((("Drumset", "<divisions>2</divisions>"), [note])).replace("<part-name>Drumset</part-name>", (
        '<part-name>Drumset</part-name><score-instrument id="I"><instrument-name>Bass Drum</instrument-name></score-instrument>'
        '<midi-instrument id="I"><midi-channel>10</midi-channel><midi-unpitched>37</midi-unpitched></midi-instrument>'))
    score = read_notes(written(tmp_path, "a.musicxml", text))
    assert score.channels == (9,) and score.programs == {(0, 9): 128} and score.notes()["pitch"].tolist() == [36]


def test_a_repeat_that_only_opens_repeats_nothing(tmp_path):
    bars = [sounding("C", 5), REPEAT[0] + sounding("D", 5)]
    assert notes_of(read_notes(written(tmp_path, "a.musicxml", musicxml((CLARINET, bars))))) == [(0, 2, 70), (2, 4, 72)]


def test_measures_without_end_do_not_take_long(tmp_path):
    """They would take long if music21 searched for a fitting meter."""
    score = read_notes(written(tmp_path, "a.abc", f"X:1\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n|: C D | {'A' * 300} | C :|\n"))
    assert score.note_count == 606


def test_kern(tmp_path):
    score = read_notes(written(tmp_path, "a.krn", note_files.KERN))
    assert set(score.track_names) == {"right hand", "left hand"}
    assert [note[:3] for note in of_part(score, "left hand")] == [(0, 1, 48), (1, 2, 50), (2, 4, 52)]
    assert [note[:3] for note in of_part(score, "right hand")] == [(0, 1, 72), (1, 2, 74), (2, 4, 76)]


@pytest.mark.parametrize("name, content, words", [
    ("a.musicxml", two_hands()[:900], ["broken XML"]),
    ("a.musicxml", two_hands().replace("<step>C</step>", "<step>Q</step>"), ["cannot be read as musicxml"]),
    ("a.abc", "X:1\nK:C\n|: C D :|\n", ["repeats", "MIDI"]),
    ("a.abc", "X:1\nK:C\n" + "|: C D | E F :|\n" * 33, ["33 repeats", "32"]),
    ("a.abc", "X:1\nK:C\nC D |\n\nX:2\nK:C\nE F |\n", ["2 pieces"]),
    ("a.mei", note_files.MEI.replace('pname="c"', 'pname="x"'), ["cannot be read as mei"]),
    ("a.xml", two_hands().replace("partwise", "timewise"), ["score-partwise"]),
    ("a.mxl", mxl("no music"), ["without MusicXML"]),
])
def test_refused(tmp_path, name, content, words):
    message = refusal(written(tmp_path, name, content))
    assert all(word in message for word in words), message


def test_archives_that_unpack_to_too_much(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.mxl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("music.xml", b"<score-partwise>" + bytes(70_000_000))
    assert "64 MB" in refusal(tmp_path / "a.mxl")


@pytest.mark.parametrize("name, content, kind", [
    ("a.musicxml", two_hands(), "MusicXML"), ("a.mei", note_files.MEI, "MEI"), ("a.abc", note_files.ABC, "ABC"),
    ("a.krn", note_files.KERN, "kern"), ("a.gp5", b"\x18FICHIER GUITAR PRO v5.00", "Guitar Pro")])
def test_without_the_package_one_line_says_what_to_install(tmp_path, monkeypatch, capsys, name, content, kind):
    from instruments import write_sound

    monkeypatch.setitem(sys.modules, "music21", None)
    monkeypatch.setitem(sys.modules, "guitarpro", None)
    path, sound = written(tmp_path, name, content), write_sound(tmp_path / "a.wav", np.zeros(44100))
    assert main(["render", str(sound), "--midi", str(path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"{name} is {kind}:" in said and "pip install 'rtsep[score]'" in said and len(said.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
