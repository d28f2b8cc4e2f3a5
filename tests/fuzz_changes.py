"""How the fuzzer breaks an input: changes of bytes, words and encodings, also inside archives and tracks."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Sequence

# Numbers at the limits of their types.
NUMBERS = (0, 1, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63, -1)
# Words that are neither valid numbers nor valid names.
WORDS = ("-1", "0", "1e999", "1e308", "nan", "inf", "99999999999999999999", "0x7f", "1_0", "１", "1,5", "..", "/", "\\", "",
         " ", "\0", "\ufeff", "é", "😀", "<", ">", "&amp;", "%", "#", '"', "'", ";", "\t", "\r", "\u2028", "A" * 300, "1/0")
ENCODINGS = ("utf-16", "utf-32", "utf-8-sig", "latin-1", "cp1252", "utf-7")


def broken(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The data after one to four random changes. Most changes keep archives and tracks whole, and break their contents."""
    if data[:4] == b"PK\x03\x04" and rng.random() < 0.8:
        return _inside_archive(rng, data)
    if data[:4] == b"MThd" and rng.random() < 0.6:
        return _inside_tracks(rng, data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        changes = BYTES if b"\0" in data else TEXT
        data = rng.choice(changes)(rng, data, others)[:1_000_000]
    return data


def _inside_archive(rng: random.Random, data: bytes) -> bytes:
    """An archive in which one file is broken."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    chosen, packed = rng.choice(list(files)), io.BytesIO()
    files[chosen] = broken(rng, files[chosen], list(files.values()))
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _inside_tracks(rng: random.Random, data: bytes) -> bytes:
    """A MIDI file in which one track is broken; its length is right."""
    head, *tracks = data.split(b"MTrk")
    chosen = rng.randrange(len(tracks))
    tracks[chosen] = tracks[chosen][:4] + broken(rng, tracks[chosen][4:], [track[4:] for track in tracks])
    return head + b"".join(b"MTrk" + struct.pack(">I", len(track) - 4) + track[4:] for track in tracks)


def flip(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Flip a few bits."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8)) if found else 0):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(8)
    return bytes(found)


def cut(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Remove a piece, often the end."""
    first = rng.randint(0, len(data))
    return data[:first] + (data[rng.randint(first, len(data)) :] if rng.random() < 0.6 else b"")


def repeat(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Repeat a piece."""
    first = rng.randint(0, len(data))
    last = min(len(data), first + rng.choice((1, 4, 30, 300)))
    return data[:first] + data[first:last] * rng.choice((2, 3, 50)) + data[last:]


def splice(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The beginning of one input and the end of another."""
    other = rng.choice(others) if others else data
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def binary(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Overwrite something with a number at the limit of its type."""
    form = rng.choice(("B", "<H", ">H", "<I", ">I", "<Q", "<d", "<f"))
    bits = 8 * struct.calcsize(form)
    value = float(rng.choice(NUMBERS)) if form in ("<d", "<f") else rng.choice(NUMBERS) % 2**bits
    at = rng.randint(0, len(data))
    return data[:at] + struct.pack(form, value) + data[at + bits // 8 :]


def word(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Put an odd word in the place of a number or a name, or anywhere."""
    digits = [at for at, byte in enumerate(data[:20_000]) if chr(byte).isdigit()]
    at = rng.choice(digits) if digits and rng.random() < 0.7 else rng.randint(0, len(data))
    last = at
    while last < len(data) and chr(data[last]).isdigit():
        last += 1
    return data[:at] + rng.choice(WORDS).encode("utf-8", "surrogateescape") + data[last:]


def encode(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Change the encoding of a text, or its line ends."""
    if rng.random() < 0.4:
        return data.replace(b"\n", rng.choice((b"\r", b"\r\n", b"\n\n", b"\x0b", b"")))
    return data.decode("latin-1").encode(rng.choice(ENCODINGS), "ignore")


def lines(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Remove, move or add lines; added lines come from another input."""
    found, other = data.split(b"\n"), (rng.choice(others) if others else data).split(b"\n")
    at = rng.randrange(len(found))
    line = found.pop(at)
    if rng.random() < 0.7:
        found.insert(rng.randint(0, len(found)), rng.choice((line, line, rng.choice(other))))
    return b"\n".join(found)


BYTES = (flip, flip, flip, cut, repeat, splice, binary, binary)
TEXT = (word, word, word, word, word, lines, lines, lines, flip, cut, repeat, splice, binary, encode)
