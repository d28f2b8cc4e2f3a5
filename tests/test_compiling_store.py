"""Where compiled code is kept: folders, fingerprints, what is removed, and stored times."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from rtsep.compiling import machine, store

SOURCES = Path(store.__file__).parents[1]


def test_the_folder_is_where_it_is_told_and_ours_alone(cache):
    assert store.cache_base() == cache
    folder = store.code_folder()
    assert folder.parent == cache and folder.name == f"code-{store.fingerprint()}" and folder.is_dir()
    assert machine.missing("engine") == ["fft", "notes", "estimate", "engine"]
    assert not store.is_temporary(folder), "although it lies below the temporary folder, as tests' folders do"
    assert store.is_temporary(None)
    if os.name != "nt":
        assert folder.stat().st_mode & 0o077 == 0, "nobody else may write there, since its code is executed"


def test_no_folder_at_all(tmp_path, monkeypatch):
    """If nothing can be written, there is no cache, but no error either."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RTSEP_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert store.cache_base() is None and store.code_folder() is None and store.last_times() == {}
    store.keep_times({"notes": 1.0}, {})


def test_no_temporary_folder_either(tmp_path, monkeypatch):
    def nowhere():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.delenv("RTSEP_CACHE_DIR", raising=False)
    monkeypatch.setattr(store.tempfile, "gettempdir", nowhere)
    monkeypatch.setattr(store, "user_cache_path", lambda *_, **__: tmp_path / "file" / "cache")
    (tmp_path / "file").write_text("")
    assert store.code_folder() is None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder to another user")
def test_folder_of_somebody_else_is_not_trusted(tmp_path, monkeypatch):
    """In a shared temporary folder anybody can put code."""
    given = tmp_path / "given"
    given.mkdir()
    os.chown(given, 12345, -1)
    monkeypatch.setenv("RTSEP_CACHE_DIR", str(given))
    assert store.code_folder() is None
    os.chown(given, 0, -1)
    (given / f"code-{store.fingerprint()}").mkdir()
    os.chown(given / f"code-{store.fingerprint()}", 12345, -1)
    assert store.code_folder() is None


def test_the_fingerprint_is_of_what_the_code_depends_on(tmp_path, monkeypatch):
    """Sources can lie anywhere. Code of other sources, of other packages or for another processor is never executed."""
    fingerprint = store.fingerprint.__wrapped__  # it is computed once per program
    before = fingerprint()
    for room in (*store.COMPILED, "compiling"):
        shutil.copytree(SOURCES / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(store, "_SOURCES", tmp_path)
    monkeypatch.setattr(store, "sources", store.sources.__wrapped__)
    (tmp_path / "kernels" / "notes.txt").write_text("no source")
    assert fingerprint() == before
    found = [before]
    with open(tmp_path / "compiling" / "machine.py", "a") as file:
        file.write("# only finds and loads it\n")
    assert fingerprint() == before
    for room, name in (("stages", "gate.py"), ("methods", "masks/power.py"), *(("compiling", name) for name in store.BUILDERS)):
        with open(tmp_path / room / name, "a") as file:
            file.write("# changed\n")
        found.append(fingerprint())
    for package in ("numba", "llvmlite", "numpy"):
        with monkeypatch.context() as patch:
            patch.setattr(store, "version", lambda name, new=package: "0.0" if name == new else "1.0")
            found.append(fingerprint())
    found.append(fingerprint(("another", "+features")))
    monkeypatch.setattr(store, "processor", lambda: ("another", "+features"))
    assert fingerprint() == found[-1], "the processor that was asked for, or this computer's"
    assert len(set(found)) == len(found) and all(len(name) == 16 for name in found)


def test_code_that_was_not_used_for_long_is_removed(cache):
    folder, long_ago = store.code_folder(), time.time() - 40 * 86400
    for name in ("code-old", "kernels-old", "code-new", "music-old"):
        (cache / name).mkdir()
        (cache / name / "engine.o").write_bytes(b"code")
        if name.endswith("old"):
            os.utime(cache / name, (long_ago, long_ago))
    os.utime(folder, (long_ago, long_ago))
    store.remove_unused(folder)
    assert {path.name for path in cache.iterdir()} == {folder.name, "code-new", "music-old"}
    store.touch(folder)
    assert time.time() - folder.stat().st_mtime < 3600


@pytest.mark.parametrize("kept", ["", "{", "[1]", '{"notes": 3}', '{"notes": ["a", "b"]}'])
def test_unreadable_times_are_ignored(cache, kept):
    store.keep_times({"notes": 2.04, "fft": 3.0}, {"notes": 15})
    assert store.last_times() == {"notes": 2.0, "fft": 3.0} and store.last_functions() == {"notes": 15, "fft": 0}
    assert json.loads((cache / "compiled.json").read_text()) == {"notes": [2.0, 15], "fft": [3.0, 0]}
    (cache / "compiled.json").write_text(kept)
    assert store.last_times() == {}
    store.keep_times({"fft": 1.0}, {"fft": 9})
    assert store.last_times() == {"fft": 1.0}
