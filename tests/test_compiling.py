"""From kernels to machine code: built once by whoever comes first, found again, never half done, and how far it is."""

import os
import shutil
import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from fresh_python import answer, start

from rtsep.compiling import machine, store
from rtsep.compiling.progress import Progress, listening
from rtsep.compiling.units import CALLED, NEEDS, OBJECTS, USUAL_S, with_needs
from rtsep.errors import RtsepError

posix = pytest.mark.skipif(os.name == "nt", reason="made of signals and shell scripts")


def leftovers(folder):
    """All files that compiling left, without the lock and the times."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name not in ("lock", "compiled.json"))


# --- compiling --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A cache into which the smallest object was compiled, and what was told meanwhile; Numba would like to keep code too."""
    base, told = tmp_path_factory.mktemp("compiled"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RTSEP_CACHE_DIR", str(base / "cache"))
        patch.setenv("NUMBA_CACHE_DIR", str(base / "numba"))
        patch.setattr(machine, "_loaded", {})
        patch.setattr(machine, "_wanted", set())
        with listening(told.append):
            machine.compile_objects("fft")
        assert not machine.missing("fft")
        machine.compile_objects("fft")
    return base, told


def test_code_is_kept_and_nothing_else(compiled):
    base, _ = compiled
    folder, = (base / "cache").glob("code-*")
    assert leftovers(base) == ["fft.o"] and (folder / "fft.o").stat().st_size > 1000


def test_progress_goes_from_nothing_to_all(compiled):
    _, told = compiled
    shares = [progress.done for progress in told]
    assert shares[0] == 0 and told[-1] == Progress(1.0, 0.0)
    assert all(a <= b for a, b in pairwise(shares)) and any(0 < share < 1 for share in shares)
    assert all(progress.left_s > 0 for progress in told[:-1]) and not any(progress.waits for progress in told)
    assert all(progress.kept for progress in told)


def test_the_next_time_is_estimated_by_the_last(compiled, monkeypatch):
    base, _ = compiled
    monkeypatch.setenv("RTSEP_CACHE_DIR", str(base / "cache"))
    monkeypatch.setattr(machine, "_loaded", {})
    took = store.last_times()["fft"]
    assert 0.2 < took < 120 and store.last_functions()["fft"] >= 10
    assert machine.estimate_s("fft") == 0, "it is there"
    monkeypatch.setattr(store, "code_folder", lambda: None)
    assert machine.estimate_s("fft") == took


def test_a_cache_works_wherever_it_is_copied(compiled, cache):
    """By a program that does not even load Numba."""
    base, _ = compiled
    shutil.copytree(base / "cache", cache)
    code = "import sys; from rtsep.compiling import machine\nmachine._build = None\n" \
        "print(machine.address('fft', 'forward') != 0, machine.address('fft', 'nothing'), 'numba' in sys.modules)"
    assert answer(start(code)) == "True 0 False\n"


def test_two_programs_at_once_compile_once(cache):
    code = """
from rtsep.compiling import machine
from rtsep.compiling.progress import listening
build, said = machine._build, []
def counted(*given):
    print("built", flush=True)
    build(*given)
machine._build = counted
with listening(lambda progress: said.append(progress.waits)):
    machine.compile_objects("fft")
print(True in said, machine.missing("fft"))
"""
    told = sorted(answer(process) for process in [start(code) for _ in range(2)])
    assert told == ["True []\n", "built\nFalse []\n"], "one waits for the other"
    assert leftovers(cache) == ["fft.o"]


def builders_of(folder):
    """Processes that build into `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with_zeros = path.read_bytes() if path.exists() else b""
        found += [path.parent.name] * (b"rtsep.compiling.build" in with_zeros and bytes(folder) in with_zeros)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_ctrl_c_ends_it_at_once_and_leaves_nothing(cache):
    process = start("""
from rtsep.compiling import machine
from rtsep.compiling.progress import listening
def tell(progress):
    if progress.done > 0:
        print("compiling", flush=True)
with listening(tell):
    machine.compile_objects("fft")
""")
    assert process.stdout.readline() == "compiling\n" and builders_of(cache)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, complaints = process.communicate(timeout=30)
    assert process.returncode in (-signal.SIGINT, 1) and complaints.strip().endswith("KeyboardInterrupt")
    assert time.monotonic() - began < 5 and not builders_of(cache)
    assert leftovers(cache) == [] and machine.missing("fft") == ["fft"]
    with machine._alone(store.code_folder()):
        pass  # nor is it locked


@posix
@pytest.mark.parametrize("script, told", [
    ("echo a warning >&2; echo no space left on device >&2; exit 1", "compiling failed: no space left on device"),
    ("echo fft optimise; kill -9 $$", "it was ended"), ("exit 3", "build . fft")])
def test_a_builder_that_fails_is_told_by_its_last_words(cache, tmp_path, monkeypatch, script, told):
    (tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "python").chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(RtsepError, match=told):
        machine.address("fft", "forward")
    assert leftovers(cache) == [] and machine.missing("fft") == ["fft"] and not machine._loaded
    with machine._alone(store.code_folder()):
        pass


def test_another_checkout_where_the_program_works_is_not_compiled(tmp_path):
    (tmp_path / "rtsep").mkdir()
    (tmp_path / "rtsep" / "__init__.py").write_text("raise SystemExit('this is another checkout')")
    code = f"""
import os
from rtsep.compiling import machine
os.chdir({str(tmp_path)!r})
print(machine.address("fft", "forward") != 0)
"""
    assert answer(start(code, RTSEP_CACHE_DIR=str(tmp_path / "cache"))) == "True\n"


def test_without_a_folder_it_is_compiled_aside(tmp_path):
    """Anew at each start, but it works."""
    (tmp_path / "file").write_text("")
    code = """
from rtsep.compiling import machine, store
from rtsep.compiling.progress import listening
told = []
with listening(told.append):
    print(store.code_folder(), machine.address("fft", "forward") != 0, machine.missing("fft"))
print({progress.kept for progress in told})
"""
    told = answer(start(code, RTSEP_CACHE_DIR=str(tmp_path / "file" / "cache"), TMPDIR=str(tmp_path)))
    assert told == "None True []\n{False}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_library_that_is_not_there():
    with pytest.raises(RuntimeError):
        machine.load_library("libnothing-at-all.so")


def test_kernels_that_python_calls_are_kept_in_the_same_folder(cache):
    """And other packages' code is kept where it was."""
    code = "import numba; from rtsep.kernels import load; path = load('factorise').multiply.stats.cache_path; " \
        "print(path, repr(numba.config.CACHE_DIR))"
    path, others = answer(start(code, NUMBA_CACHE_DIR="")).split()
    assert Path(path).parent == store.code_folder() / "numba" and others == "''"


# --- how far it is ----------------------------------------------------------------------------------------------------


def test_objects_are_built_two_at_a_time_for_about_as_long(monkeypatch):
    seconds = {"a": 10.0, "b": 4.0, "c": 3.0, "d": 2.0}
    monkeypatch.setattr(machine, "_processors", lambda: 8)
    assert machine._shared_out("abcd", seconds) == [["a"], ["b", "c", "d"]]
    assert machine._shared_out("a", seconds) == [["a"]]
    monkeypatch.setattr(machine, "_processors", lambda: 1)
    assert machine._shared_out("abcd", seconds) == [["a", "b", "c", "d"]]


def test_progress_follows_what_builders_say():
    work = machine._Work({"a": 3.0, "b": 1.0}, True)
    for line, done in (("a first\n", 0.62 * 0.5), ("a second\n", 0.62), ("a third\n", 0.62), ("a optimise\n", 0.62),
                       ("a emit\n", 0.88), ("a done\n", 1.0)):
        work.note(line, {"a": 2}, 0.0)
        assert work.progress().done == pytest.approx(0.75 * done)
    assert set(work.took) == {"a"} and work.translated == {"a": 3}
    work.note("b done\n", {}, 0.0)
    assert 0.99 < work.progress().done < 1, "that all is done is said when it is in its place"


def test_what_a_program_will_want_is_compiled_along(cache, monkeypatch):
    """But nothing is compiled for that alone."""
    built = []

    def build(names, folder, target):
        built.append(names)
        for name in names:
            (folder / f"{name}.o").write_bytes(b"")

    monkeypatch.setattr(machine, "_build", build)
    machine.compile_objects("fft")
    machine.want("fft", "notes")
    machine.compile_objects("fft")
    machine.compile_objects("mosaic")
    machine.compile_objects("engine")
    assert built == [["fft"], ["notes", "mosaic"], ["estimate", "engine"]]


def test_units_are_told_apart():
    """Whatever calls another unit names it, and is compiled with it; every unit has a usual time."""
    assert with_needs("engine", "mosaic") == ["fft", "notes", "estimate", "engine", "mosaic"]
    assert set(OBJECTS) == set(USUAL_S) >= {*NEEDS, *CALLED}
    assert all(set(needs) <= set(CALLED) for needs in NEEDS.values())
