"""Live mosaics made of a melody, with small windows."""

from __future__ import annotations

import numpy as np
from conftest import PITCHES, SMALL, play

from rtsep.grains.engine import Mosaic
from rtsep.grains.source import Source

RATE = 44100.0
SIZES = {name: SMALL[name] for name in ("window_samples", "latency_samples", "hop_samples")}
UNGATED = {**SIZES, "gate": False}


def melody(rng, pitches=PITCHES, note=6000, channels=1):
    """Notes one after the other, float32 [channel, sample]; each consists of partials that fade."""
    notes = []
    for pitch in pitches:
        time = np.arange(note) / RATE
        tone = sum(np.sin(2 * np.pi * n * 440 * 2 ** ((pitch - 69) / 12) * time + rng.uniform(0, 6)) / n for n in range(1, 7))
        notes.append(0.2 * tone * np.exp(-6 * time))
    sound = np.concatenate(notes)[None] * np.linspace(1, 0.5, channels)[:, None]
    return (sound + 1e-4 * rng.standard_normal(sound.shape)).astype(np.float32)


def mosaic_of(samples, params=None, channels=1, max_block=4096):
    """A mosaic of `samples` [channel, sample] that is ready to play; without the gate unless `params` say otherwise."""
    mosaic = Mosaic(Source("small", samples, RATE), UNGATED if params is None else params)
    mosaic.prepare(RATE, channels, max_block)
    return mosaic


def remake(mosaic, sound, events=None, sizes=(512,)):
    """Play the whole sound block by block; returns the mosaic, the dry sound and the mix, each [channel, sample]."""
    stems, mix = play(mosaic, sound, events, sizes)
    return stems[0], stems[1], mix
