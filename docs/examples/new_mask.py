"""Tries a mask of your own in the reference, the engine's twin in plain NumPy."""

import numpy as np

from rtsep import by_track, find_preset, load_preset, read_midi
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.measure import sdr_db
from rtsep.reference import ReferenceSeparator, power_mask


def binary(models, power):
    """Each bin goes to its loudest stem: models [stem, bin], the residual last -> masks [stem, bin] that sum to 1."""
    return np.float64(models.argmax(axis=0) == np.arange(len(models))[:, None])


sound, rate = read_sound(clip_folder() / "mix.flac")
sound = sound[:, : 3 * rate]  # The reference is slow: three seconds are enough to hear a difference.
score = read_midi(clip_folder() / "demo.mid")
events = score.events(rate)
events = events[events["sample"] < sound.shape[1]]

for mask in (power_mask, binary):
    separator = ReferenceSeparator(load_preset(find_preset("piano")), by_track(score), {"mode": "live"}, mask=mask)
    separator.prepare(rate, channels=1, max_block=sound.shape[1])
    right, late = separator.process(sound, events).stems[1], separator.latency
    truth = read_sound(clip_folder() / "right_hand.flac")[0][:, : sound.shape[1] - late]
    print(f"{mask.__name__}: right hand {sdr_db(right[:, late:], truth):.1f} dB")
