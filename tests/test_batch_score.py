"""The column `score` of a manifest: `rtsep batch` brings a score into line with the recording."""

import csv
from pathlib import Path

import numpy as np

from rtsep.batch.items import read_items
from rtsep.batch.task import inputs_of, task_of
from rtsep.cli import main
from rtsep.hosts.render import Job
from rtsep.notes.read import read_notes
from rtsep.notes.score import Score, read_midi
from rtsep.notes.written import written_midi

DEMO = Path(__file__).parent.parent / "presets" / "demo"


def write_score(path, tempo):
    """The score of the clip at another tempo."""
    score = read_midi(DEMO / "demo.mid")
    seconds = score.seconds * tempo
    path.write_bytes(written_midi(Score(**{**vars(score), "seconds": seconds, "duration_s": float(seconds.max())})))


def rows(folder):
    with open(folder / "out" / "results.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def batch(folder):
    return main(["batch", str(folder / "songs.csv"), "--out", str(folder / "out"), "--workers", "1", "--preset", "grand-piano"])


def test_a_score_is_brought_into_line_once_and_again_when_it_has_changed(tmp_path, capsys):
    write_score(tmp_path / "score.mid", 1.3)
    line = f"{DEMO / 'mix.flac'},score.mid,left_hand={DEMO / 'left_hand.flac'},a"
    (tmp_path / "songs.csv").write_text(f"mix,score,stems,id\n{line}\n", encoding="utf-8")
    assert batch(tmp_path) == 0, capsys.readouterr().err
    (row,) = rows(tmp_path)
    assert row["status"] == "done" and float(row["sdr_db"]) > 8
    folder = tmp_path / "out" / "a"
    assert (folder / "path.png").is_file()
    found, true = (read_notes(path).notes()["onset_s"] for path in (folder / "notes.mid", DEMO / "demo.mid"))
    assert len(found) == len(true) and np.median(np.abs(found - true)) < 0.05
    made = (folder / "notes.mid").stat().st_mtime_ns
    assert batch(tmp_path) == 0 and (folder / "notes.mid").stat().st_mtime_ns == made
    write_score(tmp_path / "score.mid", 1.1)
    assert batch(tmp_path) == 0 and (folder / "notes.mid").stat().st_mtime_ns != made


def test_a_score_is_a_file_of_the_item(tmp_path):
    (tmp_path / "songs.csv").write_text("mix,midi,score\na.wav,a.mid,a.musicxml\nb.wav,b.mid,\n", encoding="utf-8")
    first, second = read_items(str(tmp_path / "songs.csv"), "out").items
    assert inputs_of(first) == [str(tmp_path / name) for name in ("a.wav", "a.mid", "a.musicxml")] and second.score == ""
    job = Job(Path(), Path())
    assert task_of(first, job).settings != task_of(second, job).settings


def test_a_missing_score_is_told(tmp_path, capsys):
    (tmp_path / "songs.csv").write_text(f"mix,score\n{DEMO / 'mix.flac'},gone.mid\n", encoding="utf-8")
    batch(tmp_path)
    (row,) = rows(tmp_path)
    assert row["status"] == "failed" and "gone.mid" in row["error"]
