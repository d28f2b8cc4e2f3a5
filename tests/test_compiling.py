"""From kernels to machine code: built once by whoever comes first, kept, found again, and never half done."""

import ctypes
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba.core import codegen

from rtsep.compiling import build, collect, machine, store
from rtsep.compiling.loader import MATHEMATICS, PREFIX, LoadedCode
from rtsep.compiling.progress import Progress, listening
from rtsep.compiling.units import CALLED, NEEDS, OBJECTS, USUAL_S, with_needs
from rtsep.errors import RtsepError

SOURCES = Path(store.__file__).parents[1]
WINDOW = 1024
# What the C library has that neither allocates, locks nor waits.
HARMLESS = {*MATHEMATICS, "memset", "memcpy", "memmove", "clock_gettime"}
JACK = {"jack_port_get_buffer", "jack_midi_get_event_count", "jack_midi_event_get"}
posix = pytest.mark.skipif(os.name == "nt", reason="made of signals and shell scripts")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of this test's own, in a process that has loaded nothing."""
    monkeypatch.setenv("RTSEP_CACHE_DIR", str(tmp_path / "cache"))
    for name, nothing in (("_loaded", {}), ("_aside", {}), ("_wanted", set())):
        monkeypatch.setattr(machine, name, nothing)
    return tmp_path / "cache"


def python(code, *arguments, **environment):
    """A fresh Python that runs `code`, its output readable line by line."""
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path, **environment})


def answer(process):
    """What it printed."""
    told, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    return told


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
            machine.compile_objects("notes")
        assert not machine.missing("notes")
        machine.compile_objects("notes")
    return base, told


def test_code_is_kept_and_nothing_else(compiled):
    base, _ = compiled
    folder, = (base / "cache").glob("code-*")
    assert leftovers(base) == ["notes.o"] and (folder / "notes.o").stat().st_size > 1000


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
    took = store.last_times()["notes"]
    assert 0.2 < took < 120 and store.last_functions()["notes"] >= 10
    assert machine.estimate_s("notes") == 0, "it is there"
    monkeypatch.setattr(store, "code_folder", lambda: None)
    assert machine.estimate_s("notes") == took


def test_a_cache_works_wherever_it_is_copied(compiled, cache):
    """By a program that does not even load Numba."""
    base, _ = compiled
    shutil.copytree(base / "cache", cache)
    code = "import sys; from rtsep.compiling import machine\nmachine._build = None\n" \
        "print(machine.address('notes', 'receive') != 0, machine.address('notes', 'nothing'), 'numba' in sys.modules)"
    assert answer(python(code)) == "True 0 False\n"


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
    machine.compile_objects("notes")
print(True in said, machine.missing("notes"))
"""
    told = sorted(answer(process) for process in [python(code) for _ in range(2)])
    assert told == ["True []\n", "built\nFalse []\n"], "one waits for the other"
    assert leftovers(cache) == ["notes.o"]


def builders_of(folder):
    """Processes that build into `folder`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with_zeros = path.read_bytes() if path.exists() else b""
        found += [path.parent.name] * (b"rtsep.compiling.build" in with_zeros and bytes(folder) in with_zeros)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_ctrl_c_ends_it_at_once_and_leaves_nothing(cache):
    process = python("""
from rtsep.compiling import machine
from rtsep.compiling.progress import listening
def tell(progress):
    if progress.done > 0:
        print("compiling", flush=True)
with listening(tell):
    machine.compile_objects("notes")
""")
    assert process.stdout.readline() == "compiling\n" and builders_of(cache)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, complaints = process.communicate(timeout=30)
    assert process.returncode in (-signal.SIGINT, 1) and complaints.strip().endswith("KeyboardInterrupt")
    assert time.monotonic() - began < 5 and not builders_of(cache)
    assert leftovers(cache) == [] and machine.missing("notes") == ["notes"]
    with machine._alone(store.code_folder()):
        pass  # nor is it locked


@posix
@pytest.mark.parametrize("script, told", [
    ("echo a warning >&2; echo no space left on device >&2; exit 1", "compiling failed: no space left on device"),
    ("echo notes optimise; kill -9 $$", "it was ended"), ("exit 3", "build . notes")])
def test_a_builder_that_fails_is_told_by_its_last_words(cache, tmp_path, monkeypatch, script, told):
    (tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "python").chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(RtsepError, match=told):
        machine.address("notes", "receive")
    assert leftovers(cache) == [] and machine.missing("notes") == ["notes"] and not machine._loaded
    with machine._alone(store.code_folder()):
        pass


def test_without_a_folder_it_is_compiled_aside(tmp_path):
    """Anew at each start, but it works."""
    (tmp_path / "file").write_text("")
    code = """
from rtsep.compiling import machine, store
from rtsep.compiling.progress import listening
told = []
with listening(told.append):
    print(store.code_folder(), machine.address("notes", "receive") != 0, machine.missing("notes"))
print({progress.kept for progress in told})
"""
    told = answer(python(code, RTSEP_CACHE_DIR=str(tmp_path / "file" / "cache"), TMPDIR=str(tmp_path)))
    assert told == "None True []\n{False}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_library_that_is_not_there():
    with pytest.raises(RuntimeError):
        machine.load_library("libnothing-at-all.so")


def test_kernels_that_python_calls_are_kept_in_the_same_folder(cache):
    """And other packages' code is kept where it was."""
    code = "import numba; from rtsep.kernels import load; path = load('factorise').multiply.stats.cache_path; " \
        "print(path, repr(numba.config.CACHE_DIR))"
    path, others = answer(python(code, NUMBA_CACHE_DIR="")).split()
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

    def build(names, folder):
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


# --- what compiled code is --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def code():
    """All object files."""
    machine.compile_objects(*OBJECTS)
    return {name: machine._code(name) for name in OBJECTS}


def symbols(code):
    """Names that an ELF object of 64 bits takes from elsewhere, and those that it gives."""
    if code[:5] != b"\x7fELF\x02":
        pytest.skip("no ELF object")
    at, size, count = (struct.unpack_from(form, code, offset)[0] for form, offset in (("<Q", 0x28), ("<H", 0x3A), ("<H", 0x3C)))
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, at + i * size) for i in range(count)]
    table = next(section for section in sections if section[1] == 2)
    names, undefined, defined = sections[table[6]], set(), set()
    for offset in range(table[4] + table[9], table[4] + table[5], table[9]):  # the first one is empty
        name, kind, _, section = struct.unpack_from("<IBBH", code, offset)
        begin = names[4] + name
        text = code[begin : code.index(b"\0", begin)].decode()
        if kind >> 4:  # not local
            (defined if section else undefined).add(text)
    return undefined, defined


@pytest.mark.parametrize("name", OBJECTS)
def test_nothing_outside_is_called_but_what_is_harmless(code, name):
    """No allocation, no lock, no interpreter, nothing of Numba: for whatever is played, since it is not there to be called."""
    undefined, defined = symbols(code[name])
    others = {PREFIX + function for need in NEEDS.get(name, ()) for function in CALLED[need]}
    assert undefined <= HARMLESS | others | (JACK if name == "jack" else set())
    exports = {export for module in OBJECTS[name] for export in build.import_module(module).EXPORTS[name]}
    assert defined == {PREFIX + export for export in exports} and exports >= set(CALLED.get(name, ()))


def test_the_same_reader_finds_what_is_called(code):
    """Otherwise the last test would prove nothing."""
    assert "clock_gettime" in symbols(code["live"])[0] and symbols(code["jack"])[0] >= JACK


def spectra_by(code, sounds):
    """FFTs [sound, bin] of the rows of `sounds`, and what the inverse makes of them, by the object `fft`."""
    from rtsep.stages.transform import values_for

    loaded, values = LoadedCode(code), values_for(sounds.shape[1])
    signature = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 5)
    scratch, twiddles = np.zeros(values["scratch_size"], np.float32), values["twiddles"]
    forward, backward = (signature(loaded.address(name)) for name in ("forward", "backward"))
    spectra, back = np.zeros((len(sounds), sounds.shape[1] // 2 + 1), np.complex64), np.zeros_like(sounds)
    for sound, spectrum, again in zip(sounds, spectra, back, strict=True):
        others = sounds.shape[1], twiddles.ctypes.data, scratch.ctypes.data
        forward(sound.ctypes.data, spectrum.ctypes.data, *others)
        backward(spectrum.ctypes.data, again.ctypes.data, *others)
    return spectra, back


def test_both_ways_of_compiling_give_the_same(code, rng, tmp_path):
    """Optimised once, as it is where Numba lets us, or Numba's own way."""
    way = "import sys; from rtsep.compiling.build import build; open(sys.argv[1], 'wb').write(build('fft', print, once=False))"
    told = answer(python(way, tmp_path / "fft.o")).split()
    assert told == ["forward", "backward", "optimise", "emit"]
    sounds = rng.standard_normal((3, WINDOW)).astype(np.float32)
    expected = np.fft.rfft(sounds.astype(float))
    found = [spectra_by(each, sounds) for each in (code["fft"], (tmp_path / "fft.o").read_bytes())]
    for spectra, back in found:
        assert np.abs(spectra - expected).max() < 1e-6 * np.abs(expected).max()
        np.testing.assert_allclose(back, sounds, atol=2e-6)
    assert np.abs(found[0][0] - found[1][0]).max() < 1e-6 * np.abs(expected).max()


def test_the_installed_numba_is_one_that_collects():
    assert collect.can_collect()


@pytest.mark.parametrize("owner, name", [
    (codegen.CodeLibrary, "_raise_if_finalized"), (codegen, "JITCodeLibrary"), (llvm, "create_pass_builder"),
    (codegen.JITCPUCodegen, "set_env")])
def test_another_numba_is_left_to_work_as_it_does(monkeypatch, owner, name):
    monkeypatch.delattr(owner, name)
    assert not collect.can_collect()


@pytest.mark.parametrize("version, known", [("0.60.1", False), ("0.61.0", True), ("0.68.3", True), ("0.69.0rc1", False)])
def test_numbas_that_nobody_has_tried_do_not_collect(monkeypatch, version, known):
    monkeypatch.setattr(collect.numba, "__version__", version)
    assert collect.can_collect() == known


@pytest.mark.parametrize("once, able, way", [(None, True, b"once"), (None, False, b"plain"), (True, False, b"once"),
                                             (False, True, b"plain")])
def test_which_way_is_taken(monkeypatch, once, able, way):
    monkeypatch.setattr(build, "can_collect", lambda: able)
    monkeypatch.setattr(build, "collected", lambda exports, told: b"once" + b"".join(map(str.encode, exports)))
    monkeypatch.setattr(build, "plain", lambda exports, told: b"plain" + b"".join(map(str.encode, exports)))
    assert build.build("notes", print, once) == way + b"receive"


# --- where it is kept -------------------------------------------------------------------------------------------------


def test_the_folder_is_where_it_is_told_and_ours_alone(cache):
    assert store.cache_base() == cache
    folder = store.code_folder()
    assert folder.parent == cache and folder.name == f"code-{store.fingerprint()}" and folder.is_dir()
    assert machine.missing("engine") == ["fft", "notes", "estimate", "engine"]
    assert not store.is_temporary(folder), "though it lies below the folder for what is temporary, as tests' folders do"
    assert store.is_temporary(None)
    if os.name != "nt":
        assert folder.stat().st_mode & 0o077 == 0, "it holds code that will be run: nobody else may write there"


def test_no_folder_at_all(tmp_path, monkeypatch):
    """Nothing can be written: no cache, but no error."""
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


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder away")
def test_folder_of_somebody_else_is_not_trusted(tmp_path, monkeypatch):
    """In a shared temporary folder anybody could have put code there."""
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
    """The same sources lie where they like; code of others, of other packages or for another processor is never run."""
    fingerprint = store.fingerprint.__wrapped__  # which is worked out once in a program
    before = fingerprint()
    for room in (*store.COMPILED, "compiling"):
        shutil.copytree(SOURCES / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(store, "_SOURCES", tmp_path)
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
    monkeypatch.setattr(store, "processor", lambda: ("another", "+features"))
    found.append(fingerprint())
    assert len(set(found)) == len(found) and all(len(name) == 16 for name in found)


def test_code_that_nobody_used_for_long_is_removed(cache):
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
def test_times_that_nobody_can_read_are_as_none(cache, kept):
    store.keep_times({"notes": 2.04, "fft": 3.0}, {"notes": 15})
    assert store.last_times() == {"notes": 2.0, "fft": 3.0} and store.last_functions() == {"notes": 15, "fft": 0}
    assert json.loads((cache / "compiled.json").read_text()) == {"notes": [2.0, 15], "fft": [3.0, 0]}
    (cache / "compiled.json").write_text(kept)
    assert store.last_times() == {}
    store.keep_times({"fft": 1.0}, {"fft": 9})
    assert store.last_times() == {"fft": 1.0}
