"""Other threads run during a block, and two threads can play at once."""

import threading

import numpy as np
from conftest import ON, PITCHES, SMALL, band, make_preset, midi, one_stem, play, prepared, random_midi, two_parts
from engine_state import part_of


def test_other_threads_run_during_a_block(rng):
    """Another thread sees the position move during one call: so Python runs while the block is processed."""
    samples = 200_000
    separator = prepared(make_preset(), one_stem(), SMALL, max_block=samples)
    sound, events = band(rng, samples), midi(*((0, ON, pitch, 90) for pitch in PITCHES))
    position, seen, ready = part_of(separator, "sound").position, set(), threading.Event()

    def watch():
        while True:
            at = int(position[0])
            seen.add(at)
            ready.set()
            if at >= samples:
                break

    for _ in range(10):  # on a busy computer the watching thread did not run
        separator.reset()
        ready.clear()
        watcher = threading.Thread(target=watch)
        watcher.start()
        ready.wait()
        separator.process(sound, events)
        watcher.join()
        if seen - {0, samples}:
            break
    assert seen - {0, samples}, "the call held the interpreter's lock all the time"


def test_blocks_on_two_threads_at_once(preset, rng):
    """Two separators on two threads: each gives the same output as alone."""
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
