"""Damages plan files in many ways, with right checksums, and plays those that are still accepted. None may end the process.

`python tests/plugin_fuzz.py CORE FOLDER COUNT SEED` prints how many were played; the others were refused.
"""

import sys
import zlib
from pathlib import Path

import numpy as np
from conftest import band, midi
from plugin_core import RATE, Core

from rtsep.plugin.plan_file import HEADER

ODD = (-1, 0, 1, 2, 3, 7, 15, 16, 33, 127, 128, 255, 4096, 65535, 1 << 20, 1 << 31, 1 << 40, 1 << 62, -(1 << 63), -128)


def odd(rng):
    return int(rng.choice(ODD)).to_bytes(8, "little", signed=True)


def damaged(plan, rng):
    """Make one to three changes of words, bytes, floats or the length."""
    data, own = bytearray(plan), np.frombuffer(plan[: HEADER.itemsize], HEADER)[0]
    for _ in range(int(rng.integers(1, 4))):
        kind, at = rng.integers(6), int(rng.integers(HEADER.itemsize, len(data) - 8))
        if kind == 0:  # a word of the plan
            at, new = int(own["plan_at"]) + 8 * int(rng.integers(own["plan_words"])), odd(rng)
        elif kind == 1:  # a word of the header, but not the kind of file
            at = 32 + 8 * int(rng.integers((HEADER.itemsize - 32) // 8))
            new = odd(rng)
        elif kind == 2:
            new = rng.bytes(1)
        elif kind == 3:
            at, new = at // 8 * 8, odd(rng)
        elif kind == 4:  # the table of templates
            at, new = int(own["rows_at"]) + 8 * int(rng.integers(4 * own["rows"])), odd(rng)
        else:
            at, new = at // 4 * 4, np.float32(rng.choice([np.nan, np.inf, -1e30, 1e30, 0, -1])).tobytes()
        data[at : at + len(new)] = new
    if rng.random() < 0.05:
        del data[int(rng.integers(len(data))) :]
    if len(data) > HEADER.itemsize:
        header = np.frombuffer(data[: HEADER.itemsize], HEADER).copy()
        header["checksum"] = zlib.crc32(data[HEADER.itemsize :])
        if rng.random() < 0.9:
            header["bytes"] = len(data)
        data[: HEADER.itemsize] = header.tobytes()
    return bytes(data)


def main(library, folder, count, seed):
    path, rng = Path(folder) / f"0-{RATE}.plan", np.random.default_rng(int(seed))
    plan, sound = path.read_bytes(), band(np.random.default_rng(0), 6000, 2)
    notes = midi(*((100 * at, 0x90, pitch, 90, 0) for at, pitch in enumerate((48, 55, 64, 72, 0, 127))))
    played = 0
    for _ in range(int(count)):
        path.write_bytes(damaged(plan, rng))
        core = Core(library, folder)
        if core.prepare():
            core.play(sound, notes)
            core.load(core.save())
            core.reset()
            played += 1
        else:
            assert core.trouble
        core.close()
    print(f"{played} of {count} played")


if __name__ == "__main__":
    main(*sys.argv[1:])
