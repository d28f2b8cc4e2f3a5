"""Separates sound block by block, as a live program does, and adds the stems up again."""

import numpy as np

from rtsep import Separator, by_track, find_preset, load_preset, read_midi
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder

BLOCK = 64  # Samples in each block; any size gives the same stems.

sound, rate = read_sound(clip_folder() / "mix.flac")  # float32 [channel, sample]
score = read_midi(clip_folder() / "demo.mid")
events = score.events(rate)  # MIDI messages, each with the sample at which it comes

separator = Separator(load_preset(find_preset("piano")), by_track(score), {"mode": "instant"})
separator.prepare(rate, channels=1, max_block=BLOCK)
print(f"stems {separator.stem_names}, latency {separator.latency} samples")

error, energy = 0.0, dict.fromkeys(separator.stem_names, 0.0)
for start in range(0, sound.shape[1] - BLOCK, BLOCK):
    due = events[(events["sample"] >= start) & (events["sample"] < start + BLOCK)]
    due["sample"] -= start  # Samples count from the beginning of the block.
    stems = separator.process(sound[:, start : start + BLOCK], due).stems  # [stem, channel, sample]
    error = max(error, np.abs(stems.sum(axis=0) - sound[:, start : start + BLOCK]).max())
    for name, stem in zip(separator.stem_names, stems, strict=True):
        energy[name] += float(np.square(stem).sum())
print({name: round(value) for name, value in energy.items()}, f"largest error of the sum: {error:.0e}")
