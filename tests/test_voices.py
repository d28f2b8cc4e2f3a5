"""Notes and voices: notes without templates, more notes than voices, and events of any bytes."""

import numpy as np
import pytest
from conftest import (
    CONTROL,
    OFF,
    ON,
    PITCHES,
    RATE,
    SMALL,
    WINDOW,
    assert_sums_to,
    band,
    delayed,
    make_preset,
    midi,
    one_stem,
    play,
    prepared,
    process_from,
    two_parts,
)
from engine_state import part_of

from rtsep.kernels.memory import EVENT


def test_note_outside_the_preset_is_counted(preset, rng):
    separator = prepared(preset, two_parts())
    sound = band(rng, 3000)
    events = midi((0, ON, 61, 90), (1, ON, 0, 90), (2, ON, 127, 90), (3, ON, 61, 0), (4, OFF, 61, 0),
                  (5, ON, 61, 90, 7))  # part 7 has no stem: ignored, not counted
    stems, _ = play(separator, sound, events)
    assert separator.counters.unmatched_notes == 3
    assert np.array_equal(stems[2], delayed(sound, 256))


def test_more_notes_than_voices(preset, rng):
    """300 keys in 50 channels and parts: the 44 oldest lose their voices. The stems still add up, and all keys come up."""
    separator = prepared(preset, one_stem(), {**SMALL, "max_open_rows": 12})
    keys = [(part, channel, pitch) for part in range(4) for channel in range(16) for pitch in PITCHES][:300]
    sound = band(rng, 6000)
    on = midi(*((i, ON | channel, pitch, 90, part) for i, (part, channel, pitch) in enumerate(keys)))
    off = midi(*((2000 + i, OFF | channel, pitch, 0, part) for i, (part, channel, pitch) in enumerate(keys)))
    stems, _ = play(separator, sound, np.concatenate([on, off]))
    assert separator.counters.stolen_voices == 44
    assert_sums_to(stems, sound, 256)
    assert separator.open_count == 0


def test_voices_are_taken_from_released_notes_first():
    """Of 256 keys, one is released and 255 are held. The 257th key takes the voice of the released one."""
    wide = make_preset(pitches=range(48, 57), rows=1)
    separator = prepared(wide, one_stem())
    keys = [(part, c, p) for part in range(2) for c in range(16) for p in range(48, 56)]
    assert len(keys) == 256
    long = midi(*((i, ON | c, p, 90, part) for i, (part, c, p) in enumerate(keys)))
    separator.process(np.zeros((1, 512), np.float32), long)
    assert separator.counters.stolen_voices == 0
    last = keys[-1]
    messages = midi((0, OFF | last[1], last[2], 0, last[0]), (1, ON, 56, 90))
    separator.process(np.zeros((1, 64), np.float32), messages)
    assert separator.counters.stolen_voices == 1
    voices = part_of(separator, "notes").voices
    sounding = {(int(v["part"]), int(v["channel"]), int(v["pitch"])) for v in voices if v["status"]}
    assert sounding == set(keys[:-1]) | {(0, 0, 56)}


def everything_off():
    return midi(*((0, CONTROL | channel, 120, 0, part) for part in range(32) for channel in range(16)))


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_at_all(preset, seed):
    """Random events of every status break no rule; afterwards `all sound off` closes all gates."""
    rng = np.random.default_rng(seed)
    limit = int(rng.integers(4, 30))
    separator = prepared(preset, two_parts(), {**SMALL, "max_open_rows": limit}, 2)
    sound = band(rng, 6000, 2)
    events = np.zeros(6000, EVENT)
    events["sample"] = np.sort(rng.integers(0, 6000, 6000))
    for name in ("part", "status", "data1", "data2"):
        events[name] = rng.integers(0, 256, 6000)
    events["stem"][::2] = rng.choice([0, 1, 2, 3, 4, 2**31, 2**32 - 1], 3000)
    events["part"][::2] %= 3
    events["data1"][::3] = rng.choice([*PITCHES, 64, 66, 120, 121, 123, 126], 2000)
    assert set(events["status"]) == set(range(256))
    found = []
    for begin in range(0, 6000, 100):
        found.append(process_from(separator, sound, events, begin, begin + 100).stems.copy())
        assert separator.open_count <= limit
        np.testing.assert_allclose(separator.masks.sum(axis=0), 1, atol=1e-6)
    stems = np.concatenate(found, axis=2)
    assert_sums_to(stems, sound, 256)
    assert stems[:2].any()
    separator.process(sound[:, :100], everything_off())
    separator.process(sound[:, : WINDOW + 64 + round(0.01 * RATE)])
    assert not separator.activations.any()
    assert separator.open_count == 0 and (separator.masks[-1] == 1).all()
