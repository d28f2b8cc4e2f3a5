"""A small corpus for the tests of `rtsep batch`, the command on it, and what it left there."""

from __future__ import annotations

import csv
import json
import os
import pickle
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import soundfile
from conftest import make_preset
from instruments import write_tracks
from render_files import tone

from rtsep.cli import main
from rtsep.presets.preset import save_preset

RATE = 22050
SONGS = ("one/a", "one/b", "two/a", "two/deep/c")
# Beside the tests' modules, a worker's Python finds this at its start. It ends a process that opens a file of a certain name:
# crash.wav always, and kill-*.wav once for each.
SITE = '''
import os, signal, sys

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)) and "RTSEP_TEST_MAIN" in os.environ:
        name = os.path.basename(os.fsdecode(arguments[0]))
        mark = os.path.join(os.path.dirname(os.fsdecode(arguments[0])), name + ".killed")
        if os.environ["RTSEP_TEST_MAIN"] == str(os.getpid()):
            return
        if name == "crash.wav":
            os.kill(os.getpid(), signal.SIGSEGV)
        if name.startswith("kill-") and name.endswith(".wav") and not os.path.exists(mark):
            os.close(os.open(mark, os.O_CREAT))
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
'''


def write_song(path, seed, seconds=0.8):
    """path.wav and path.mid: two tracks of random notes."""
    rng, sound, tracks = np.random.default_rng(seed), np.zeros(round(seconds * RATE)), {}
    for name in ("Left", "Right"):
        tracks[name] = []
        for pitch in rng.choice((48, 52, 60, 64, 67), 2, replace=False):
            begin = rng.uniform(0, seconds / 2)
            part = tone(int(pitch))[: len(sound) - round(begin * RATE)]
            sound[round(begin * RATE) : round(begin * RATE) + len(part)] += part
            tracks[name].append((begin, seconds - 0.1, int(pitch)))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path.with_suffix(".wav"), sound, RATE, "FLOAT")
    write_tracks(path.with_suffix(".mid"), tracks)


def write_corpus(folder, names=SONGS):
    """The songs of these names, and beside their folder the preset small.npz."""
    for seed, name in enumerate(names):
        write_song(folder / "songs" / name, seed)
    save_preset(make_preset(window=1024, rate=RATE), folder / "small.npz")
    return folder


def words(folder, *options, given="songs", out="out", workers=1):
    """The arguments of the command."""
    who = () if "--engine" in options else ("--workers", str(workers))
    return ["batch", str(folder / given), "--out", str(folder / out), "--preset", str(folder / "small.npz"), *who,
            *map(str, options)]


def batch(folder, *options, **more):
    """Run the command in-process; its exit code."""
    return main(words(folder, *options, **more))


def command(folder, *options, **more):
    """The command line of a process of its own."""
    return [sys.executable, "-m", "rtsep", *words(folder, *options, **more)]


def rows(folder, out="out"):
    """The rows of results.csv by id."""
    with open(folder / out / "results.csv", encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len({row["id"] for row in found}) == len(found)
    return {row["id"]: row for row in found}


def journal(folder, out="out"):
    """The lines of the journal."""
    return [json.loads(line) for line in (folder / out / "journal.jsonl").read_text(encoding="utf-8").splitlines()]


def sounds(folder):
    """The samples of all stems below a folder, as bytes, by path."""
    return {path.relative_to(folder).as_posix(): soundfile.read(path, dtype="float32")[0].tobytes()
            for path in sorted(Path(folder).rglob("*.wav"))}


def all_done_once(folder, out="out", names=SONGS):
    """Every item has its folder and its row, and nothing else is there."""
    top = folder / out
    assert {id: row["status"] for id, row in rows(folder, out).items()} == dict.fromkeys(names, "done")
    assert {path.parent.relative_to(top).as_posix() for path in top.rglob("item.json")} == {*names}
    assert {path.parent.relative_to(top).as_posix() for path in top.rglob("*.wav")} == {*names}
    assert not (top / ".parts").exists()


def same_bits_though_workers_die(top, engine, names):
    """A run on `engine` (options), where one item crashes every decoder, and again without it: the stems are those of `render`.

    Returns the folder of the corpus.
    """
    folder = write_corpus(top, (*names, "crash"))
    assert batch(folder, *engine) == 0
    crashed = rows(folder)["crash"]
    assert crashed["status"] == "failed" and "4 workers died of it" in crashed["error"]
    (folder / "songs" / "crash.wav").unlink()
    assert batch(folder, *engine) == 0
    all_done_once(folder, names=names)
    for name in names:
        song = folder / "songs" / name
        assert main(["render", f"{song}.wav", "--midi", f"{song}.mid", "--out", str(folder / "each" / name), "--preset",
                     str(folder / "small.npz")]) == 0
    assert sounds(folder / "out") == sounds(folder / "each")
    return folder


class Here:
    """An engine in this process, for tests of all but engines: starting processes takes seconds."""

    workers, where = 1, "this process"

    def map(self, function, shared, tasks):
        """See `rtsep.batch.engines.Engine`."""
        for task in tasks:
            yield task, function(pickle.loads(pickle.dumps(shared)), task)


def work_here(monkeypatch):
    """From now on `rtsep batch` works in this process."""
    monkeypatch.setattr("rtsep.batch.engines.open_engine", lambda wish: nullcontext(Here()))


def watched(monkeypatch, folder):
    """From now on, workers that open certain files die (see SITE); this process does not."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *filter(None, sys.path)]))
    monkeypatch.setenv("RTSEP_TEST_MAIN", str(os.getpid()))
