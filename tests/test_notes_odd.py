"""MIDI files that are odd but valid, and files that are refused with one clear line."""

import random
import struct
from functools import partial

import pytest
from midi_bytes import END, TICKS, meta, off, on, one_note, read_bytes, smf, spans, tempo, track

from rtsep.errors import RtsepError
from rtsep.notes.score import read_midi


@pytest.fixture
def read(tmp_path):
    """A function from a file's bytes to its Score."""
    return partial(read_bytes, tmp_path / "file.mid")


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


# --- files that are odd but fine --------------------------------------------------------------------------------------


def test_foreign_chunks_long_headers_and_trailing_bytes_are_skipped(read):
    foreign = b"XFIH" + struct.pack(">I", 5) + b"hello"
    header = struct.pack(">4sIHHH", b"MThd", 8, 1, 1, TICKS) + b"\0\0"
    assert spans(read(header + foreign + one_note() + b"trailing bytes")) == [(60, 0, 0.5)]


def test_midi_in_a_riff_envelope(read):
    data = smf(one_note())
    riff = b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + struct.pack("<I", len(data)) + data
    assert spans(read(riff)) == [(60, 0, 0.5)]


@pytest.mark.parametrize("key", [b"\x08\x00", b"\x00\x02", b"\xff\xff"])
def test_an_impossible_key_signature_does_no_harm(read, key):
    score = read(smf(track((0, meta(0x59, key)), (0, on(60)), (TICKS, off(60)), END)))
    assert spans(score) == [(60, 0, 0.5)]


def test_a_track_without_an_end_mark(read):
    assert spans(read(smf(track((0, on(60)), (TICKS, off(60)))))) == [(60, 0, 0.5)]


def test_255_parts_are_allowed_and_256_refused(read, refused):
    assert read(smf(*[one_note()] * 255)).messages[:, 0].max() == 254
    assert "256 tracks with notes, allowed are 255" in refused(smf(*[one_note()] * 256))


# --- refused ----------------------------------------------------------------------------------------------------------


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


def test_a_cut_is_noticed_wherever_it_is(read, refused):
    """A cut within a track is refused. If whole tracks are missing, the others are read with a warning."""
    chunks = [track((0, tempo(500_000)), END), one_note(), one_note(70)]
    whole = smf(*chunks)
    ends = {14 + sum(map(len, chunks[:count])) for count in (1, 2)}
    for length in range(4, len(whole)):
        between = next((length - end for end in ends if 0 <= length - end < 4), -1)
        if between >= 0:
            assert "missing" in " ".join(read(whole[:length]).warnings)
        else:
            assert "is truncated" in refused(whole[:length])


def test_no_track_where_some_are_promised(refused):
    assert "is truncated" in refused(smf(count=2))


def test_format_2(refused):
    assert "format 2, allowed are 0 and 1" in refused(smf(one_note(), style=2))


@pytest.mark.parametrize("division", [0, 0xE700])
def test_no_time_base(refused, division):
    assert "no ticks per beat" in refused(smf(one_note(), division=division))


def test_more_than_a_day(read, refused):
    day = 24 * 7200 * TICKS
    assert read(smf(track((day, on(60)), (0, off(60)), END))).duration_s == 24 * 3600
    assert "allowed are 24" in refused(smf(track((day + 1, on(60)), (0, off(60)), END)))
    assert "allowed are 24" in refused(smf(track((0, on(60)), (day + 1, END[1]))))  # a note that does not end before


def test_a_late_end_mark_alone_does_no_harm(read):
    assert read(smf(track((0, on(60)), (TICKS, off(60)), (10**8, END[1])))).duration_s == 0.5


def test_an_endless_pause(refused):
    body = b"\xff" * 200 + b"\x7f" + on(60)
    assert "broken MIDI" in refused(smf(b"MTrk" + struct.pack(">I", len(body)) + body))


@pytest.mark.parametrize(
    "event",
    [b"\xf4", b"\x3c\x40", b"\x90\x90\x40", b"\xff\x51\x00", b"\xff\x58\x01\x04", b"\x90\x3c", b"\xff\x20\x00",
     b"\xff\x03\x84\x80\x80\x00", b"\xff\x59\x00"],
)  # fmt: skip
def test_tracks_with_more_odd_events_than_right_ones_are_broken(refused, event):
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
