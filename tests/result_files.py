"""Noise, and files and stems made of it."""

from __future__ import annotations

import numpy as np
import soundfile

from rtsep.files.sound import StemWriter

RATE = 44_100


def noise(channels=2, frames=RATE, seed=0):
    """float32 [channel, sample]."""
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, frames))).astype(np.float32)


def write_wav(path, data, rate=RATE, subtype="FLOAT"):
    soundfile.write(path, data.T, rate, subtype, format="WAV")
    return path


def write_stems(folder, blocks, **options):
    """Stems of the given names, each in pieces of 1000."""
    with StemWriter(folder, tuple(blocks), RATE, next(iter(blocks.values())).shape[0], **options) as writer:
        for stem, data in enumerate(blocks.values()):
            for at in range(0, data.shape[1], 1000):
                writer.write(stem, data[:, at : at + 1000])
        writer.add_file("report.json", "{}\n")
        writer.commit()
    return writer


def left_in(folder):
    """The names of all files in a folder."""
    return sorted(path.name for path in folder.iterdir())
