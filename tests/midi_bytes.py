"""Makes MIDI files byte by byte, from events to chunks, and reads them."""

from __future__ import annotations

import struct

from rtsep.notes.score import read_midi

TICKS = 480  # half a second, at the default tempo
END = (0, b"\xff\x2f\x00")


def varint(value):
    """A delta time in the encoding of MIDI files."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))


def track(*events):
    """A track chunk of (delta ticks, bytes)."""
    body = b"".join(varint(delta) + data for delta, data in events)
    return b"MTrk" + struct.pack(">I", len(body)) + body


def smf(*chunks, style=1, division=TICKS, count=None):
    """A file of these chunks. Its header promises `count` tracks, by default as many as there are."""
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


def one_note(pitch=60, channel=0):
    """A track with a note of half a second."""
    return track((0, on(pitch, channel=channel)), (TICKS, off(pitch, channel)), END)


def spans(score):
    """(pitch, onset, offset) of every note."""
    return [(note["pitch"], note["onset_s"], note["offset_s"]) for note in score.notes()]


def read_bytes(path, data):
    """Write these bytes to `path`, and read them as a Score."""
    path.write_bytes(data)
    return read_midi(path)
