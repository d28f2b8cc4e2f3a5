"""MIDI files: the Score that they give, and the times in it."""

import random
from functools import partial

import mido
import numpy as np
import pytest
from midi_bytes import END, TICKS, control, meta, off, on, one_note, read_bytes, smf, spans, tempo, track

from rtsep.kernels import memory
from rtsep.notes.score import EVENT, read_midi


@pytest.fixture
def read(tmp_path):
    """A function from a file's bytes to its Score."""
    return partial(read_bytes, tmp_path / "file.mid")


# --- what is in a score -----------------------------------------------------------------------------------------------


def test_a_format_0_file(read):
    score = read(smf(track((TICKS, on(60)), (TICKS, on(64, 90, 9)), (0, off(60)), (TICKS, off(64, 9)), END), style=0))
    assert score.track_names == ("track_1",)
    np.testing.assert_allclose(score.seconds, (0.5, 1, 1, 1.5))
    assert score.messages.tolist() == [[0, 0x90, 60, 64], [0, 0x99, 64, 90], [0, 0x80, 60, 0], [0, 0x89, 64, 0]]
    assert (score.channels, score.note_count, score.duration_s, score.tracks_without_notes) == ((0, 9), 2, 1.5, 0)
    assert (score.messages.dtype, score.seconds.dtype) == (np.uint8, np.float64)


def test_parts_are_the_tracks_with_notes(read):
    conductor = track((0, meta(0x03, b"song")), (0, tempo(500_000)), END)
    score = read(smf(conductor, one_note(60), track(END), one_note(70)))
    assert score.track_names == ("track_1", "track_2")
    assert score.messages[:, 0].tolist() == [0, 1, 0, 1]
    assert score.tracks_without_notes == 2


def test_a_track_that_only_switches_off_carries_no_notes(read):
    score = read(smf(track((0, off(60)), (0, on(61, 0)), END), one_note()))
    assert (len(score.track_names), score.note_count, len(score.messages)) == (1, 1, 2)


def test_equal_times_keep_the_file_order(read):
    first = track((0, on(60)), (TICKS, off(60)), (0, on(60)), (TICKS, off(60)), END)
    second = track((0, on(50)), (TICKS, off(50)), END)
    found = read(smf(first, second)).messages[:, 1:3].tolist()
    assert found == [[0x90, 60], [0x90, 50], [0x80, 60], [0x90, 60], [0x80, 50], [0x80, 60]]


def test_only_what_concerns_notes_is_kept(read):
    others = [
        control(7, 100),
        control(122, 0),
        bytes((0xC0, 5)),
        bytes((0xE0, 0, 64)),
        bytes((0xD0, 9)),
        bytes((0xA0, 60, 9)),
    ]
    kept = [control(number, 127) for number in (64, 66, 120, 121, 123, 124, 125, 126, 127)]
    sysex = b"\xf0\x03\x01\x02\xf7"
    events = [(0, data) for data in [on(60), *others, sysex, meta(0x05, b"la"), *kept, on(60, 0)]]
    score = read(smf(track(*events, END)))
    assert [tuple(row[1:]) for row in score.messages[:11].tolist()] == [
        tuple(data) for data in [on(60), *kept, on(60, 0)]
    ]


def test_running_status(read):
    score = read(smf(track((0, on(60)), (TICKS, bytes((62, 70))), (TICKS, bytes((60, 0))), (0, bytes((62, 0))), END)))
    assert spans(score) == [(60, 0, 1), (62, 0.5, 1)]


def test_a_file_without_notes_is_a_score_without_parts(read):
    score = read(smf(track((0, tempo(400_000)), (9, control(64, 127)), END)))
    assert (score.track_names, score.channels, score.note_count, score.duration_s) == ((), (), 0, 0)
    assert len(score.events(48_000)) == len(score.notes()) == 0
    assert read(smf()).tracks_without_notes == 0


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"Left Hand", "Left Hand"),
        ("Flügel".encode("latin-1"), "Flügel"),
        ("Flügel ♪".encode(), "Flügel ♪"),
        (b" Piano \0", "Piano"),
        (b"", "track_1"),
        (b" ", "track_1"),
    ],
)
def test_track_names(read, raw, name):
    named = track((0, meta(0x03, raw)), (0, on(60)), (0, meta(0x03, b"later")), (9, off(60)), END)
    assert read(smf(named)).track_names == (name,)


# --- time -------------------------------------------------------------------------------------------------------------


def test_tempo_changes_count_wherever_they_stand(read):
    notes = track((TICKS, on(60)), (TICKS, off(60)), (TICKS, on(60)), (TICKS, off(60)), END)
    changes = track((TICKS, tempo(1_000_000)), (TICKS, tempo(9)), (0, tempo(250_000)), (TICKS, tempo(0)), END)
    for tracks in ((changes, notes), (notes, changes)):
        np.testing.assert_allclose(read(smf(*tracks)).seconds, (0.5, 1.5, 1.75, 2.0))


def test_the_first_beat_is_at_zero_whatever_the_tempo(read):
    changes = track((0, tempo(1_000_000)), (9 * TICKS, tempo(250_000)), END)
    assert read(smf(changes, one_note())).seconds.tolist() == [0, 1]


@pytest.mark.parametrize(("frames", "rate"), [(24, 24), (25, 25), (29, 30_000 / 1001), (30, 30)])
def test_smpte_time_ignores_the_tempo(read, frames, rate):
    notes = track((0, tempo(9)), (80, on(60)), (40 * 10, off(60)), END)
    np.testing.assert_allclose(read(smf(notes, division=(256 - frames) << 8 | 40)).seconds, (2 / rate, 12 / rate))


@pytest.mark.parametrize("seed", range(8))
def test_times_agree_with_an_independent_clock(tmp_path, seed):
    rng = random.Random(seed)
    file = mido.MidiFile(type=1, ticks_per_beat=rng.choice((24, 96, 480, 960)))
    for channel in range(3):
        track = file.add_track(f"part {channel}")
        for _ in range(60):
            track.append(mido.MetaMessage("set_tempo", tempo=rng.randrange(1, 2**24), time=rng.randrange(500)))
            track.append(mido.Message("note_on", channel=channel, note=rng.randrange(128), time=rng.randrange(500)))
    file.save(tmp_path / "x.mid")
    now, expected = 0.0, []
    for message in file:
        now += message.time
        expected += [now] * (message.type == "note_on")
    found = read_midi(tmp_path / "x.mid").seconds[: len(expected)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_events_are_rounded_to_samples(read):
    events = read(smf(track((1, on(60, 99, 3)), (TICKS, off(60, 3)), END))).events(44_100)
    assert events.dtype == EVENT and EVENT.itemsize == 16
    assert events["sample"].tolist() == [46, 22096]  # exactly: 45.94 and 22095.94
    assert events[0].tolist()[1:5] == (0, 0x93, 60, 99)


def test_notes_and_kernels_mean_the_same_by_an_event():
    assert memory.EVENT == EVENT


def test_an_offset_moves_events_but_never_before_the_start(read):
    score = read(smf(track((TICKS, on(60)), (TICKS, off(60)), END)))
    assert score.events(1000, offset_s=0.25)["sample"].tolist() == [750, 1250]
    assert score.events(1000, offset_s=-0.75)["sample"].tolist() == [0, 250]


def test_the_end_of_a_long_file_is_exact_to_the_sample(read):
    hours = 23 * 7200 * TICKS
    events = read(smf(track((hours // 2, on(1)), (hours // 2, off(1)), (0, on(2)), (1, off(2)), END))).events(192_000)
    assert events["sample"].tolist() == [23 * 1800 * 192_000, *[23 * 3600 * 192_000] * 2, 23 * 3600 * 192_000 + 200]
