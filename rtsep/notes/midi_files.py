"""MIDI files that rtsep writes: tracks of messages at their ticks, and the bytes of a file."""

from __future__ import annotations

import io
from collections.abc import Iterable

import mido

Placed = tuple[int, "mido.Message | mido.MetaMessage"]  # Tick and message.


def add_messages(track: mido.MidiTrack, placed: Iterable[Placed]) -> int:
    """Append messages, by tick from 0 on, to a track, in which nothing has a time yet. Returns the last tick."""
    now = 0
    for tick, message in placed:
        track.append(message.copy(time=tick - now))
        now = tick
    return now


def midi_bytes(file: mido.MidiFile) -> bytes:
    """The file as it is stored."""
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()
