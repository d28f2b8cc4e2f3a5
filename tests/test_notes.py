"""MIDI files and bytes: whatever a musician's file looks like becomes a Score, or one clear line."""

import random
import struct

import mido
import numpy as np
import pytest

from rtsep.errors import RtsepError
from rtsep.kernels import memory
from rtsep.notes.score import EVENT, MidiParser, read_midi

TICKS = 480  # half a second, before any tempo change
END = (0, b"\xff\x2f\x00")


def varint(value):
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))


def track(*events):
    """A track chunk of (delta ticks, bytes)."""
    body = b"".join(varint(delta) + data for delta, data in events)
    return b"MTrk" + struct.pack(">I", len(body)) + body


def smf(*chunks, style=1, division=TICKS, count=None):
    return struct.pack(">4sIHHH", b"MThd", 6, style, len(chunks) if count is None else count, division) + b"".join(
        chunks
    )


def on(pitch, velocity=64, channel=0):
    return bytes((0x90 | channel, pitch, velocity))


def off(pitch, channel=0):
    return bytes((0x80 | channel, pitch, 0))


def control(number, value, channel=0):
    return bytes((0xB0 | channel, number, value))


def meta(kind, data):
    return bytes((0xFF, kind, len(data))) + data


def tempo(microseconds):
    return meta(0x51, microseconds.to_bytes(3, "big"))


@pytest.fixture
def read(tmp_path):
    def read(data):
        path = tmp_path / "file.mid"
        path.write_bytes(data)
        return read_midi(path)

    return read


@pytest.fixture
def refused(read):
    def refused(data):
        with pytest.raises(RtsepError) as caught:
            read(data)
        message = str(caught.value)
        assert "file.mid" in message
        assert "\n" not in message
        return message

    return refused


def spans(score):
    return [(note["pitch"], note["onset_s"], note["offset_s"]) for note in score.notes()]


def one_note(pitch=60, channel=0):
    return track((0, on(pitch, channel=channel)), (TICKS, off(pitch, channel)), END)


# ---- what is in a score


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


# ---- time


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
    assert events["sample"].tolist() == [46, 22096]  # 45.94 and 22095.94
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


# ---- keys and pedals


def test_a_note_never_switched_off_ends_with_the_file(read):
    score = read(
        smf(track((0, on(60)), (0, control(64, 127)), (0, control(66, 127)), (TICKS, on(62)), (3 * TICKS, END[1])))
    )
    assert spans(score) == [(60, 0, 2), (62, 0.5, 2)]
    assert score.duration_s == 2
    assert score.messages[4:, 1:].tolist() == [[0x80, 60, 0], [0x80, 62, 0], [0xB0, 64, 0], [0xB0, 66, 0]]


def test_a_key_struck_twice_makes_two_notes_and_the_last_release_ends_it(read):
    score = read(
        smf(track((0, on(60)), (TICKS, on(60)), (TICKS, off(60)), (TICKS, off(60)), (TICKS, on(60)), (9, off(60)), END))
    )
    assert spans(score)[:2] == [(60, 0, 0.5), (60, 0.5, 1.5)]
    assert spans(score)[2][1] == 2


def test_a_release_of_a_silent_key_is_nothing(read):
    assert spans(
        read(smf(track((0, off(60)), (0, on(61, 0)), (0, on(62)), (TICKS, off(60)), (TICKS, off(62)), END)))
    ) == [(62, 0, 1)]


@pytest.mark.parametrize("value", [64, 127])
def test_the_pedal_holds_what_the_finger_leaves(read, value):
    score = read(smf(track((0, on(60)), (0, control(64, value)), (TICKS, off(60)), (TICKS, control(64, 63)), END)))
    assert spans(score) == [(60, 0, 1)]


def test_a_half_pressed_pedal_holds_nothing(read):
    score = read(smf(track((0, on(60)), (0, control(64, 63)), (TICKS, off(60)), (TICKS, control(64, 0)), END)))
    assert spans(score) == [(60, 0, 0.5)]


def test_sostenuto_holds_only_the_keys_that_were_down(read):
    events = [(0, on(60)), (0, control(66, 127)), (0, on(64)), (0, control(66, 100)), (TICKS, off(60)), (0, off(64))]
    assert spans(read(smf(track(*events, (TICKS, control(66, 0)), END)))) == [(60, 0, 1), (64, 0, 0.5)]


@pytest.mark.parametrize(
    ("number", "ends"), [(120, (0.5, 0.5)), (121, (1.5, 0.5)), (123, (1, 1)), (124, (1, 1)), (127, (1, 1))]
)
def test_channel_mode_messages(read, number, ends):
    """60 is held by the finger until 1.5 s, 62 by the pedal until 1 s; the message comes at 0.5 s."""
    events = [(0, on(60)), (0, on(62)), (0, control(64, 127)), (9, off(62)), (TICKS - 9, control(number, 0))]
    score = read(smf(track(*events, (TICKS, control(64, 0)), (TICKS, off(60)), END)))
    assert [end for _, _, end in spans(score)] == list(ends)


def test_other_channels_are_other_keyboards(read):
    score = read(
        smf(
            track(
                (0, on(60)),
                (0, on(60, channel=1)),
                (0, control(64, 127, 1)),
                (TICKS, off(60, 1)),
                (0, off(60)),
                (TICKS, END[1]),
            )
        )
    )
    assert [(note["channel"], note["offset_s"]) for note in score.notes()] == [(0, 0.5), (1, 1)]


def test_a_pedal_in_a_track_of_its_own_holds_every_part_of_its_channel(read):
    pedal = track((0, control(64, 127)), (2 * TICKS, control(64, 0)), END)
    score = read(smf(pedal, one_note(60), one_note(62), one_note(64, channel=1)))
    assert spans(score) == [(60, 0, 1), (62, 0, 1), (64, 0, 0.5)]
    assert set(score.messages[:, 0]) == {0, 1, 2}


def test_a_pedal_in_one_hands_track_holds_the_other_hand(read):
    left = track((0, control(64, 127)), (0, on(40)), (TICKS, off(40)), (TICKS, control(64, 0)), END)
    assert spans(read(smf(one_note(70), left))) == [(70, 0, 1), (40, 0, 1)]


def test_a_part_with_its_own_pedal_keeps_to_it(read):
    left = track((0, control(64, 127)), (0, on(40)), (TICKS, off(40)), (TICKS, control(64, 0)), END)
    right = track((0, control(64, 0)), (0, on(70)), (TICKS, off(70)), END)
    assert spans(read(smf(right, left))) == [(70, 0, 0.5), (40, 0, 1)]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_hangs_whatever_was_played(read, seed):
    rng = random.Random(seed)
    events = []
    for _ in range(300):
        pitch, channel = rng.randrange(60, 66), rng.randrange(3)
        numbers = rng.choice((64, 64, 66, 120, 121, 123))
        message = rng.choice(
            (on(pitch, rng.randrange(128), channel), off(pitch, channel), control(numbers, rng.randrange(128), channel))
        )
        events.append((rng.randrange(50), message))
    score = read(smf(track(*events, END), track(*events[::2], END)))
    notes = score.notes()
    assert len(notes) == score.note_count > 0
    assert np.all(notes["onset_s"] <= notes["offset_s"]) and np.all(notes["offset_s"] <= score.duration_s)
    assert np.all(np.diff(score.seconds) >= 0) and np.all(np.diff(notes["onset_s"]) >= 0)
    for channel in range(3):  # one key, one string
        for part in range(2):
            for pitch in range(60, 66):
                same = notes[(notes["pitch"] == pitch) & (notes["part"] == part) & (notes["channel"] == channel)]
                assert np.all(same["offset_s"][:-1] <= same["onset_s"][1:])
    down = set()
    for part, status, pitch, velocity in score.messages.tolist():
        key = (part, status & 15, pitch)
        if status & 0xF0 == 0x90 and velocity:
            down.add(key)
        elif status & 0xF0 in (0x80, 0x90):
            down.discard(key)
        elif pitch in (120, 123):
            down = {other for other in down if other[:2] != key[:2]}
    assert not down


# ---- files that are odd but fine


def test_foreign_chunks_long_headers_and_trailing_bytes_are_skipped(read):
    foreign = b"XFIH" + struct.pack(">I", 5) + b"hello"
    header = struct.pack(">4sIHHH", b"MThd", 8, 1, 1, TICKS) + b"\0\0"
    assert spans(read(header + foreign + one_note() + b"trailing bytes")) == [(60, 0, 0.5)]


def test_midi_in_a_riff_envelope(read):
    data = smf(one_note())
    riff = b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + struct.pack("<I", len(data)) + data
    assert spans(read(riff)) == [(60, 0, 0.5)]


@pytest.mark.parametrize("key", [b"\x08\x00", b"\x00\x02", b"\xff\xff"])
def test_an_impossible_key_signature_is_no_matter(read, key):
    score = read(smf(track((0, meta(0x59, key)), (0, on(60)), (TICKS, off(60)), END)))
    assert spans(score) == [(60, 0, 0.5)]


def test_a_track_without_an_end_mark(read):
    assert spans(read(smf(track((0, on(60)), (TICKS, off(60)))))) == [(60, 0, 0.5)]


def test_32_parts_are_allowed_and_33_refused(read, refused):
    assert read(smf(*[one_note()] * 32)).messages[:, 0].max() == 31
    assert "33 tracks with notes, allowed are 32" in refused(smf(*[one_note()] * 33))


# ---- refused


def test_missing_and_unreadable_files(tmp_path):
    (tmp_path / "folder.mid").mkdir()
    for path, reason in ((tmp_path / "none.mid", "No such file"), (tmp_path / "folder.mid", "directory")):
        with pytest.raises(RtsepError, match=reason) as caught:
            read_midi(path)
        assert str(path) in str(caught.value)


def test_an_empty_file(refused):
    assert "is empty" in refused(b"")


@pytest.mark.parametrize("data", [b"not music at all", b"RIFF\0\0\0\0WAVEfmt ", b"MThx", b"\0" * 99, b"ID3"])
def test_what_is_not_midi(refused, data):
    assert "is not MIDI" in refused(data)


def test_a_cut_is_noticed_wherever_it_is(refused):
    whole = smf(track((0, tempo(500_000)), END), one_note(), one_note(70))
    for length in range(4, len(whole)):
        assert "is truncated" in refused(whole[:length])


def test_fewer_tracks_than_promised(refused):
    assert "is truncated" in refused(smf(one_note(), count=2))


def test_format_2(refused):
    assert "format 2, allowed are 0 and 1" in refused(smf(one_note(), style=2))


@pytest.mark.parametrize("division", [0, 0xE700])
def test_no_time_base(refused, division):
    assert "no ticks per beat" in refused(smf(one_note(), division=division))


def test_more_than_a_day(read, refused):
    day = 24 * 7200 * TICKS
    assert read(smf(track((day, on(60)), (0, off(60)), END))).duration_s == 24 * 3600
    assert "allowed are 24" in refused(smf(track((day + 1, on(60)), (0, off(60)), END)))
    assert "allowed are 24" in refused(smf(track((0, on(60)), (day + 1, END[1]))))  # it never ends before


def test_a_late_end_mark_alone_is_no_matter(read):
    assert read(smf(track((0, on(60)), (TICKS, off(60)), (10**8, END[1])))).duration_s == 0.5


def test_an_endless_pause(refused):
    body = b"\xff" * 200 + b"\x7f" + on(60)
    assert "broken MIDI" in refused(smf(b"MTrk" + struct.pack(">I", len(body)) + body))


@pytest.mark.parametrize(
    "event",
    [b"\xf4", b"\x3c\x40", b"\x90\x90\x40", b"\xff\x51\x00", b"\xff\x58\x01\x04", b"\xff\x54\x05\xff\0\0\0\0",
     b"\x90\x3c", b"\xf0\x02\x90\xf7", b"\xff\x20\x00", b"\xff\x03\x84\x80\x80\x00", b"\xff\x59\x00"],
)  # fmt: skip
def test_broken_tracks(refused, event):
    assert "broken MIDI" in refused(smf(track((0, event))))


def test_damaged_files_are_read_or_refused_but_never_crash(tmp_path):
    rng = random.Random(1)
    whole = smf(
        track((0, meta(3, b"name")), (0, tempo(500_000)), (0, meta(0x59, b"\0\0")), END), one_note(), one_note(70, 5)
    )
    outcomes = set()
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / "x.mid").write_bytes(data)
        try:
            outcomes.add(type(read_midi(tmp_path / "x.mid")))
        except RtsepError as error:
            assert "\n" not in str(error)
            outcomes.add(RtsepError)
    assert len(outcomes) == 2


# ---- live bytes


def test_bytes_to_messages():
    assert MidiParser(3).part == 3
    assert MidiParser().feed(on(60) + control(64, 127, 2)) == [(0x90, 60, 64), (0xB2, 64, 127)]


def test_messages_of_one_data_byte():
    assert MidiParser().feed(b"\xc0\x05\x06\xd1\x07\x90\x3c\x40") == [
        (0xC0, 5, 0),
        (0xC0, 6, 0),
        (0xD1, 7, 0),
        (0x90, 60, 64),
    ]


def test_running_status_lasts_until_another_status():
    parser = MidiParser()
    assert parser.feed(b"\x90\x3c\x40\x3e") == [(0x90, 60, 64)]
    assert parser.feed(b"\x41\x80\x3c\x00") == [(0x90, 62, 65), (0x80, 60, 0)]


def test_real_time_bytes_stand_anywhere():
    stream = b"\xf8\x90\xfe\x3c\xf8\x40\xfa\x3e\xff\x41"
    assert MidiParser().feed(stream) == [(0x90, 60, 64), (0x90, 62, 65)]


@pytest.mark.parametrize(
    "system", [b"\xf0\x01\xf8\x02\xf7", b"\xf0\x01", b"\xf2\x01\x02", b"\xf3\x01", b"\xf6", b"\xf7"]
)
def test_system_messages_are_skipped_and_end_running_status(system):
    parser = MidiParser()
    assert parser.feed(on(60) + system + b"\x3e\x40") == [(0x90, 60, 64)]
    assert parser.feed(on(64)) == [(0x90, 64, 64)]


def test_stray_data_and_half_messages_are_dropped():
    assert MidiParser().feed(b"\x3c\x40\x90\x3c\x80\x3c\x00") == [(0x80, 60, 0)]


def test_pieces_may_be_cut_anywhere():
    rng = random.Random(5)
    for _ in range(50):
        stream = bytes(
            rng.choice((rng.randrange(128), rng.randrange(128), rng.randrange(128, 256))) for _ in range(200)
        )
        whole, pieces, parser, at = MidiParser().feed(stream), [], MidiParser(), 0
        while at < len(stream):
            step = rng.randrange(1, 6)
            pieces += parser.feed(stream[at : at + step])
            at += step
        assert pieces == whole != []
        assert all(0x80 <= status < 0xF0 and data1 < 128 and data2 < 128 for status, data1, data2 in whole)


def test_streams_do_not_share_a_status():
    first, second = MidiParser(), MidiParser()
    first.feed(on(60))
    assert second.feed(b"\x3c\x40") == []
