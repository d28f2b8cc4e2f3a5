"""`rtsep batch` on one computer: the same sound as `rtsep render`, tables, resuming, checks."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from batch_files import RATE, SONGS, all_done_once, batch, journal, rows, sounds, words, work_here, write_corpus, write_song
from filelock import FileLock
from fresh_python import start

from rtsep.batch.journal import Journal
from rtsep.batch.run import plan
from rtsep.batch.work import Outcome
from rtsep.cli import main
from rtsep.hosts.render import Job

pytest.importorskip("joblib", reason="rtsep[batch] is not installed")
JOB = Job(Path(), Path())


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A corpus, and `out`: all of it, by two workers."""
    folder = write_corpus(tmp_path_factory.mktemp("batch"))
    assert batch(folder, workers=2) == 0
    return folder


def to_do(folder, *, given="songs", job=JOB, retry=False):
    """The ids of what is still to be done."""
    job = replace(job, presets=(str(folder / "small.npz"),))
    return [task.item.id for task in
            plan(str(folder / given), str(folder / "out"), job, Journal(folder / "out"), retry).tasks]


def test_one_worker_and_two_and_render_give_the_same_bits(done):
    all_done_once(done)
    assert batch(done, out="one") == 0
    for name in SONGS:
        song = done / "songs" / name
        assert main(["render", f"{song}.wav", "--midi", f"{song}.mid", "--out", str(done / "each" / name), "--preset",
                     str(done / "small.npz")]) == 0
    assert sounds(done / "out") == sounds(done / "one") == sounds(done / "each")


def test_the_table_says_what_the_reports_say(done):
    for name, row in rows(done).items():
        report = json.loads((done / "out" / name / "report.json").read_text())
        assert float(row["seconds"]) == report["seconds"] == 0.8 and int(row["stems"]) == 3 == len(report["stems"])
        assert row["mode"] == "quality" and row["preset"] == "small" and row["error"] == ""
        assert json.loads(row["levels_db"]) == {stem["name"]: stem["level_db"] for stem in report["stems"]}
        assert -60 < float(row["residual_db"]) < 0 and float(row["cpu_s"]) > 0
    assert (done / "out" / "summary.png").read_bytes()[:4] == b"\x89PNG"
    summary = json.loads((done / "out" / "summary.json").read_text())
    assert summary["done"] == 4 and summary["failed"] == 0 and {*summary["worst"]} == {*SONGS}


def test_parquet_has_the_same_table(done):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(done / "out" / "results.parquet").to_pylist()
    assert {row["id"]: str(row["level_db"]) for row in table} == {id: row["level_db"] for id, row in rows(done).items()}
    assert all(isinstance(row["sample_rate"], int) and row["sdr_db"] is None for row in table)


def test_done_items_are_not_done_again_but_changed_ones_are(tmp_path, monkeypatch, capsys):
    work_here(monkeypatch)
    folder = write_corpus(tmp_path, SONGS[:2])
    assert batch(folder) == 0
    before = journal(folder)
    assert to_do(folder) == []
    assert batch(folder) == 0 and journal(folder) == before
    assert to_do(folder, job=replace(JOB, params={"mode": "live"})) == to_do(folder, job=replace(JOB, by="all")) == [*SONGS[:2]]
    with monkeypatch.context() as other:
        other.setattr("rtsep.batch.task.engine_version", lambda: "another")
        assert to_do(folder) == [*SONGS[:2]]
    old = sounds(folder / "out")
    write_song(folder / "songs" / SONGS[0], 77)
    write_song(folder / "songs" / "new", 78)
    assert sorted(to_do(folder)) == ["new", SONGS[0]]
    capsys.readouterr()
    assert batch(folder, "--json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(line["id"] for line in told[:-1]) == ["new", SONGS[0]]
    assert (told[-1]["summary"]["done"], told[-1]["summary"]["done_now"], told[-1]["summary"]["done_before"]) == (3, 2, 1)
    now = sounds(folder / "out")
    changed = {path.rpartition("/")[0] for path in now if old.get(path) != now[path]}
    assert changed == {"new", SONGS[0]}
    all_done_once(folder, names=("new", *SONGS[:2]))


def test_folders_are_found_again_without_the_journal(tmp_path, monkeypatch):
    """As after a loss of the journal, or on another computer: what lies there whole is taken as it is."""
    work_here(monkeypatch)
    folder = write_corpus(tmp_path, SONGS[:1])
    assert batch(folder) == 0
    stem = folder / "out" / SONGS[0] / "left.wav"
    written = stem.stat().st_mtime_ns
    (folder / "out" / "journal.jsonl").unlink()
    assert batch(folder) == 0
    assert stem.stat().st_mtime_ns == written and len(journal(folder)) == 1
    all_done_once(folder, names=SONGS[:1])


def test_a_journal_that_was_cut_off_goes_on_where_it_is_whole(tmp_path, monkeypatch):
    work_here(monkeypatch)
    folder = write_corpus(tmp_path, SONGS[:2])
    assert batch(folder) == 0
    path = folder / "out" / "journal.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert batch(folder) == 0
    assert path.read_bytes() == whole


def test_a_failing_item_is_a_row_and_is_tried_again_when_asked(tmp_path, capsys, monkeypatch):
    work_here(monkeypatch)
    folder = write_corpus(tmp_path, SONGS[:2])
    good = (folder / "songs" / "one" / "a.wav").read_bytes()
    (folder / "songs" / "one" / "a.wav").write_bytes(b"no sound")
    assert batch(folder) == 0
    row = rows(folder)["one/a"]
    assert row["status"] == "failed" and "a.wav" in row["error"] and "\n" not in row["error"]
    assert rows(folder)["one/b"]["status"] == "done" and not (folder / "out" / "one" / "a").exists()
    assert "1 failed" in capsys.readouterr().out
    assert to_do(folder) == [] and to_do(folder, retry=True) == ["one/a"]
    (folder / "songs" / "one" / "a.wav").write_bytes(good)
    assert to_do(folder) == ["one/a"], "the file has changed"
    assert batch(folder) == 0
    all_done_once(folder, names=SONGS[:2])


def test_check_finds_what_is_missing_cut_off_or_stale(tmp_path, capsys, monkeypatch):
    work_here(monkeypatch)
    folder = write_corpus(tmp_path)
    assert batch(folder) == 0 and batch(folder, "--check") == 0
    out = folder / "out"
    stem = out / "one" / "a" / "left.wav"
    stem.write_bytes(stem.read_bytes()[:-100])
    (out / "one" / "b" / "residual.wav").unlink()
    write_song(folder / "songs" / "two" / "a", 99)
    (out / "two" / "deep" / "c" / "item.json").unlink()
    capsys.readouterr()
    assert batch(folder, "--check", "--json") == 2
    wrong = json.loads(capsys.readouterr().out)["wrong"]
    assert "bytes" in wrong["one/a"] and "missing" in wrong["one/b"] and "changed" in wrong["two/a"]
    assert "not done" in wrong["two/deep/c"]


def test_dry_run_tells_items_time_and_disk_and_writes_nothing(tmp_path, capsys):
    folder = write_corpus(tmp_path)
    assert batch(folder, "--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["to_do"] == told["items"] == 4 and told["sound_hours"] == pytest.approx(4 * 0.8 / 3600, abs=1e-4)
    assert told["gigabytes"] == pytest.approx(4 * 3 * 0.8 * RATE * 4 / 1e9, abs=1e-3) and not (folder / "out").exists()


def test_a_second_run_on_the_folder_is_refused(tmp_path, capsys):
    folder = write_corpus(tmp_path, SONGS[:1])
    (folder / "out").mkdir()
    with FileLock(folder / "out" / ".lock"):
        assert batch(folder) == 2
    assert "another rtsep batch works in" in capsys.readouterr().err


def test_what_is_no_result_is_not_replaced(tmp_path, monkeypatch):
    work_here(monkeypatch)
    folder = write_corpus(tmp_path, SONGS[:1])
    mine = folder / "out" / SONGS[0] / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert batch(folder) == 0
    assert rows(folder)[SONGS[0]]["status"] == "failed" and "no result of rtsep batch" in rows(folder)[SONGS[0]]["error"]
    assert mine.read_text() == "mine" and [*mine.parent.iterdir()] == [mine]


@pytest.mark.parametrize("options, said", [
    (("--preset", "nobody"), "nobody"), (("--workers", "0"), "--workers"), (("--engine", "dask"), "--address tcp://HOST"),
    (("--address", "tcp://x:1"), "joblib"), (("--set", "nothing=1"), "nothing"), (("--mode", "all"), "invalid choice")])
def test_mistakes_are_told_before_anything_is_done(tmp_path, capsys, options, said):
    folder = write_corpus(tmp_path, SONGS[:1])
    given = [word for word in words(folder) if options[0] != "--preset" or ("small" not in word and word != "--preset")]
    try:
        assert main([*given, *options]) == 2
    except SystemExit as error:
        assert error.code == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and said in told[0]
    assert not [*(folder / "out").glob("*.csv")]


def test_results_that_are_not_here_end_the_run(tmp_path, monkeypatch, capsys):
    """As with workers that have another disk at the same path."""
    work_here(monkeypatch)
    folder = write_corpus(tmp_path, SONGS[:1])
    monkeypatch.setattr("rtsep.batch.run.work", lambda order, task: Outcome("done", "key", {"seconds": 1.0}))
    assert batch(folder) == 2
    assert "give an --out that all workers reach" in capsys.readouterr().err and not (folder / "out" / "journal.jsonl").exists()


BARE = """
import sys
sys.modules.update(dict.fromkeys(("joblib", "distributed", "ray")))  # Importing them fails now.
from rtsep.cli import main
codes = [main([*sys.argv[1:], *who]) for who in ((), ("--engine", "dask", "--address", "x:1"), ("--engine", "ray"))]
print(codes, file=sys.stderr)
"""


def test_extras_that_are_missing_are_named(tmp_path):
    told = start(BARE, *words(write_corpus(tmp_path, SONGS[:1]))[:-2]).communicate(timeout=120)[1].splitlines()
    assert told[-1] == "[2, 2, 2]" and len(told) == 4
    assert all(f"pip install 'rtsep[{extra}]'" in line for extra, line in zip(("batch", "dask", "ray"), told, strict=False))


def test_without_pyarrow_there_is_no_parquet_and_it_is_said(tmp_path, monkeypatch, capsys):
    work_here(monkeypatch)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    folder = write_corpus(tmp_path, SONGS[:1])
    assert batch(folder) == 0
    assert "pip install pyarrow" in capsys.readouterr().out
    assert rows(folder)[SONGS[0]]["status"] == "done" and not (folder / "out" / "results.parquet").exists()


def test_true_stems_give_their_sdr(done, tmp_path, monkeypatch):
    """Of stems that the engine itself has made it is infinite, of the mix finite and equal to rtsep.measure's."""
    work_here(monkeypatch)
    from rtsep.measure import sdr_db

    stem, song = done / "out" / SONGS[0], done / "songs" / SONGS[0]
    manifest = [{"mix": f"{song}.wav", "midi": f"{song}.mid", "id": "self", "stems": str(stem), "tags": {"year": 1999}},
                {"mix": f"{song}.wav", "midi": f"{song}.mid", "id": "mix", "stems": {"LEFT": f"{song}.wav", "cello": "x.wav"}}]
    (tmp_path / "songs.jsonl").write_text("\n".join(map(json.dumps, manifest)))
    (tmp_path / "small.npz").write_bytes((done / "small.npz").read_bytes())
    (tmp_path / "x.wav").write_bytes(Path(f"{song}.wav").read_bytes())
    assert batch(tmp_path, given="songs.jsonl") == 0
    found = rows(tmp_path)
    assert json.loads(found["self"]["sdr_of_stems_db"]) == {"left": None, "residual": None, "right": None}
    assert found["self"]["sdr_db"] == "" and json.loads(found["self"]["tags"]) == {"year": 1999}
    left, mix = (soundfile.read(path)[0] for path in (stem / "left.wav", f"{song}.wav"))
    assert float(found["mix"]["sdr_db"]) == pytest.approx(sdr_db(left, mix), abs=1e-3)
    assert "cello has no SDR" in found["mix"]["warning_texts"] and found["mix"]["warnings"] == "1"
