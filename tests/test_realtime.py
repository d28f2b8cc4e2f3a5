"""What the audio thread can rely on: nothing allocates, compiles or moves, and denormals are flushed."""

import ctypes
import platform

import numba
import numpy as np
import pytest
from conftest import HEAP_SLACK, ON, SMALL, band, make_preset, midi, one_stem, play, prepared, random_midi, two_parts
from engine_state import entry_call
from numba.core import event

from rtsep.compiling import machine
from rtsep.engine.streaming import Counters
from rtsep.kernels import memory
from rtsep.kernels.marks import INNER, NUMERIC
from rtsep.kernels.native import flush_to_zero, restore_denormals
from rtsep.stages import entries
from rtsep.stages.records import STATE

KNOWS_DENORMALS = platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64")


@pytest.fixture
def busy(preset, rng):
    """A separator in a busy state: stereo, pedals, notes, stolen voices, closed rows and bad samples."""
    separator = prepared(preset, two_parts(), {**SMALL, "max_open_rows": 10}, 2)
    play(separator, band(rng, 2000, 2), random_midi(rng, 100, 2000))
    return separator


# --- memory -----------------------------------------------------------------------------------------------------------


def test_the_heap_is_seen(heap):
    """Without this, the next tests would prove nothing."""
    before = heap()
    kept = np.ones(10_000)
    assert heap() - before >= kept.nbytes
    del kept
    assert heap() - before < HEAP_SLACK


@pytest.mark.parametrize("frames", [1, 64, 100, 4096])
def test_nothing_is_allocated_in_1_or_1000_blocks(busy, rng, heap, frames):
    sound = band(rng, frames, 2)
    sound[0, 0] = np.nan
    events = random_midi(rng, 30, frames)
    address = entry_call(busy, sound, events)
    for count in (1, 1000 if frames < 1000 else 30):
        before = heap()
        for _ in range(count):
            busy._entry(address)
        assert heap() - before < HEAP_SLACK
    assert busy.counters.frames > 10 and busy.open_count > 0


@pytest.mark.parametrize("params, channels", [({"mode": "live"}, 1), ({"mode": "quality"}, 1),
                                              ({"gate": False, "latency_samples": 128}, 3), ({"mode": "instant"}, 2)])
def test_nothing_is_allocated_in_other_modes(rng, heap, params, channels):
    """This holds from the first block after `prepare` on."""
    separator = prepared(make_preset(window=4096), one_stem(), params, channels)
    address = entry_call(separator, band(rng, 2048, channels), midi((0, ON, 60, 90)))
    for count in (1, 10):
        before = heap()
        for _ in range(count):
            separator._entry(address)
        assert heap() - before < HEAP_SLACK


def test_arrays_are_never_replaced(busy, rng):
    """Compiled code keeps the addresses of arrays, so the arrays must stay, whatever is played, set and reset."""

    def addresses():
        own = {name: array.ctypes.data for name, array in busy.prepared.state.items()}
        for name, address in own.items():
            assert busy.prepared.state_record[name][0] == address, name
        for name, array in busy.prepared.plan.values.items():
            if isinstance(array, np.ndarray):
                own[f"plan {name}"] = array.ctypes.data
                assert busy.prepared.plan.record[name][0] == array.ctypes.data, name
        now = busy.prepared
        for name, array in (("input", now.input), ("stems", now.stems), ("mix", now.mix), ("targets", now.targets),
                            ("plan", now.plan.record), ("state", now.state_record)):
            own[f"call {name}"] = array.ctypes.data
            assert now.call[name][0] == array.ctypes.data, name
        return own

    before = addresses()
    for _ in range(3):
        play(busy, band(rng, 5000, 2), random_midi(rng, 300, 5000), (4096, 1, 77))
        busy.set("wet", 0.5)
        busy.set("gain_db.left", -20)
        busy.reset()
    assert addresses() == before


def test_input_and_plan_are_left_alone(busy, rng):
    sound, events = band(rng, 3000, 2), random_midi(rng, 100, 3000)
    sound[:, 77] = np.nan
    kept = [array.copy() for array in (sound, events)]
    plan = {name: np.copy(value) for name, value in busy.prepared.plan.values.items()}
    play(busy, sound, events, (3000,))
    assert np.array_equal(sound, kept[0], equal_nan=True) and np.array_equal(events, kept[1])
    for name, value in plan.items():
        assert np.array_equal(value, busy.prepared.plan.values[name]), name


@pytest.mark.parametrize("params", [{}, {"gate": False}, {"mode": "instant"}, {"mode": "instant", "filter_taps": 101}])
def test_nothing_is_written_beyond_the_arrays(rng, params):
    """The memory before and after each array of state and output keeps its bytes."""
    separator = prepared(make_preset(rows=3), two_parts(), {**SMALL, "max_open_rows": 7, **params}, 2)
    fence, guarded = 64, {}

    def fenced(array):
        room = np.full(array.nbytes + 2 * fence, 0xA5, np.uint8)
        inner = room[fence : fence + array.nbytes].view(array.dtype).reshape(array.shape)
        inner[...] = array
        return room, inner

    for name, array in separator.prepared.state.items():
        guarded[name], separator.prepared.state[name] = fenced(array)
        separator.prepared.state_record[name] = separator.prepared.state[name].ctypes.data
    for name in ("stems", "mix", "input"):
        guarded[name], inner = fenced(getattr(separator.prepared, name))
        setattr(separator.prepared, name, inner)
        separator.prepared.call[name] = inner.ctypes.data
    events = random_midi(rng, 2000, 6000, parts=4, channels=16)
    stems, _ = play(separator, band(rng, 6000, 2), events, (4096, 63, 1))
    assert np.abs(stems[0]).max() > 0.01
    for name, room in guarded.items():
        assert (room[:fence] == 0xA5).all() and (room[-fence:] == 0xA5).all(), name


# --- compiling --------------------------------------------------------------------------------------------------------


def compilations(action):
    with event.install_recorder("numba:compile") as recorder:
        action()
    return len(recorder.buffer)


def test_the_recorder_records():
    fresh = numba.njit(lambda x: x + 1)
    assert compilations(lambda: fresh(1)) > 0 and compilations(lambda: fresh(2)) == 0


def test_nothing_compiles_while_playing(busy, rng, monkeypatch):
    """With arrays of any kind: the compiled entry gets addresses, not types."""
    sound = band(rng, 500, 2)
    frozen = sound.copy()
    frozen.flags.writeable = False

    def everything():
        for given in (sound, sound.astype(float), sound[:, ::-1], np.asfortranarray(sound), frozen, sound[:, :0]):
            busy.process(given)
        busy.process(sound, random_midi(rng, 50, 500))
        busy.process(sound, midi((0, 0xFF, 255, 255, 255)))
        busy.set("gain_db.left", -120)
        busy.process(np.full((2, 300), np.nan, np.float32))
        busy.reset()
        busy.prepare(44100, 5, 100)
        busy.process(np.zeros((5, 100), np.float32))

    monkeypatch.setattr(machine, "_build", lambda *_: pytest.fail("it compiles"))
    monkeypatch.setattr(machine, "LoadedCode", lambda *_: pytest.fail("it loads code"))
    assert compilations(everything) == 0


def test_entry_is_machine_code_with_one_signature(busy, preset):
    exports = entries.EXPORTS["engine"]
    assert str(exports["process"][1]) == "(int64,) -> none" and list(exports) == ["process"]
    assert ctypes.cast(busy._entry, ctypes.c_void_p).value == busy.entry_address == machine.address("engine", "process")
    assert prepared(preset, one_stem(), {**SMALL, "mode": "instant"}).entry_address == busy.entry_address


def test_same_machine_code_for_every_caller(busy, rng):
    """A native host that calls the entry by its address gets the same bits as Separator.process."""
    sound, events = band(rng, 1000, 2), random_midi(rng, 40, 1000)
    busy.reset()
    expected = busy.process(sound, events).stems.copy()
    busy.reset()
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(busy.entry_address)(entry_call(busy, sound, events))
    assert np.array_equal(busy.prepared.stems[:, :, :1000], expected)


def test_no_fastmath_that_loses_nan():
    """NaN in the input must be noticed. Compiler flags that promise "no NaN" would remove the check."""
    for options in (NUMERIC, INNER):
        assert not options["fastmath"] & {"nnan", "ninf", "fast"}
        assert options["error_model"] == "numpy" and options["nogil"]


# --- denormals --------------------------------------------------------------------------------------------------------


TINY = np.float32(1e-40)


def survives():
    """Whether arithmetic on this thread keeps denormal numbers."""
    return bool((np.full(64, TINY) * np.float32(0.5)).any())


@numba.njit
def flushed_and_not(x):
    before = x[0] * x[1]
    word = flush_to_zero()
    inside = x[0] * x[1]
    restore_denormals(word)
    return before, inside, x[0] * x[1]


@pytest.mark.skipif(not KNOWS_DENORMALS, reason="the processor's control word is unknown")
def test_flush_to_zero_and_back():
    before, inside, after = flushed_and_not(np.array([TINY, 0.5], np.float32))
    assert before == after == np.float32(TINY * np.float32(0.5)) > 0
    assert inside == 0


@pytest.mark.skipif(not KNOWS_DENORMALS, reason="the processor's control word is unknown")
def test_denormals_are_flushed_inside_and_not_outside(preset):
    """The residual is the input minus the stems. With denormals it would be the tiny input, delayed."""
    separator = prepared(preset, one_stem())
    assert survives()
    stems, _ = play(separator, np.full((1, 1000), TINY))
    assert not stems.any()
    assert survives()


@numba.njit
def word_now():
    word = flush_to_zero()
    restore_denormals(word)
    return word


@pytest.mark.skipif(not KNOWS_DENORMALS, reason="the processor's control word is unknown")
def test_control_word_comes_back_even_if_it_was_set(busy, rng):
    @numba.njit
    def set_word(word):
        restore_denormals(word)

    own = word_now()
    call = entry_call(busy, band(rng, 200, 2), midi())
    flags = 0x8040 if platform.machine().lower() in ("x86_64", "amd64") else 1 << 24
    set_word(own | flags)
    try:
        busy._entry(call)
        assert word_now() & flags == flags
    finally:
        set_word(own)
    busy._entry(call)
    assert word_now() & flags == 0


# --- what both sides call by one name ---------------------------------------------------------------------------------


def test_counters_and_sizes_of_python_and_compiled_code_agree():
    assert all(STATE.fields[name].cell for name in Counters.__dataclass_fields__) and memory.EVENT.itemsize == 16
    assert memory.EVENT.names == ("sample", "part", "status", "data1", "data2", "stem")
    assert [memory.EVENT.fields[name][1] for name in memory.EVENT.names] == [0, 8, 9, 10, 11, 12]
