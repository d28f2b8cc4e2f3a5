"""The native callback, driven without a device: the same output as the engine's, whatever the blocks."""

import ctypes
import time

import numpy as np
import pytest
from conftest import SMALL, band, in_blocks, make_preset, midi, play, prepared, random_midi, two_parts
from engine_state import part_of
from native_callback import RATE, call, callback, stem_sources, warmed

from rtsep.callbacks import shared
from rtsep.hosts.computer import knows_work
from rtsep.hosts.lanes import CAPACITY, MIX, SILENCE, Lanes
from rtsep.hosts.routes import outputs_of_mix


@pytest.fixture
def separator(preset):
    return prepared(preset, two_parts(), SMALL, 2, max_block=CAPACITY)


# --- the same engine --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(64,), (128,), (256,), (1, 63, 1000, 7), (9000,)])
def test_output_equals_the_engine_bit_for_bit(preset, separator, rng, sizes):
    sound = band(rng, 12000, 2)
    stems, mix = play(prepared(preset, two_parts(), SMALL, 2), sound)
    lanes = warmed(separator, stem_sources(separator))
    played = np.concatenate([call(lanes, sound[:, a:b]) for a, b in in_blocks(12000, sizes)], axis=1)
    assert np.array_equal(played[:2], mix)
    assert np.array_equal(played[2:], stems.reshape(-1, 12000))
    assert lanes.counters()["samples"] == 12000


@pytest.mark.parametrize("sizes", [(64,), (100, 3000)])
def test_notes_play_at_the_first_sample_of_the_next_block(preset, separator, rng, sizes):
    sound, notes = band(rng, 12000, 2), random_midi(rng, 60, 12000)
    lanes, played, events = warmed(separator, stem_sources(separator)), [], []
    for begin, end in in_blocks(12000, sizes):
        for note in notes[(notes["sample"] >= begin) & (notes["sample"] < end)]:
            message = (int(note["status"]), int(note["data1"]), int(note["data2"]))
            assert lanes.send(0, int(note["part"]), message)
            events.append((begin, *message, int(note["part"])))
        played.append(call(lanes, sound[:, begin:end]))
    stems, _mix = play(prepared(preset, two_parts(), SMALL, 2), sound, midi(*events))
    assert np.array_equal(np.concatenate(played, axis=1)[2:], stems.reshape(-1, 12000))


def test_delayed_notes_come_in_time_and_in_order(separator):
    lanes = warmed(separator, [])
    lanes.delay_notes(1e9)  # longer than this test: nothing comes
    for pitch in (60, 61, 64):
        lanes.send(2**62, 0, (0x90, pitch, 90))
    silence = np.zeros((2, 256), np.float32)
    call(lanes, silence)
    assert lanes.word(shared.PENDING) == 3 and not part_of(separator, "notes").voices["status"].any()
    lanes._arrays["due"][:3] = (300, 301, 511)
    call(lanes, silence)
    voices = part_of(separator, "notes").voices
    assert lanes.word(shared.PENDING) == 0
    assert voices["onset"][:2].tolist() == [300, 511], "60 and 64 at their samples; the preset has no 61"


def test_long_bursts_are_played_and_too_many_are_counted(separator):
    lanes = warmed(separator, [])
    sent = sum(lanes.send(0, 0, (0x90, 60, 90)) for _ in range(5000))
    assert sent == 4096
    call(lanes, np.zeros((2, 64), np.float32))
    assert lanes.counters()["dropped_notes"] == 5000 - shared.QUEUE
    for _ in range(4):
        call(lanes, np.zeros((2, 64), np.float32))
    assert lanes.word(shared.PENDING) == 0
    assert part_of(separator, "notes").voices["presses"][0] == shared.QUEUE, "presses"


# --- what a device may do ---------------------------------------------------------------------------------------------


def test_the_first_block_of_a_thread_is_silent_and_warms_it(separator, rng):
    lanes = Lanes(separator, RATE, outputs_of_mix(2, 2))
    assert not call(lanes, band(rng, 64, 2)).any() and lanes.counters()["samples"] == 0
    blocks = [call(lanes, band(rng, 512, 2)) for _ in range(8)]
    assert np.abs(blocks[-1]).max() > 0.01, "then it fades in"
    lanes.new_thread()
    assert not call(lanes, band(rng, 64, 2)).any()


def test_nothing_to_play_is_silence(separator, rng):
    lanes = warmed(separator, outputs_of_mix(2, 2))
    lanes._arrays["control"][shared.WANTED] = 0
    lanes._arrays["words"][shared.PLAYING] = 0
    assert not call(lanes, band(rng, 128, 2)).any()


def test_no_input_and_no_output_side(separator, rng):
    lanes = warmed(separator, outputs_of_mix(2, 2))
    target = np.full((64, 2), np.nan, np.float32)
    assert callback(None, target.ctypes.data, 64, None, 0, lanes.address) == 0
    assert np.isfinite(target).all()
    source = np.ascontiguousarray(band(rng, 64, 2).T)
    assert callback(source.ctypes.data, None, 64, None, 0, lanes.address) == 0
    assert lanes.counters()["samples"] == 128 and max(lanes.meters().inputs) > 0


def test_bad_samples_reach_neither_output_nor_meters(separator, rng):
    lanes, sound = warmed(separator, stem_sources(separator)), band(rng, 4096, 2)
    sound[0, 100:200], sound[1, 300], sound[1, 301] = np.nan, np.inf, -np.inf
    played = np.concatenate([call(lanes, sound[:, a:b]) for a, b in in_blocks(4096, (64,))], axis=1)
    assert np.isfinite(played).all() and separator.counters.bad_samples == 102
    assert np.isfinite(lanes.meters().inputs).all() or max(lanes.meters().inputs) == np.inf


@pytest.mark.parametrize("flags, name", [(1, "underflows"), (4, "underflows"), (2, "overflows"), (8, "overflows"), (16, "")])
def test_device_flags_are_counted(separator, flags, name):
    lanes = warmed(separator, [])
    call(lanes, np.zeros((2, 16), np.float32), flags)
    assert {key: lanes.counters()[key] for key in ("underflows", "overflows")} == {
        "underflows": int(name == "underflows"), "overflows": int(name == "overflows")}


def test_clipping_outputs_are_counted(preset):
    separator = prepared(preset, two_parts(), {**SMALL, "gain_db.residual": 24}, 1, max_block=CAPACITY)
    lanes = warmed(separator, [(MIX, 0), (SILENCE, 0)])
    loud = np.full((1, 2048), 0.5, np.float32)
    call(lanes, loud)
    assert lanes.counters()["clipped_samples"] == 2048 - separator.latency


def test_outputs_of_the_mix():
    assert outputs_of_mix(1, 2) == [(MIX, 0), (MIX, 0)]
    assert outputs_of_mix(2, 4) == [(MIX, 0), (MIX, 1), (SILENCE, 0), (SILENCE, 0)]
    assert outputs_of_mix(2, 1) == [(MIX, 0)]


def test_stem_outputs_are_behind_their_faders_and_meters_tell(preset, rng):
    separator = prepared(preset, two_parts(), SMALL, 1, max_block=CAPACITY)
    lanes, sound = warmed(separator, [(2, 0), (0, 0)]), band(rng, 4000)
    assert np.abs(call(lanes, sound)).max() > 0.1
    assert lanes.meters().stems[2] == pytest.approx(np.abs(sound[:, : 4000 - separator.latency]).max(), rel=0.01)
    separator.set("gain_db.residual", -120)
    call(lanes, sound)
    assert not call(lanes, sound).any()
    call(lanes, np.zeros((1, 40000), np.float32))
    assert lanes.meters().stems[2] < 0.1 * np.abs(sound).max()


def test_load_and_late_blocks(separator):
    lanes = Lanes(separator, 1e15, outputs_of_mix(2, 2))  # a rate at which every block is late
    for _ in range(3):
        call(lanes, np.zeros((2, 16), np.float32))
    assert lanes.counters()["late_blocks"] == 3 and lanes.meters().worst_load > 1
    assert lanes.counters()["late_by_work"] == (3 if knows_work() else 0)
    calm = Lanes(separator, 1e-3, outputs_of_mix(2, 2))
    for _ in range(3):
        call(calm, np.zeros((2, 16), np.float32))
    assert calm.counters()["late_blocks"] == calm.counters()["late_by_work"] == 0
    meters = calm.meters()
    assert 0 <= meters.worst_work <= meters.worst_load < 1 and meters.worst_load > 0
    call(calm, np.zeros((2, 16), np.float32))
    assert 0 < calm.meters().worst_load < 1, "measured anew after every look"


@pytest.mark.skipif(not knows_work(), reason="the system does not tell how long a thread itself has worked")
def test_time_that_others_had_is_no_work(separator):
    """The entry sleeps, as if the processor were another program's: the block is late, but not by its own work."""
    lanes = warmed(separator, [])
    asleep = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: time.sleep(0.05))
    lanes.record["entry"] = ctypes.cast(asleep, ctypes.c_void_p).value
    call(lanes, np.zeros((2, 441), np.float32))
    assert (lanes.counters()["late_blocks"], lanes.counters()["late_by_work"]) == (1, 0)
    assert lanes.meters().worst_load > 4 and lanes.meters().worst_work < 1


# --- another plan -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=pytest.mark.long)])
def test_exchanges_and_changes_make_no_click(preset, count):
    """Two hundred; a thousand in `.ci/full long`."""
    separator = prepared(preset, two_parts(), SMALL, 1, max_block=CAPACITY)
    lanes = warmed(separator, [(MIX, 0)])
    other, sine = make_preset(seed=9), np.sin(2 * np.pi * 261.6 * np.arange(count * 64) / RATE).astype(np.float32)[None]
    lanes.send(0, 0, (0x90, 60, 90))
    played = []
    for i in range(count):
        assert separator.exchange((other, preset)[i % 2], {"mask_power": 1 + i % 3})
        separator.set("gain_db.left", -3 * (i % 3))
        separator.set("wet", 1 - 0.1 * (i % 2))
        lanes.play(separator.prepared, fade=False)
        played.append(call(lanes, sine[:, 64 * i : 64 * i + 64]))
        assert lanes.arrived and len(lanes._kept) <= 3
    fastest = 2 * np.pi * 261.6 / RATE
    assert np.abs(np.diff(np.concatenate(played, axis=1)[0, 600:])).max() < 2 * fastest
    assert lanes.counters()["samples"] == 64 * count


def test_another_latency_fades_out_and_in(preset):
    separator = prepared(preset, two_parts(), SMALL, 1, max_block=CAPACITY)
    lanes = warmed(separator, [(MIX, 0)])
    sine = np.sin(2 * np.pi * 200 * np.arange(20000) / RATE).astype(np.float32)[None]
    before = call(lanes, sine[:, :4000])
    assert not separator.exchange(params={"latency_samples": 128})
    later = prepared(preset, two_parts(), {**SMALL, "latency_samples": 128}, 1, max_block=CAPACITY)
    lanes.play(later.prepared, fade=True)
    after = np.concatenate([call(lanes, sine[:, a + 4000 : b + 4000]) for a, b in in_blocks(16000, (64,))], axis=1)
    whole = np.concatenate([before, after], axis=1)
    assert lanes.arrived and (whole[0, 4800:5000] == 0).any(), "silent in between"
    assert np.abs(np.diff(whole[0, 700:])).max() < 1.5 * 2 * np.pi * 200 / RATE
    assert np.allclose(whole[0, -1000:], sine[0, -1128:-128], atol=1e-5)


def test_a_change_without_a_fade_waits_for_the_fade_before_it(preset):
    """Another latency, and within its fade-out a preset for the engine that has it."""
    sine = np.tile(np.sin(2 * np.pi * 200 * np.arange(16_000) / RATE).astype(np.float32), (1, 1))
    lanes = warmed(prepared(preset, two_parts(), SMALL, 1, max_block=CAPACITY), [(MIX, 0)])
    before = call(lanes, sine[:, :4000])
    later = prepared(preset, two_parts(), {**SMALL, "latency_samples": 128}, 1, max_block=CAPACITY)
    lanes.play(later.prepared, fade=True)
    fading = call(lanes, sine[:, 4000:4100])
    assert later.exchange(make_preset(seed=9))
    lanes.play(later.prepared, fade=False)
    whole = np.concatenate([before, fading, call(lanes, sine[:, 4100:4164])], axis=1)
    assert not lanes.arrived, "still fading out"
    whole = np.concatenate([whole, *(call(lanes, sine[:, a + 4164 : b + 4164]) for a, b in in_blocks(11_000, (64,)))], axis=1)
    assert lanes.arrived and np.abs(np.diff(whole[0, 700:])).max() < 1.5 * 2 * np.pi * 200 / RATE
    assert np.allclose(whole[0, -1000:], sine[0, 15_164 - 1128 : 15_164 - 128], atol=1e-5)


def test_stems_and_channels_cannot_change(separator, preset):
    lanes = warmed(separator, [])
    with pytest.raises(ValueError, match="cannot change"):
        lanes.play(prepared(preset, two_parts(), SMALL, 1).prepared, fade=True)


# --- recording --------------------------------------------------------------------------------------------------------


def test_recording_gives_back_input_stems_and_events(preset, separator, rng):
    sound, notes = band(rng, 9000, 2), [(0x90, 60, 90), (0x80, 60, 0)]
    lanes = warmed(separator, stem_sources(separator))
    call(lanes, sound[:, :100])
    lanes.record_start(0.1)
    played, pieces, events = [], [], []
    for number, (begin, end) in enumerate(in_blocks(9000, (100, 1000))):
        if number in (2, 5):
            lanes.send(0, 1, notes.pop(0))
        played.append(call(lanes, sound[:, begin:end]))
        piece = lanes.read_record()
        assert lanes.read_record() is None
        pieces.append(piece)
        events += lanes.read_events().tolist()
    assert [start for start, _ in pieces] == [begin for begin, _ in in_blocks(9000, (100, 1000))]
    planes = np.concatenate([block for _, block in pieces], axis=1)
    assert np.array_equal(planes[:2], sound) and np.array_equal(planes[2:], np.concatenate(played, axis=1)[2:])
    assert [event[:5] for event in events] == [(1100, 1, 0x90, 60, 90), (2300, 1, 0x80, 60, 0)]


def test_a_full_recording_drops_whole_pieces_and_tells_where(separator, rng):
    lanes = warmed(separator, [])
    lanes.record_start(0.01)  # two blocks of the largest size
    for _ in range(10):
        call(lanes, band(rng, 1000, 2))
    assert lanes.counters()["lost_pieces"] == 2
    starts = [lanes.read_record()[0] for _ in range(8)]
    assert starts == list(range(0, 8000, 1000)) and lanes.read_record() is None
    call(lanes, band(rng, 500, 2))
    start, piece = lanes.read_record()
    assert start == 10000 and piece.shape == (8, 500)
    lanes.record_stop()
    call(lanes, band(rng, 500, 2))
    assert lanes.read_record() is None


def test_stems_before_their_faders_do_not_hear_mute_and_solo(preset, separator, rng):
    """The mix does."""
    sound, sources = band(rng, 12000, 2), stem_sources(separator)
    for stem in separator.stem_names:
        separator.set(f"gain_db.{stem}", -120)
    lanes = warmed(separator, sources)
    assert np.abs(call(lanes, sound[:, :4000])[:, 3000:]).max() < 1e-5
    lanes.pre_fader(True)
    played = call(lanes, sound[:, 4000:])
    stems, _mix = play(prepared(preset, two_parts(), SMALL, 2), sound)
    assert np.abs(played[:2]).max() < 1e-5
    assert np.array_equal(played[2:], stems.reshape(-1, 12000)[:, 4000:]) and np.abs(played).max() > 0.01
