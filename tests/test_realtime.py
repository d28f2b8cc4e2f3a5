"""What the audio thread may rely on: nothing allocates, compiles, waits for the interpreter or moves."""

import ctypes
import platform
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest
from conftest import ON, PITCHES, SMALL, band, make_preset, midi, one_stem, play, prepared, random_midi, two_parts
from numba.core import event
from numba.core.ccallback import CFunc

from rtsep import engine
from rtsep.kernels import load, memory
from rtsep.kernels.native import OPTIONS, flush_to_zero, restore_denormals

kernel = load("entry")
KNOWS_DENORMALS = platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64")


@pytest.fixture
def busy(preset, rng):
    """A separator in the middle of much: stereo, pedals, notes, voices taken, rows closed, bad samples."""
    separator = prepared(preset, two_parts(), {**SMALL, "max_open_rows": 10}, 2)
    play(separator, band(rng, 2000, 2), random_midi(rng, 100, 2000))
    return separator


def call_record(separator, sound, events):
    """The record that a native host would hand to the compiled entry, again and again."""
    separator.prepared.input[:, : sound.shape[1]] = sound
    call = separator.prepared.call
    call["frames"], call["events"], call["event_count"] = sound.shape[1], events.ctypes.data, len(events)
    return call.ctypes.data


# --- memory -----------------------------------------------------------------------------------------------------------


@numba.njit
def allocates(count):
    total = 0.0
    for i in range(count):
        total += np.full(100, float(i)).sum()
    return total


def test_the_counter_counts(counted):
    """Otherwise the next tests would prove nothing."""
    allocates(1)
    before = counted().alloc
    allocates(1000)
    assert counted().alloc >= before + 1000


@pytest.mark.parametrize("frames", [1, 64, 100, 4096])
def test_nothing_is_allocated_in_1_or_1000_blocks(busy, rng, counted, frames):
    sound = band(rng, frames, 2)
    sound[0, 0] = np.nan
    events = random_midi(rng, 30, frames)
    address = call_record(busy, sound, events)
    for count in (1, 1000 if frames < 1000 else 30):
        before = counted()
        for _ in range(count):
            engine._entry(address)
        assert counted() == before
    assert busy.counters.frames > 10 and busy.open_count > 0


@pytest.mark.parametrize("params, channels", [({"mode": "quality"}, 1), ({"gate": False, "latency_samples": 128}, 3),
                                              ({"mode": "instant"}, 2)])
def test_nothing_is_allocated_in_other_modes(rng, counted, params, channels):
    separator = prepared(make_preset(window=4096), one_stem(), params, channels)
    address = call_record(separator, band(rng, 2048, channels), midi((0, ON, 60, 90)))
    before = counted()
    for _ in range(10):
        engine._entry(address)
    assert counted() == before


HEAP = """
import ctypes, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from conftest import make_preset, midi, one_stem, prepared
from rtsep import engine

class Heap(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Heap

def in_use():
    heap = mallinfo2()
    return heap.uordblks + heap.hblkhd

separator = prepared(make_preset(window=4096), one_stem(), {"mode": sys.argv[2]})
call, events = separator.prepared.call, midi((0, 0x90, 60, 90))
separator.prepared.input[:] = np.random.default_rng(0).standard_normal(separator.prepared.input.shape)
call["frames"], call["events"], call["event_count"] = 4096, events.ctypes.data, 1
address = call.ctypes.data
in_use(), in_use()
before = in_use()
engine._entry(address)
first = in_use() - before
before = in_use()
for _ in range(10):
    engine._entry(address)
print(first, in_use() - before)
"""


@pytest.fixture(scope="module", params=["live", "instant"])
def heap_growth(request):
    """Bytes that the C heap has grown by: in the first block after prepare, and in ten more."""
    if platform.system() != "Linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("needs glibc's mallinfo2")
    command = [sys.executable, "-c", HEAP, str(request.path.parent), request.param]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(word) for word in answer.stdout.split()]


def test_c_heap_does_not_grow(heap_growth):
    """Beyond what Numba counts: the FFT library keeps nothing from block to block."""
    assert heap_growth[1] < 1024


def test_c_heap_does_not_grow_in_the_first_block(heap_growth):
    assert heap_growth[0] < 1024


def test_arrays_are_never_replaced(busy, rng):
    """Compiled code holds addresses: they stay those of the arrays whatever is played, set and reset."""

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
    """Room before and behind every array of state and output keeps its bytes."""
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


def test_nothing_compiles_while_playing(busy, rng):
    """Whatever the arrays: the compiled entry knows addresses, not types."""
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

    assert compilations(everything) == 0


def test_entry_is_machine_code_with_one_signature():
    assert isinstance(kernel.entry, CFunc)
    assert ctypes.cast(engine._entry, ctypes.c_void_p).value == kernel.entry.address
    assert str(kernel.entry._sig) == "(void*,) -> none"


def test_same_machine_code_for_every_caller(busy, rng):
    """A native host calling the entry by address gets the very bits that Separator.process gives."""
    sound, events = band(rng, 1000, 2), random_midi(rng, 40, 1000)
    busy.reset()
    expected = busy.process(sound, events).stems.copy()
    busy.reset()
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(kernel.entry.address)(call_record(busy, sound, events))
    assert np.array_equal(busy.prepared.stems[:, :, :1000], expected)


def test_no_fastmath_that_loses_nan():
    """NaN in the input must be seen: flags that promise there is none would optimise the check away."""
    assert not OPTIONS["fastmath"] & {"nnan", "ninf", "fast"}
    assert OPTIONS["error_model"] == "numpy" and OPTIONS["nogil"]


# --- denormals --------------------------------------------------------------------------------------------------------

TINY = np.float32(1e-40)


def survives():
    """Whether denormal numbers survive arithmetic on this thread."""
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
    """The residual is input minus stems: with denormals on it would be the tiny input, delayed."""
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
    call = call_record(busy, band(rng, 200, 2), midi())
    flags = 0x8040 if platform.machine().lower() in ("x86_64", "amd64") else 1 << 24
    set_word(own | flags)
    try:
        engine._entry(call)
        assert word_now() & flags == flags
    finally:
        set_word(own)
    engine._entry(call)
    assert word_now() & flags == 0


# --- the interpreter's lock -------------------------------------------------------------------------------------------


def test_other_threads_run_during_a_block(rng):
    """Another thread sees the position move inside one call: Python ran while the block was being processed."""
    samples = 200_000
    separator = prepared(make_preset(), one_stem(), SMALL, max_block=samples)
    sound, events = band(rng, samples), midi(*((0, ON, pitch, 90) for pitch in PITCHES))
    position, seen, ready = separator.prepared.state["position"], set(), threading.Event()

    def watch():
        while True:
            at = int(position[0])
            seen.add(at)
            ready.set()
            if at >= samples:
                break

    for _ in range(10):  # a busy computer may not have let the watcher in
        separator.reset()
        ready.clear()
        watcher = threading.Thread(target=watch)
        watcher.start()
        ready.wait()
        separator.process(sound, events)
        watcher.join()
        if seen - {0, samples}:
            break
    assert seen - {0, samples}, "the call kept the interpreter's lock from its beginning to its end"


def test_blocks_on_two_threads_at_once(preset, rng):
    """Two separators, two threads: each gets what it would have got alone."""
    sound, events = band(rng, 30_000), random_midi(rng, 300, 30_000)
    expected, _ = play(prepared(preset, two_parts()), sound, events, (1000,))
    found = {}

    def run(name):
        found[name] = play(prepared(preset, two_parts()), sound, events, (1000,))[0]

    threads = [threading.Thread(target=run, args=(name,)) for name in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[name], expected) for name in range(2))


def test_counters_and_sizes_of_python_and_compiled_code_agree():
    assert len(engine.Counters.__dataclass_fields__) == memory.COUNTERS
    assert memory.EVENT.names == ("sample", "part", "status", "data1", "data2", "stem")
    assert [memory.EVENT.fields[name][1] for name in memory.EVENT.names] == [0, 8, 9, 10, 11, 12]
