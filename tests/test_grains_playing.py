"""Live mosaics: what a player can rely on, with any blocks, levels and faults."""

import numpy as np
import pytest
from conftest import CONTROL, HEAP_SLACK, OFF, ON, PITCHES, band, midi
from engine_state import entry_call
from mosaics import RATE, SIZES, UNGATED, melody, mosaic_of, remake

from rtsep.compiling import machine
from rtsep.errors import RtsepError


@pytest.mark.parametrize("sizes", [(1, 2, 3), (63,), (64, 1000), (4096,)])
def test_any_block_size_gives_the_same(rng, sizes):
    sound = band(rng, 5000)
    expected = remake(mosaic_of(melody(rng)), sound, sizes=(512,))
    other = remake(mosaic_of(melody(np.random.default_rng(20))), sound, sizes=sizes)
    again = mosaic_of(melody(np.random.default_rng(20)))
    for a, b in zip(other, remake(again, sound, sizes=(777,)), strict=True):
        assert np.array_equal(a, b)
    again.reset()
    for a, b in zip(other, remake(again, sound), strict=True):
        assert np.array_equal(a, b), "reset forgets everything"
    assert np.array_equal(expected[1], other[1])


def test_dry_is_the_input_with_the_same_latency(rng):
    mosaic, sound = mosaic_of(melody(rng)), band(rng, 3000)
    _, dry, _ = remake(mosaic, sound)
    assert np.array_equal(dry[:, mosaic.latency :], sound[:, : -mosaic.latency]) and not dry[:, : mosaic.latency].any()


@pytest.mark.parametrize("params", [{}, {"mode": "quality", "latency_samples": 0}])
def test_a_sound_remade_of_itself_is_itself(rng, params):
    """Sample by sample, at its own loudness. The latency is the reported one, up to the distance of the rows."""
    sound = (0.1 * rng.standard_normal((1, 30000))).astype(np.float32)  # all frames differ
    mosaic = mosaic_of(sound, {**UNGATED, "mosaic_polyphony": 1, **params})
    heard, _, _ = remake(mosaic, sound)
    match = np.fft.irfft(np.fft.rfft(heard[0], 65536) * np.conj(np.fft.rfft(sound[0], 65536)))
    late = int(np.argmax(match))
    assert abs(late - mosaic.latency) < 256
    error = heard[0, 4000:] - sound[0, 4000 - late : 30000 - late]
    assert np.linalg.norm(error) < 0.1 * np.linalg.norm(heard[0, 4000:])


def test_the_mosaic_follows_the_notes(rng):
    """For each note of the target the same note of the source sounds, in any order, at the target's loudness."""
    order = [3, 0, 5, 2, 4, 1]
    target = 0.1 * melody(rng, [PITCHES[i] for i in order], 8000)
    mosaic = mosaic_of(melody(rng))
    right, spoken = 0, 0
    for begin in range(0, 48000, 64):
        mosaic.process(target[:, begin : begin + 64])
        if begin % 8000 in range(2048, 5000):
            second, _ = max(mosaic.playing, key=lambda head: head[1])
            right += order[begin // 8000] == int((second * RATE - 400) // 6000)
            spoken += 1
    assert right > 0.9 * spoken
    assert mosaic.details["mosaic"]["repetitions"] < 0.05


def test_constraints_do_what_they_say(rng):
    sound = band(rng, 30000)

    def told(**params):
        mosaic = mosaic_of(melody(rng), {**UNGATED, **params})
        remake(mosaic, sound)
        return mosaic.details["mosaic"]

    free, held = told(mosaic_continuity=0), told(mosaic_continuity=5)
    assert held["run_ms"] > 2 * free["run_ms"]
    assert told(mosaic_polyphony=2)["polyphony"] <= 2 < told(mosaic_polyphony=20)["polyphony"]
    stutter, calm = told(mosaic_repetition_ms=0, mosaic_continuity=0), told(mosaic_repetition_ms=300, mosaic_continuity=0)
    assert calm["repetitions"] < 0.01 <= stutter["repetitions"]


@pytest.mark.parametrize("factor", [1e-6, 1e3])
def test_loudness_is_the_targets(rng, factor):
    """Faint and loud targets get the same frames of the source, at the target's loudness."""
    sound, source = band(rng, 8000), melody(rng)
    plain, loud = remake(mosaic_of(source), sound)[0], remake(mosaic_of(source), sound * np.float32(factor))[0]
    assert np.abs(plain).max() > 0.01
    assert np.linalg.norm(loud / factor - plain) < 0.2 * np.linalg.norm(plain)


def test_silence_nan_and_absurd_input_are_safe(rng):
    mosaic = mosaic_of(melody(rng), channels=2)
    stems = remake(mosaic, np.zeros((2, 3000), np.float32))
    assert not any(stem.any() for stem in stems)
    for bad in (np.nan, np.inf, -np.inf, 1e30):
        sound = band(rng, 2000, 2)
        sound[:, ::7] = bad
        assert all(np.isfinite(stem).all() for stem in remake(mosaic, sound))
    assert mosaic.counters.bad_samples == 4 * 2 * 286
    mosaic.reset()
    remake(mosaic, band(rng, 3000, 2))
    after = remake(mosaic, np.zeros((2, 6000), np.float32))[0]
    assert not after[:, 2000:].any(), "silence gives silence"


def test_an_attack_in_the_source_is_not_blown_up(rng):
    """A head that goes from near silence into a loud note must not play the note with the gain of the silence."""
    quiet = 4e-3 * rng.standard_normal((1, 8000))
    source = np.concatenate([quiet, 0.9 * melody(rng), quiet], axis=1).astype(np.float32)
    target = (0.1 * rng.standard_normal((1, 30000))).astype(np.float32)
    mosaic = mosaic_of(source, {**UNGATED, "mosaic_continuity": 20})
    assert np.abs(remake(mosaic, target)[0]).max() < 3


def test_wet_gain_and_bypass(rng):
    """wet fades from the dry sound to the mosaic, each after its fader; bypass gives the input."""
    source, sound = melody(rng), band(rng, 3000)
    remade, dry, mix = remake(mosaic_of(source, {**UNGATED, "wet": 0.25, "gain_db.mosaic": -6, "gain_db.dry": 3}), sound)
    assert np.allclose(mix, 0.25 * 10 ** (-6 / 20) * remade + 0.75 * 10 ** (3 / 20) * dry, atol=1e-6)
    _, dry, mix = remake(mosaic_of(source, {**UNGATED, "bypass": True, "gain_db.dry": -120}), sound)
    assert np.allclose(mix, dry, atol=1e-7)
    remade, _, mix = remake(mosaic_of(source), sound)
    assert np.allclose(mix, remade, atol=1e-7), "the default: all wet"


def test_parameters_change_while_it_plays(rng):
    """`exchange` continues what sounds, and refuses another latency. The sound before the exchange does not change."""
    source, sound = melody(rng), band(rng, 8000)
    plain, mosaic = remake(mosaic_of(source), sound)[0], mosaic_of(source)
    first = remake(mosaic, sound[:, :4000])[0]
    playing = mosaic.playing
    assert mosaic.exchange(params={"mosaic_polyphony": 1}) and mosaic.playing == playing
    rest = remake(mosaic, sound[:, 4000:])[0]
    assert np.array_equal(first, plain[:, :4000]) and len(mosaic.playing) == 1
    assert np.array_equal(rest[:, :1], plain[:, 4000:4001])
    assert not mosaic.exchange(params={"latency_samples": 128})
    with pytest.raises(RtsepError, match="1 to 32"):
        mosaic.exchange(params={"mosaic_polyphony": 0})
    assert mosaic.again({"latency_samples": 128}).value("latency_samples") == 128


def test_nothing_is_allocated(rng, heap):
    mosaic = mosaic_of(melody(rng), channels=2)
    sound, events = band(rng, 1000, 2), midi((0, ON, 60, 90), (50, OFF, 60, 0), (99, CONTROL, 64, 127))
    for mode in (UNGATED, SIZES):
        mosaic.exchange(params=mode)
        address = entry_call(mosaic, sound, events)
        before = heap()
        for _ in range(100):
            mosaic._entry(address)
        assert heap() - before < HEAP_SLACK


def test_nothing_is_written_beyond_the_arrays(rng):
    mosaic = mosaic_of(melody(rng), {**SIZES, "mosaic_polyphony": 32, "mosaic_candidates": 128}, 2)
    fence, guarded = 64, {}
    for owner, record in ((mosaic._grains.state, mosaic._grains.record), (mosaic.prepared.state, mosaic.prepared.state_record)):
        for name, array in owner.items():
            room = np.full(array.nbytes + 2 * fence, 0xA5, np.uint8)
            owner[name] = room[fence : fence + array.nbytes].view(array.dtype).reshape(array.shape)
            owner[name][...] = array
            record[name], guarded[name] = owner[name].ctypes.data, room
    messages = ((ON, 60), (OFF, 60), (ON, 72))
    events = midi(*((at, kind, pitch, 80) for at in range(0, 9000, 300) for kind, pitch in messages))
    remade, _, _ = remake(mosaic, band(rng, 9000, 2), events, (4096, 63, 1))
    assert np.abs(remade).max() > 0.01
    for name, room in guarded.items():
        assert (room[:fence] == 0xA5).all() and (room[-fence:] == 0xA5).all(), name


def test_entry_is_where_it_says():
    assert mosaic_of(melody(np.random.default_rng(0))).entry_address == machine.address("mosaic", "play")
