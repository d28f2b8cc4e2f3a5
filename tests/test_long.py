"""Minutes through the callback that a device calls: everything at random, nothing lost, nothing grown."""

import contextlib
import gc
from pathlib import Path

import numpy as np
import pytest
from conftest import HEAP_SLACK, SMALL, band, make_preset, prepared, two_parts
from native_callback import call, warmed

from rtsep.hosts.lanes import CAPACITY, MIX

RATE, HOP = 44100, 128
STATUS = Path("/proc/self/statm")


def resident_mb():
    """Memory of this process that is really there."""
    return int(STATUS.read_text().split()[1]) * 4096 / 1e6


@contextlib.contextmanager
def nothing_kept(heap):
    """Whatever is in here keeps nothing of the C heap."""
    before = heap()
    yield
    assert heap() - before < HEAP_SLACK, "compiled code allocated"


@pytest.mark.skipif(not STATUS.exists(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("minutes", [2, pytest.param(10, marks=pytest.mark.long)])
def test_minutes_at_random(preset, rng, heap, minutes):
    """Two minutes; ten in `.ci/full long`."""
    presets = (preset, make_preset(seed=9))
    separator = prepared(preset, two_parts(), {**SMALL, "hop_samples": HOP, "iterations": 2}, 1, max_block=CAPACITY)
    lanes, sound = warmed(separator, [(MIX, 0), (0, 0)]), band(rng, 20 * RATE)
    blocks = samples = bad = notes = changes = 0
    after_a_minute = None
    while samples < minutes * 60 * RATE:
        size = int(rng.choice([1, 32, 64, 100, 256, 512, 1024, 3000, 5000], p=[.02, .04, .1, .1, .2, .2, .2, .1, .04]))
        begin = samples % (19 * RATE)
        block = sound[:, begin : begin + size]
        if rng.random() < 0.01:
            block = block.copy()
            block[0, : size // 2] = rng.choice([np.nan, np.inf, 1e30])
            bad += size // 2
        for _ in range(rng.integers(0, 4)):
            message = (int(rng.choice([0x80, 0x90, 0x90, 0xB0])), int(rng.choice([48, 52, 60, 64, 67, 72, 120, 123])),
                       int(rng.integers(128)))
            notes += lanes.send(0, int(rng.integers(2)), message)
        if rng.random() < 0.02 and lanes.arrived:
            assert separator.exchange(presets[changes % 2], {"mask_power": int(rng.integers(1, 4))})
            separator.set("gain_db.left", float(rng.uniform(-60, 6)))
            lanes.play(separator.prepared, fade=False)
            changes += 1
        played = call(lanes, block, around=nothing_kept(heap))
        if blocks % 50 == 0:
            assert np.isfinite(played).all()
        blocks, samples = blocks + 1, samples + size
        if after_a_minute is None and samples > 60 * RATE:
            gc.collect()
            after_a_minute = resident_mb()
    gc.collect()
    counters = lanes.counters()
    assert counters["samples"] == samples and counters["blocks"] == blocks + 1 and counters["dropped_notes"] == 0
    assert separator.counters.bad_samples == bad > 0 and changes > 10 * minutes and notes > 1000 * minutes
    assert separator.counters.frames == samples // HOP
    assert resident_mb() - after_a_minute < 2
