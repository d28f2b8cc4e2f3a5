"""`rtsep batch` when things break: killed workers, a killed program, a crashing decoder, a full disk. All is done once."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from batch_files import SONGS, all_done_once, batch, command, journal, rows, sounds, watched, write_corpus

pytest.importorskip("joblib", reason="rtsep[batch] is not installed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")
WATCHDOG_S = 120  # Seconds after which a program that hangs is ended.


def test_workers_that_are_killed_and_an_item_that_kills_every_worker(tmp_path, monkeypatch):
    """Three items kill their worker once each, and one crashes the decoder whenever it is opened."""
    watched(monkeypatch, tmp_path)
    names = ("kill-1", "kill-2", "kill-3", "well")
    folder = write_corpus(tmp_path, (*names, "crash"))
    assert batch(folder, workers=2) == 0
    assert len([*(folder / "songs").glob("*.killed")]) == 3
    found = rows(folder)
    crashed = found.pop("crash")
    assert crashed["status"] == "failed" and "SIGSEGV" in crashed["error"] and "4 workers died" in crashed["error"]
    assert {id: row["status"] for id, row in found.items()} == dict.fromkeys(names, "done")
    assert sorted(line["id"] for line in journal(folder)) == sorted((*names, "crash"))
    assert {path.parent.name for path in (folder / "out").rglob("item.json")} == {*names}
    assert not (folder / "out" / ".parts").exists()


def test_the_program_is_killed_and_started_again(tmp_path):
    folder = write_corpus(tmp_path, (*SONGS, "three/a", "three/b"))
    names = (*SONGS, "three/a", "three/b")
    with subprocess.Popen(command(folder, "--json"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        first = json.loads(program.stdout.readline())
        program.kill()
    assert program.returncode == -signal.SIGKILL and first["status"] == "done"
    before = sounds(folder / "out" / first["id"])
    assert len(journal(folder)) < len(names)
    assert batch(folder) == 0
    all_done_once(folder, names=names)
    assert sorted(line["id"] for line in journal(folder)) == sorted(names), "none is noted twice"
    assert sounds(folder / "out" / first["id"]) == before


def test_ctrl_c_leaves_tables_of_what_is_done(tmp_path):
    folder = write_corpus(tmp_path)
    with subprocess.Popen(command(folder, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        program.stdout.readline()
        program.send_signal(signal.SIGINT)
        told = program.communicate(timeout=WATCHDOG_S)[1].strip().splitlines()
    assert program.returncode == 130 and "interrupted" in told[-1] and "Traceback" not in "\n".join(told)
    assert [row["status"] for row in rows(folder).values()].count("done") >= 1
    assert batch(folder) == 0
    all_done_once(folder)


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a disk of so many kilobytes at `out`, or changes its size."""
    disk = tmp_path / "out"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}k", disk], check=True)
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_ends_the_run_in_words_and_the_same_command_goes_on(tmp_path, small_disk, capsys):
    folder = write_corpus(tmp_path)
    small_disk(400)
    assert batch(folder) == 2
    told = capsys.readouterr().err
    assert "free some space" in told and "the same command goes on with the rest" in told and "Traceback" not in told
    assert 1 <= len(journal(folder)) < len(SONGS)
    assert not Path(folder / "out" / ".parts").exists() or not [*(folder / "out" / ".parts").rglob("*.wav")]
    small_disk(10_000)
    assert batch(folder) == 0
    all_done_once(folder)
