"""`rtsep render MIX --score FILE`: a score that is not in time is brought into line, and its notes are written."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from instruments import write_tracks

from rtsep.cli import main
from rtsep.measure import sdr_db
from rtsep.notes.score import Score, read_midi
from rtsep.notes.written import written_midi

DEMO = Path(__file__).parent.parent / "presets" / "demo"
HANDS = ("left_hand", "right_hand")


def moved(score, times):
    """The score at other times."""
    return Score(**{**vars(score), "seconds": times(score.seconds), "duration_s": float(times(score.seconds).max())})


def on_channel_10(score):
    """The score as drums."""
    messages = score.messages.copy()
    messages[:, 1] = messages[:, 1] & 0xF0 | 9
    return Score(**{**vars(score), "messages": messages, "programs": {}})


def swinging(seconds):
    return 1.0 + 1.3 * (seconds + 0.2 * 5 / (2 * np.pi) * np.sin(2 * np.pi * seconds / 5))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The bundled clip, its score at another tempo, which swings, and the stems that rtsep makes with that score."""
    folder = tmp_path_factory.mktemp("aligned")
    (folder / "score.mid").write_bytes(written_midi(moved(read_midi(DEMO / "demo.mid"), swinging)))
    for name, pitch in {"other": lambda n: 90 + 5 * n % 12, "doubtful": lambda n: 37 + 6 * (n % 7)}.items():
        write_tracks(folder / f"{name}.mid", {"Left": [(0.4 * n, 0.4 * n + 0.3, pitch(n)) for n in range(30)]})
    assert render(folder, "--score", folder / "score.mid", out="out") == 0
    return folder


def render(folder, *options, out, mix=DEMO / "mix.flac"):
    return main(["render", str(mix), "--out", str(folder / out), "--preset", "grand-piano", *map(str, options)])


def sdrs(folder, out):
    return [sdr_db(soundfile.read(folder / out / f"{hand}.wav")[0], soundfile.read(DEMO / f"{hand}.flac")[0]) for hand in HANDS]


def test_the_stems_are_nearly_those_of_true_times(folder):
    assert render(folder, "--midi", DEMO / "demo.mid", out="true") == 0
    assert render(folder, "--midi", folder / "score.mid", out="unmoved") == 0
    true, found, unmoved = (np.mean(sdrs(folder, out)) for out in ("true", "out", "unmoved"))
    assert found > true - 0.7 and unmoved < true - 4, (true, found, unmoved)


def test_the_notes_are_written_with_their_tracks(folder):
    true, found = read_midi(DEMO / "demo.mid"), read_midi(folder / "out" / "notes.mid")
    assert found.track_names == true.track_names and abs(found.note_count - true.note_count) <= 2
    away = [np.abs(found.notes()["onset_s"][found.notes()["pitch"] == note["pitch"]] - note["onset_s"]).min()
            for note in true.notes()]
    assert np.median(away) < 0.015 and np.quantile(away, 0.9) < 0.05


def test_the_written_notes_give_the_same_stems(folder):
    assert render(folder, "--midi", folder / "out" / "notes.mid", out="again") == 0
    for hand in HANDS:
        once, again = (soundfile.read(folder / out / f"{hand}.wav")[0] for out in ("out", "again"))
        assert np.sqrt(np.mean((once - again) ** 2)) < 0.01 * np.sqrt(np.mean(once**2))


def test_the_report_and_the_picture(folder):
    report = json.loads((folder / "out" / "report.json").read_text())
    told = report["aligned"]
    assert told["notes"] <= told["score_notes"] and told["sureness"] > 0.7 and told["jumps"] == []
    assert [each["start_s"] for each in told["passages"]] == [10.0 * number for number in range(len(told["passages"]))]
    assert all(each["sureness"] > 0.6 for each in told["passages"]) and report["warnings"] == []
    assert (folder / "out" / "path.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_hands_by_the_score(folder):
    assert render(folder, "--score", folder / "score.mid", "--by", "hands", "--end", "2", out="hands") == 0
    assert {*HANDS} <= {path.stem for path in (folder / "hands").iterdir()}


@pytest.mark.parametrize(("options", "words"), [
    (("--score", "other.mid"), ("other.mid does not seem to belong to this recording", "give --midi")),
    (("--score", "score.mid", "--offset", "1"), ("--offset", "--midi")),
    (("--score", "score.mid", "--mosaic", DEMO / "mix.flac"), ("--mosaic", "--midi")),
    (("--score", "drums.mid"), ("no pitched notes", "--midi")),
    (("--score", "nothing.mid"), ("nothing.mid",))])
def test_what_cannot_be_brought_into_line(folder, capsys, monkeypatch, options, words):
    monkeypatch.chdir(folder)
    (folder / "drums.mid").write_bytes(written_midi(on_channel_10(read_midi(DEMO / "demo.mid"))))
    assert render(folder, *options, out="refused") == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and all(word in told[0] for word in words) and not (folder / "refused").exists(), told


def test_a_doubtful_score_is_separated_with_a_warning(folder, capsys):
    """Scores that rtsep cannot tell from right ones are not refused."""
    assert render(folder, "--score", folder / "doubtful.mid", "--end", "2", out="doubtful") == 0
    told = capsys.readouterr().err
    assert "hardly fits this recording: its sureness is 0.4" in " ".join(told.split()), told


def test_a_score_is_never_replaced_by_the_notes(folder, capsys):
    mine = folder / "mine"
    mine.mkdir()
    (mine / "notes.mid").write_bytes((folder / "score.mid").read_bytes())
    assert render(folder, "--score", mine / "notes.mid", "--overwrite", out="mine") == 2
    assert (mine / "notes.mid").read_bytes() == (folder / "score.mid").read_bytes()


def test_drums_go_along_with_the_other_notes(folder):
    true = read_midi(DEMO / "demo.mid")
    drums = on_channel_10(true).messages
    drums[:, 0] = 2
    both = Score(**{**vars(true), "track_names": (*true.track_names, "Drums"), "seconds": np.repeat(true.seconds, 2),
                    "messages": np.stack([true.messages, drums], axis=1).reshape(-1, 4)})
    (folder / "with_drums.mid").write_bytes(written_midi(moved(both, swinging)))
    assert render(folder, "--score", folder / "with_drums.mid", "--end", "2", out="drums") == 0
    found = read_midi(folder / "drums" / "notes.mid")
    kit = found.notes()[found.notes()["channel"] == 9]
    away = [np.abs(kit["onset_s"][kit["pitch"] == note["pitch"]] - note["onset_s"]).min(initial=9) for note in true.notes()]
    assert len(kit) and np.median(away) < 0.04


def test_midi_and_score_stay_what_they_were(folder):
    """With --midi, a score only says which part a note belongs to."""
    assert render(folder, "--midi", DEMO / "demo.mid", "--score", folder / "score.mid", "--end", "2", out="both") == 0
    assert {path.name for path in (folder / "both").iterdir()}.isdisjoint({"notes.mid", "path.png"})
