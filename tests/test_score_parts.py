"""Scores that a player plays from: parts and hands become stems, in `rtsep render` and in set-ups of `rtsep live`."""

import numpy as np
import pytest
from instruments import write_tracks
from midi_bytes import END, TICKS, off, on, one_note, smf, track
from note_files import two_hands
from render_files import fill, refused, render, report_of

from rtsep.errors import RtsepError
from rtsep.hosts.live_job import LiveJob, route_live
from rtsep.hosts.setup_reading import read_setup
from rtsep.notes.followed import CHORD_S, followed_score
from rtsep.notes.score import read_midi
from rtsep.notes.score_parts import by_score

UPPER, LOWER = ((0.0, 0.4, 67), (0.5, 0.9, 72)), ((0.0, 0.9, 48), (0.5, 0.9, 52))
LEFT, RIGHT = 0, 1


def notes_of(score):
    """(chord, pitch, part) of all notes."""
    return list(zip(score.chord.tolist(), score.pitch.tolist(), score.part.tolist(), strict=True))


def pitches_of(score, part):
    """The pitches of a part, in order."""
    return score.pitch[score.part == part].tolist()


# --- from file to stems -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [
    ("A", "B"), ("Rechts 1", "Links 1"), ("Piano RH", "Piano LH"), ("upper", "lower"), ("x", "left")])
@pytest.mark.parametrize("swapped", [False, True])
def test_names_tell_the_hands_else_the_first_is_the_right(tmp_path, names, swapped):
    tracks = dict(zip(names, (UPPER, LOWER), strict=True))
    if swapped and names != ("A", "B"):
        tracks = dict(reversed(tracks.items()))
    write_tracks(tmp_path / "s.mid", tracks)
    routing = by_score(tmp_path / "s.mid", "hands")
    assert routing.names == ("left_hand", "right_hand") and routing.hands == (LEFT, RIGHT)
    assert pitches_of(routing.score, RIGHT) == [67, 72] and pitches_of(routing.score, LEFT) == [48, 52]


def test_every_part_is_a_stem_of_its_name(tmp_path):
    voices = {"Soprano": UPPER, "Alt": ((0.2, 0.5, 65),), "Tenor": ((0.2, 0.5, 55),), "Bass": LOWER}
    write_tracks(tmp_path / "fugue.mid", voices)
    routing = by_score(tmp_path / "fugue.mid", "track")
    assert routing.names == ("soprano", "alt", "tenor", "bass") and routing.hands is None
    assert routing.told_while_played == (0, 1, 2, 3)
    assert notes_of(routing.score) == [(0, 67, 0), (0, 48, 3), (1, 65, 1), (1, 55, 2), (2, 72, 0), (2, 52, 3)]
    np.testing.assert_allclose(routing.score.onset_s, [0, 0.2, 0.5], atol=1e-3)
    assert (routing.table[:, 0] == 0).all() and (routing.table[:, 9] == -1).all(), "drums belong to no part"


def test_channels_of_one_track_are_parts(tmp_path):
    both = track((0, on(72)), (0, on(48, channel=1)), (0, on(36, channel=9)),
                 (TICKS, off(72)), (0, off(48, 1)), (0, off(36, 9)), END)
    (tmp_path / "s.mid").write_bytes(smf(both, style=0))
    routing = by_score(tmp_path / "s.mid", "track")
    assert routing.names == ("channel_1", "channel_2") and notes_of(routing.score) == [(0, 72, 0), (0, 48, 1)]


def test_chords_are_what_begins_together(tmp_path):
    seconds = (0, CHORD_S / 2, CHORD_S * 0.9, CHORD_S * 1.2, 1, 1)
    write_tracks(tmp_path / "s.mid", {"a": [(second, second + 0.3, 60 + 2 * number) for number, second in enumerate(seconds)]})
    score = read_midi(tmp_path / "s.mid")
    assert followed_score(score, np.zeros((1, 16, 128), np.int8)).chord.tolist() == [0, 0, 0, 1, 2, 2]
    assert not len(followed_score(score, np.full((1, 16, 128), -1, np.int8)).onset_s)


def test_two_staves_of_musicxml_are_hands(tmp_path):
    """Also with another instrument, which makes three parts. Repeats are played."""
    pytest.importorskip("music21", reason="needs pip install 'rtsep[score]'")
    (tmp_path / "three.musicxml").write_text(two_hands(), encoding="utf-8")
    routing = by_score(tmp_path / "three.musicxml", "track")
    assert routing.names == ("right_hand", "left_hand", "clarinet")
    assert pitches_of(routing.score, 0) == [72, 72, 76] and pitches_of(routing.score, 1) == [48, 48, 52]
    with pytest.raises(RtsepError, match=r"3 parts \(right_hand, left_hand, clarinet\), and --by hands needs two"):
        by_score(tmp_path / "three.musicxml", "hands")


@pytest.mark.parametrize("upper, lower", [(["C5", "D5", "E5"], ["C3", "G2", "C3"]), (["C3", "D3"], ["C5", "D5"])])
def test_staves_that_music21_wrote(tmp_path, upper, lower):
    """The upper staff is the right hand, also while the hands cross."""
    music21 = pytest.importorskip("music21", reason="needs pip install 'rtsep[score]'")
    staves = []
    for names in (upper, lower):
        staff = music21.stream.PartStaff()
        measure = music21.stream.Measure(number=1)
        measure.append([music21.note.Note(name) for name in names])
        staff.append(measure)
        staves.append(staff)
    score = music21.stream.Score([*staves, music21.layout.StaffGroup(staves, symbol="brace", name="Piano")])
    score.write("musicxml", tmp_path / "s.musicxml")
    routing = by_score(tmp_path / "s.musicxml", "hands")
    midi = [[music21.pitch.Pitch(name).midi for name in names] for names in (upper, lower)]
    assert [pitches_of(routing.score, RIGHT), pitches_of(routing.score, LEFT)] == midi


@pytest.mark.parametrize("content, told", [
    (smf(one_note(60)), "has one part; give a score"), (smf(track(END)), "has no notes"), (b"MThd", "truncated"),
    (b"", "empty"), (b"\x00\x01\x02", "not MIDI"),
])
def test_what_is_no_score_is_refused(tmp_path, content, told):
    (tmp_path / "s.mid").write_bytes(content)
    with pytest.raises(RtsepError, match=told):
        by_score(tmp_path / "s.mid", "track")


# --- rtsep render -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """A sound, its notes on one keyboard (played.mid), and scores with the same notes in two and three parts."""
    fill(tmp_path)
    notes = ((0.1, 0.5, 60), (0.2, 0.8, 67), (0.5, 0.9, 64))
    write_tracks(tmp_path / "played.mid", {"Keyboard": notes})
    write_tracks(tmp_path / "score.mid", {"Right": notes[1:], "Left": notes[:1]})
    write_tracks(tmp_path / "trio.mid", {"One": notes[:1], "Two": notes[1:2], "Three": notes[2:]})
    return tmp_path


@pytest.mark.parametrize("options, stems", [
    (("--by", "hands", "--score", "score.mid"), ["left_hand", "right_hand"]), (("--score", "score.mid"), ["right", "left"]),
    (("--score", "trio.mid"), ["one", "two", "three"]), (("--score", "trio.mid", "--reference"), ["one", "two", "three"]),
])
def test_render_by_a_score(folder, options, stems):
    words = [str(folder / word) if word.endswith(".mid") else word for word in options]
    assert render(folder, *words, midi="played.mid") == 0
    report = report_of(folder)
    assert [stem["name"] for stem in report["stems"]] == [*stems, "residual"]
    assert report["score"] == {"notes": 3, "unmatched": 0} and report["warnings"] == []


def test_a_score_gives_what_tracks_give(folder):
    """The parts of a score give the same samples as the same notes in two tracks."""
    from render_files import sounds_of

    assert render(folder, "--score", str(folder / "score.mid"), midi="played.mid", out="one") == 0
    assert render(folder, midi="score.mid", out="two") == 0
    one, two = sounds_of(folder, "one"), sounds_of(folder, "two")
    assert one.keys() == two.keys() and all(np.allclose(one[name], two[name], atol=1e-6) for name in one)


@pytest.mark.parametrize("options, words", [
    (("--score", "gone.mid"), ("gone.mid",)), (("--score", "small.npz"), ("small.npz",)),
    (("--score", "played.mid"), ("has one part", "leave out --score")),
    (("--by", "hands", "--score", "trio.mid"), ("has 3 parts (one, two, three)", "leave out --by hands")),
    (("--by", "split", "--score", "score.mid"), ("--score and --by split do not go together",)),
])
def test_render_refuses_scores_that_do_not_fit(capsys, folder, options, words):
    given = [str(folder / word) if "." in word else word for word in options]
    refused(capsys, folder, render(folder, *given, midi="played.mid"), *words)


# --- rtsep live -------------------------------------------------------------------------------------------------------


def test_live_by_a_score(folder):
    hands = route_live(LiveJob(midi=("x",), by="hands", score=folder / "score.mid"), "piano", True)
    assert hands.names == ("left_hand", "right_hand") and hands.told_while_played == (0, 1)
    parts = route_live(LiveJob(midi=("x",), score=folder / "trio.mid", channels=(2,)), "piano", True)
    assert parts.names == ("one", "two", "three")
    assert (parts.table[:, 1] == 0).all() and (parts.table[:, 0] == -1).all()
    with pytest.raises(RtsepError, match="--score needs the notes"):
        route_live(LiveJob(score=folder / "trio.mid"), "piano", False)


def test_a_set_up_names_its_score(folder):
    (folder / "evening.toml").write_text('by = "hands"\nscore = "score.mid"\n', encoding="utf-8")
    assert read_setup(str(folder / "evening.toml")).options == {"by": "hands", "score": folder / "score.mid"}
