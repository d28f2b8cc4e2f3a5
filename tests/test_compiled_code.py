"""What compiled code is: it calls nothing that allocates, locks or waits, and both ways of compiling give the same."""

import ctypes
import gc
import platform
import struct
import sys
import weakref

import llvmlite.binding as llvm
import numpy as np
import pytest
from fresh_python import answer, start
from numba.core import codegen

from rtsep.compiling import build, collect, machine
from rtsep.compiling.loader import MATHEMATICS, PREFIX, LoadedCode
from rtsep.compiling.units import CALLED, NEEDS, OBJECTS

WINDOW = 1024
# What the C library has that neither allocates, locks nor waits.
HARMLESS = {*MATHEMATICS, "memset", "memcpy", "memmove", "clock_gettime"}
JACK = {"jack_port_get_buffer", "jack_midi_get_event_count", "jack_midi_event_get", "jack_last_frame_time"}


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


# Eight gigabytes are mapped below everything, all holes above them are filled, and one hole of 32 KB is left in their middle:
# small sections fit into it, large ones only below.
HOLES = """
import contextlib, ctypes, sys
from rtsep.compiling import loader, machine
code = machine._code("fft"), machine._code("estimate")
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
ANONYMOUS = 0x4022
at = libc.mmap(None, 8 << 30, 0, ANONYMOUS, -1, 0)
for piece in (1 << 20, 1 << 16, 1 << 12):
    while libc.mmap(None, piece, 0, ANONYMOUS, -1, 0) > at:
        pass
libc.munmap(at + (8 << 30) - (1 << 22), 8 << 12)
if sys.argv[1] == "as llvm does":
    loader._without_holes = contextlib.nullcontext
kept = [loader.LoadedCode(code[0], ("forward", "backward")), loader.LoadedCode(code[1])]
print("loaded")
"""


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="other systems place memory otherwise")
def test_code_is_loaded_where_gigabytes_with_small_holes_are_mapped(code):
    """As in Ray's workers. LLVM by itself ends the program there, for the sections of an object come too far apart."""
    ended = start(HOLES, "as llvm does")
    assert "isInt<32>" in ended.communicate(timeout=120)[1] and ended.returncode < 0
    assert answer(start(HOLES, "with us")) == "loaded\n"


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
    told = answer(start(way, tmp_path / "fft.o")).split()
    assert told == ["forward", "backward", "optimise", "emit"]
    sounds = rng.standard_normal((3, WINDOW)).astype(np.float32)
    expected = np.fft.rfft(sounds.astype(float))
    found = [spectra_by(each, sounds) for each in (code["fft"], (tmp_path / "fft.o").read_bytes())]
    for spectra, back in found:
        assert np.abs(spectra - expected).max() < 1e-6 * np.abs(expected).max()
        np.testing.assert_allclose(back, sounds, atol=2e-6)
    assert np.abs(found[0][0] - found[1][0]).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("exports", [(), CALLED["fft"]])
def test_code_that_other_code_may_call_is_never_freed(code, exports):
    loaded = LoadedCode(code["fft"], exports)
    engine = weakref.ref(loaded._engine)
    del loaded
    gc.collect()
    assert (engine() is not None) == bool(exports)


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
