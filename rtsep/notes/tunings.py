"""Sysex for tuning: master tuning, and messages of the MIDI Tuning Standard for single keys, for all keys and for octaves."""

from __future__ import annotations

from collections.abc import Iterator

UNIVERSAL = (0x7E, 0x7F)  # Sysex for instruments of all manufacturers begins with one of these bytes.
DEVICE_CONTROL, TUNING = 0x04, 0x08  # The kinds of universal sysex for tuning.
FINE, COARSE = 0x03, 0x04  # The two messages of master tuning.
DUMP, KEYS, KEYS_OF_BANK, OCTAVE, FINE_OCTAVE = 0x01, 0x02, 0x07, 0x08, 0x09  # The messages of the Tuning Standard.
NAME_BYTES = 16  # The name of a tuning in a dump has this many bytes.
FRACTIONS = 16384  # Semitones are divided into this many parts.
KEY, MASTER_FINE, MASTER_COARSE = range(3)  # Kinds of changes: a change replaces an earlier one of the same kind.

Change = tuple[int, int, int, float]  # Channel and key, -1 for all; one of the kinds above; cents.


def read_tuning(data: bytes) -> Iterator[Change]:
    """The changes by a sysex message; there are none if it is not about tuning. `data`: without the first byte, F0."""
    if len(data) < 6 or data[0] not in UNIVERSAL:
        return
    kind, what, rest = data[2], data[3], data[4:].removesuffix(b"\xf7")
    if kind == DEVICE_CONTROL and what == FINE and len(rest) >= 2:
        yield -1, -1, MASTER_FINE, 100 * ((rest[1] << 7 | rest[0]) - 8192) / 8192
    elif kind == DEVICE_CONTROL and what == COARSE and len(rest) >= 2:
        yield -1, -1, MASTER_COARSE, 100.0 * (rest[1] - 64)
    elif kind == TUNING and what in (KEYS, KEYS_OF_BANK):
        keys = rest[2 + (what == KEYS_OF_BANK) :]
        for at in range(0, len(keys) - 3, 4):
            yield from _key(keys[at], keys[at + 1 : at + 4])
    elif kind == TUNING and what == DUMP:
        keys = rest[1 + NAME_BYTES :]
        for key in range(min(128, len(keys) // 3)):
            yield from _key(key, keys[3 * key : 3 * key + 3])
    elif kind == TUNING and what in (OCTAVE, FINE_OCTAVE):
        yield from _octave(rest, what == FINE_OCTAVE)


def _key(key: int, pitch: bytes) -> Iterator[Change]:
    """The pitch of a key: semitones, and a fraction in two bytes. Three bytes of 127 change nothing."""
    if pitch != b"\x7f\x7f\x7f":
        yield -1, key, KEY, 100 * (pitch[0] - key + (pitch[1] << 7 | pitch[2]) / FRACTIONS)


def _octave(rest: bytes, fine: bool) -> Iterator[Change]:
    """The twelve steps of every octave, on the channels that the first three bytes name."""
    steps, size = rest[3:], 2 if fine else 1
    if len(steps) < 12 * size:
        return
    channels = [channel for channel in range(16) if rest[2 - channel // 7] >> channel % 7 & 1]
    for step in range(12):
        value = (steps[2 * step] << 7 | steps[2 * step + 1]) - 8192 if fine else steps[step] - 64
        cents = 100 * value / 8192 if fine else float(value)
        for channel in channels:
            yield from ((channel, key, KEY, cents) for key in range(step, 128, 12))
