"""MIDI bytes as they come from a device: messages, running status, and what is skipped."""

import random

import pytest
from midi_bytes import control, on

from rtsep.notes.score import MidiParser


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


def test_pieces_can_be_cut_anywhere():
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
