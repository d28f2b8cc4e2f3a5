"""Sound files as samplers use them: tones with chunks and tags, folders of tones, and a small SoundFont."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from instruments import RATE, tone, write_sound


def folder_of(folder: Path, names: dict[str, int], seconds: float = 0.5) -> Path:
    """A folder with one tone for each name, at the given pitch. Names have endings and can contain folders."""
    for name, pitch in names.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sound(path, tone(pitch, seconds))
    return folder


def add_chunk(path: Path, name: bytes, body: bytes) -> None:
    """Append a chunk to a WAV."""
    content = path.read_bytes() + name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    path.write_bytes(content[:4] + struct.pack("<I", len(content) - 8) + content[8:])


def smpl(pitch: int) -> bytes:
    """The body of a `smpl` chunk with this root note."""
    return struct.pack("<9I", 0, 0, 22676, pitch, 0, 0, 0, 0, 0)


def flac_block(path: Path, kind: int, body: bytes) -> None:
    """Insert a metadata block after the first one of a FLAC file."""
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[5:8], "big")
    first = bytes([content[4] & 0x7F]) + content[5:end]
    path.write_bytes(b"fLaC" + first + bytes([kind | content[4] & 0x80]) + len(body).to_bytes(3, "big") + body + content[end:])


def comments(*tags: str) -> bytes:
    """The body of a block of Vorbis comments."""
    each = [tag.encode() for tag in tags]
    return struct.pack("<I", 0) + struct.pack("<I", len(each)) + b"".join(struct.pack("<I", len(tag)) + tag for tag in each)


def aiff(path: Path, pitch: int, root: int) -> None:
    """A mono AIFF of a tone with an INST chunk."""
    sound = np.round(tone(pitch, 0.5) * 32767).astype(">i2").tobytes()
    rate = 16383 + 13, RATE << (63 - 13)
    comm = struct.pack(">hIhHQ", 1, len(sound) // 2, 16, *rate)
    chunks = [(b"COMM", comm), (b"INST", bytes([root]) + bytes(19)), (b"SSND", struct.pack(">II", 0, 0) + sound)]
    body = b"AIFF" + b"".join(name + struct.pack(">I", len(data)) + data for name, data in chunks)
    path.write_bytes(b"FORM" + struct.pack(">I", len(body)) + body)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _listed(name: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", name + b"".join(chunks))


def soundfont(path: Path, presets: dict[str, tuple[int, int]], pitch: int = 60) -> Path:
    """A SoundFont whose presets {name: (bank, program)} all play one looped tone of this pitch."""
    rate = 22050
    sound = np.round(0.5 * 32767 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * np.arange(rate) / rate)).astype("<i2")
    names = [(name.encode(), *place) for name, place in presets.items()]
    phdr = b"".join(struct.pack("<20sHHHIII", name, program, bank, i, 0, 0, 0) for i, (name, bank, program) in enumerate(names))
    phdr += struct.pack("<20sHHHIII", b"EOP", 0, 0, len(names), 0, 0, 0)
    pbag = b"".join(struct.pack("<HH", i, 0) for i in range(len(names) + 1))
    pgen = b"".join(struct.pack("<HH", 41, 0) for _ in names) + bytes(4)  # Generator 41 names the instrument.
    inst = struct.pack("<20sH", b"tone", 0) + struct.pack("<20sH", b"EOI", 1)
    ibag = struct.pack("<HHHH", 0, 0, 2, 0)
    igen = struct.pack("<HHHH", 54, 1, 53, 0) + bytes(4)  # Generator 54 makes it loop, 53 names the sample.
    shdr = struct.pack("<20sIIIIIBbHH", b"tone", 0, len(sound), 100, len(sound) - 100, rate, pitch, 0, 0, 1)
    shdr += struct.pack("<20sIIIIIBbHH", b"EOS", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    tables = ((b"phdr", phdr), (b"pbag", pbag), (b"pmod", bytes(10)), (b"pgen", pgen), (b"inst", inst), (b"ibag", ibag),
              (b"imod", bytes(10)), (b"igen", igen), (b"shdr", shdr))
    info = _listed(b"INFO", _chunk(b"ifil", struct.pack("<HH", 2, 1)), _chunk(b"isng", b"EMU8000\0"),
                   _chunk(b"INAM", b"test\0\0"))
    body = b"sfbk" + info + _listed(b"sdta", _chunk(b"smpl", sound.tobytes() + bytes(92)))
    body += _listed(b"pdta", *(_chunk(name, table) for name, table in tables))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path
