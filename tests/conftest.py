"""Small instruments, sounds and MIDI for the tests; everything random comes from a seed."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import import_module

# Threads of NumPy's that wait for each other on a busy computer take ten times as long as one; read when NumPy is imported.
os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "VECLIB")})

import numpy as np
import pytest

from rtsep.notes.routing import Routing
from rtsep.presets.halves import half_rows, whole_rows
from rtsep.presets.preset import Preset

RATE, WINDOW = 44100.0, 1024
PITCHES = (48, 52, 60, 64, 67, 72)
SMALL = {"window_samples": WINDOW, "latency_samples": 256, "hop_samples": 64, "background": 3}  # fast, shows everything
INSTANT = {**SMALL, "mode": "instant", "latency_samples": 0}
PROVENANCE = {"source": "made in a test", "licence": "MIT", "attribution": "nobody", "made_by": "conftest.py"}
ON, OFF, CONTROL = 0x90, 0x80, 0xB0


def pytest_configure() -> None:
    """What tests call of kernels directly is kept where the engine's code is, so that only the first run compiles it."""
    import numba

    from rtsep.compiling.store import code_folder
    from rtsep.compiling.units import OBJECTS
    from rtsep.kernels.marks import redeem

    folder = code_folder()
    numba.config.CACHE_DIR = "" if folder is None else str(folder / "numba")  # kernels read it when their marks are redeemed
    for module in sorted({module for modules in OBJECTS.values() for module in modules}):
        import_module(module)
    redeem()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Two processes share the test files; whatever needs JACK is one process's, so that only one server runs at a time."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "JACK" if "needs_jack" in (config.rootpath / file).read_text() else file

    return ByFile(config, log)


def harmonic_row(rng: np.random.Generator, pitch: int, rate: float, window: int) -> np.ndarray:
    """A template: partials of random strength at the multiples of the pitch's frequency, on a faint floor."""
    bins = np.arange(window // 2 + 1) * rate / window
    f0 = 440 * 2 ** ((pitch - 69) / 12)
    row = np.full(len(bins), 1e-4)
    for number in range(1, 11):
        row += rng.uniform(0.2, 1) / number * np.exp(-(((bins - number * f0) / (1.5 * rate / window)) ** 2))
    return row


def as_kept(W: np.ndarray) -> np.ndarray:
    """W [row, bin] with rows that sum to 1, rounded to half precision, so that plans keep it exactly."""
    return whole_rows(*half_rows((W / W.sum(axis=1, keepdims=True)).astype(np.float32)))


def make_preset(
    pitches: Iterable[int] = PITCHES, rows: int = 2, window: int = WINDOW, rate: float = RATE, seed: int = 1,
    release_s: float = 0.01, decay_s: float = 5.0,
) -> Preset:
    """A preset of `rows` templates for each of the ascending `pitches`."""
    rng = np.random.default_rng(seed)
    row_pitch = np.repeat(np.array(list(pitches), np.int16), rows)
    W = np.stack([harmonic_row(rng, int(pitch), rate, window) for pitch in row_pitch])
    return Preset(
        "small", "A small instrument", rate, window, window // 2, as_kept(W), row_pitch,
        tuple(f"role_{i % rows}" for i in range(len(row_pitch))), np.full(128, release_s, np.float32),
        np.full(128, decay_s, np.float32), PROVENANCE,
    )


def with_envelopes(preset: Preset, seed: int = 3) -> Preset:
    """The same preset, which also knows how its notes fade, each from a level of its own."""
    rng = np.random.default_rng(seed)
    ages_s = 0.04 * (2 ** (np.arange(32) / 4) - 1)
    envelope_db = np.zeros((128, 2, 32), np.float32)
    for pitch in preset.pitches:
        rise = np.minimum(ages_s / 0.02, 1)
        envelope_db[pitch, 0] = rng.uniform(-10, 0) - 40 * (1 - rise) - rng.uniform(5, 30) * ages_s
        envelope_db[pitch, 1] = rng.uniform(0.1, 0.4)
    return replace(preset, envelope_db=envelope_db)


def two_parts() -> Routing:
    """Part 0 plays `left`, part 1 `right`, whatever channel and pitch; the other parts are ignored."""
    table = np.full((32, 16, 128), -1, np.int8)
    table[0], table[1] = 0, 1
    return Routing(("left", "right"), table)


def one_stem() -> Routing:
    """Everything is one stem."""
    return Routing(("piano",), np.zeros((32, 16, 128), np.int8))


def five_stems() -> Routing:
    """Part p is stem p: every loop over stems has a remainder, and a hop fewer slots than stems."""
    table = np.full((32, 16, 128), -1, np.int8)
    for part in range(5):
        table[part] = part
    return Routing(("a", "b", "c", "d", "e"), table)


def midi(*messages: tuple[int, ...]) -> np.ndarray:
    """EVENT array of (sample, status, data1, data2) or (sample, status, data1, data2, part), in the order of time."""
    from rtsep.kernels.memory import EVENT

    events = np.zeros(len(messages), EVENT)
    for event, message in zip(events, messages, strict=True):
        event["sample"], event["status"], event["data1"], event["data2"] = message[:4]
        event["part"] = message[4] if len(message) > 4 else 0
    return events[np.argsort(events["sample"], kind="stable")]


def chord(*pitches: int, at: int = 0, part: int = 0, channel: int = 0) -> np.ndarray:
    """Keys that go down together and stay down."""
    return midi(*((at, ON | channel, pitch, 90, part) for pitch in pitches))


def random_midi(
    rng: np.random.Generator, count: int, samples: int, pitches: Iterable[int] = PITCHES, parts: int = 2,
    channels: int = 2,
) -> np.ndarray:
    """Notes and pedals at random, every fourth where a frame ends."""
    controllers = (64, 64, 64, 64, 66, 66, 66, 120, 121, 123, 124, 127, 7, 1)
    messages = []
    times = rng.integers(0, samples, count)
    times[::4] -= times[::4] % SMALL["hop_samples"]
    for sample in np.sort(times):
        kind = rng.choice([ON, ON, OFF, OFF, CONTROL])
        data1 = rng.choice(controllers) if kind == CONTROL else rng.choice(list(pitches))
        data2 = rng.choice([0, 1, 63, 64, 127])
        messages.append((sample, kind | rng.integers(channels), data1, data2, rng.integers(parts)))
    return midi(*messages)


def band(rng: np.random.Generator, samples: int, channels: int = 1, rate: float = RATE) -> np.ndarray:
    """Some harmonic tones and noise, float32 [channel, sample], peak about 1."""
    time = np.arange(samples) / rate
    sound = 0.05 * rng.standard_normal((channels, samples))
    for pitch in PITCHES:
        for number in range(1, 6):
            phase = rng.uniform(0, 2 * np.pi, (channels, 1))
            sound += 0.05 / number * np.sin(2 * np.pi * number * 440 * 2 ** ((pitch - 69) / 12) * time + phase)
    return sound.astype(np.float32)


def prepared(
    preset: Preset, routing: Routing, params: Mapping | None = None, channels: int = 1, rate: float = RATE,
    max_block: int = 4096,
):
    """A Separator that is ready to play; the small framing unless `params` say otherwise."""
    from rtsep.engine.separator import Separator

    separator = Separator(preset, routing, SMALL if params is None else params)
    separator.prepare(rate, channels, max_block)
    return separator


def in_blocks(total: int, sizes: Iterable[int]):
    """(begin, end) of blocks of these sizes, repeated until `total` samples are used up."""
    sizes = list(sizes)
    begin = i = 0
    while begin < total:
        end = min(begin + sizes[i % len(sizes)], total)
        yield begin, end
        begin, i = end, i + 1


def process_from(separator, sound: np.ndarray, events: np.ndarray | None, begin: int, end: int):
    """Output for sound[:, begin:end]; the events' samples count from the start of the sound."""
    if events is None:
        return separator.process(sound[:, begin:end])
    mine = events[(events["sample"] >= begin) & (events["sample"] < end)].copy()
    mine["sample"] -= begin
    return separator.process(sound[:, begin:end], mine)


def play(separator, sound: np.ndarray, events: np.ndarray | None = None, sizes: Iterable[int] = (512,)):
    """Stems [stem, channel, sample] and mix [channel, sample] of the whole sound, block by block."""
    stems, mix = [], []
    for begin, end in in_blocks(sound.shape[1], sizes):
        output = process_from(separator, sound, events, begin, end)
        stems.append(output.stems.copy())
        mix.append(output.mix.copy())
    return np.concatenate(stems, axis=2), np.concatenate(mix, axis=1)


def frame_by_frame(separator, sound: np.ndarray, events: np.ndarray | None = None):
    """Play in blocks of one hop and give the separator back after each, when its last frame can be looked at."""
    for begin, end in in_blocks(sound.shape[1], (separator.framing.hop,)):
        process_from(separator, sound, events, begin, end)
        yield separator


def open_rows(separator) -> list[tuple[int, int]]:
    """(stem, row) of what the last frame had open."""
    count, state = separator.open_count, separator.prepared.state
    return list(zip(state["open_stem"][:count].tolist(), state["open_row"][:count].tolist(), strict=True))


def delayed(sound: np.ndarray, latency: int) -> np.ndarray:
    """`sound` [channel, sample] later by `latency`, of the same length."""
    return np.concatenate([np.zeros((len(sound), latency), sound.dtype), sound], axis=1)[:, : sound.shape[1]]


def assert_sums_to(stems: np.ndarray, sound: np.ndarray, latency: int) -> None:
    """The stems, the residual with them, are the sound, `latency` later."""
    worst = np.abs(stems.astype(float).sum(axis=0) - delayed(sound, latency)).max()
    assert worst <= 1e-5 * np.abs(sound).max()


def reference_setup(separator):
    """The separator's plan as the reference wants it, with the lags that its state has now."""
    from rtsep.reference import setup_of

    state = separator.prepared.state
    lag = list(zip(state["lag_s"].tolist(), state["lag_seen"].tolist(), strict=True))
    return setup_of(separator.prepared.plan, separator.value, lag)


@pytest.fixture
def rng() -> np.random.Generator:
    """The same random numbers in every test, whatever ran before."""
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def preset() -> Preset:
    """Six pitches of two rows."""
    return make_preset()


@pytest.fixture(scope="session")
def staged() -> Preset:
    """A preset whose first rows are a stroke's and whose second ones its decay's."""
    preset = make_preset()
    return replace(preset, row_age_s=np.tile(np.array([[0, 0.02], [0.01, 1e6]], np.float32), (len(preset.W) // 2, 1)))


@pytest.fixture(scope="session")
def knowing() -> Preset:
    """A preset that knows how its notes fade."""
    return with_envelopes(make_preset())


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of this test's own, in a process that has loaded nothing."""
    from rtsep.compiling import machine

    monkeypatch.setenv("RTSEP_CACHE_DIR", str(tmp_path / "cache"))
    for name, nothing in (("_loaded", {}), ("_aside", {}), ("_wanted", set())):
        monkeypatch.setattr(machine, name, nothing)
    return tmp_path / "cache"


class _Heap(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                ["arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"]]


@pytest.fixture(scope="session")
def heap():
    """Call it for the bytes that the C heap has given out. (That no engine can ask for any, test_compiled_code shows.)"""
    if not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("needs glibc's mallinfo2")
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Heap

    def in_use() -> int:
        now = mallinfo2()
        return now.uordblks + now.hblkhd

    in_use()  # the first time makes objects of its own
    return in_use


HEAP_SLACK = 1024  # bytes that the interpreter may keep of a call
