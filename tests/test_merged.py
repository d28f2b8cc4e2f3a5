"""Several MIDI files for one sound: merged, or a stem for each."""

import pytest
from instruments import write_tracks
from midi_bytes import END, TICKS, control, meta, off, on, one_note, read_bytes, smf, spans, track
from render_files import NOTES, fill, refused, render, report_of, sounds_of

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.notes.merged import read_scores, split_stem
from rtsep.notes.routing import by_channel, by_track


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """bass.mid (a track without a name) and lead.mid (`Lead` and a track without a name), in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bass.mid").write_bytes(smf(track((TICKS, on(40)), (0, control(64, 127)), (TICKS, off(40)), (TICKS, END[1]))))
    lead = track((0, meta(3, b"Lead")), (0, on(72)), (TICKS, off(72)), END)
    other = track((0, bytes((0xC1, 40))), (0, on(76, channel=1)), (TICKS, off(76, 1)), END)
    (tmp_path / "lead.mid").write_bytes(smf(lead, other))
    return tmp_path


def test_all_files_count(folder):
    score = read_scores(["bass.mid", "lead.mid"])
    assert spans(score) == [(72, 0, 0.5), (76, 0, 0.5), (40, 0.5, 1.5)], "a pedal holds only the notes of its own file"
    assert score.track_names == ("bass", "Lead", "lead track_2")
    assert by_track(score).names == ("bass", "lead", "lead_track_2") and by_channel(score).names == ("channel_1", "channel_2")
    assert (score.note_count, score.channels, score.duration_s) == (3, (0, 1), 1.5)
    assert score.programs == {(0, 0): 0, (1, 0): 0, (2, 1): 40}
    assert score.seconds.tolist() == sorted(score.seconds.tolist())


def test_one_file_keeps_its_names(folder):
    assert read_scores(["bass.mid"]).track_names == ("track_1",)


def test_a_file_is_a_stem(folder):
    score = read_scores(["lead.mid@Right Hand", "bass.mid"])
    routing = by_track(score)
    assert routing.names == ("right_hand", "bass")
    assert routing.table[:3, 0, 60].tolist() == [0, 0, 1]
    assert by_track(read_scores(["lead.mid@x", "bass.mid@x"])).names == ("x",)
    assert by_track(read_scores(["lead.mid@Скрипка"])).names == ("скрипка",)


def test_an_at_in_a_path_is_no_stem(folder):
    (folder / "a@b").write_bytes(smf(one_note()))
    assert split_stem("a@b") == (folder.joinpath("a@b").relative_to(folder), "")
    assert split_stem("gone@home.mid")[1] == split_stem("me@home/x")[1] == ""
    assert split_stem("a@b@c")[1] == "c"


@pytest.mark.parametrize("text", ["lead.mid@", "@lead", "lead.mid@♪", "lead.mid@residual"])
def test_stems_that_cannot_be(folder, text):
    with pytest.raises(RtsepError, match="give FILE or FILE@STEM"):
        read_scores([text])


def test_warnings_name_their_file(folder):
    read_bytes(folder / "odd.mid", smf(one_note(), count=2))
    assert read_scores(["bass.mid", "odd.mid"]).warnings[0].startswith("odd.mid: the MIDI file is not quite valid")
    assert read_scores(["odd.mid"]).warnings[0].startswith("the MIDI file is not quite valid")


def test_more_tracks_than_possible(folder):
    (folder / "many.mid").write_bytes(smf(*[one_note()] * 200))
    with pytest.raises(RtsepError, match=r"many\.mid, many\.mid have 400 tracks with notes together, allowed are 255"):
        read_scores(["many.mid", "many.mid"])


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def mix(tmp_path):
    """A folder with mix.wav, left.mid, right.mid, and notes.mid, which has the notes of both."""
    fill(tmp_path)
    write_tracks(tmp_path / "left.mid", {"Left": NOTES[:1]})
    write_tracks(tmp_path / "right.mid", {"Right": NOTES[1:]})
    return tmp_path


def test_two_files_give_the_stems_of_one_file_with_both(mix):
    assert render(mix) == 0
    assert render(mix, "--midi", str(mix / "right.mid"), midi="left.mid", out="two") == 0
    one, two = sounds_of(mix), sounds_of(mix, "two")
    assert list(two) == ["left", "right", "residual"] and all((one[name] == two[name]).all() for name in one)


def test_files_and_their_stems(mix):
    code = main(["render", str(mix / "mix.wav"), "--out", str(mix / "out"), "--preset", str(mix / "small.npz"),
                 "--midi", f"{mix / 'left.mid'}@a", "--midi", f"{mix / 'right.mid'}@b", "--set", "gain_db.b=0"])
    assert code == 0 and [stem["name"] for stem in report_of(mix)["stems"]][:2] == ["a", "b"]


def test_what_is_refused(mix, capsys):
    refused(capsys, mix, render(mix, "--by", "channel", midi="left.mid@a"), "leave out --by channel")
    refused(capsys, mix, render(mix, midi="missing.mid@a"), "missing.mid")
    refused(capsys, mix, render(mix, midi="left.mid@residual"), "FILE@STEM")
