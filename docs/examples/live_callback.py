"""Plays the left hand on the left loudspeaker and all else on the right one, by an audio callback of your own."""

import sys

import numpy as np
import sounddevice

from rtsep import Separator, by_track, find_preset, load_preset, read_midi
from rtsep.hosts.demo import clip_folder

devices = tuple(sys.argv[1:3]) or (None, None)  # Names of the input and the output; None is the usual device.
score = read_midi(clip_folder() / "demo.mid")  # What you play along with; a keyboard would add its messages here.
separator = Separator(load_preset(find_preset("piano")), by_track(score), {"mode": "instant"})
separator.prepare(44100, channels=1, max_block=4096)
events, position, seconds = score.events(44100), 0, float(sys.argv[3]) if len(sys.argv) > 3 else 24.0


def callback(heard, played, frames, time, status):
    global position
    first, last = np.searchsorted(events["sample"], (position, position + frames))
    due = events[first:last].copy()
    due["sample"] -= position
    stems = separator.process(heard.T, due).stems[:, 0]  # left hand, right hand, residual
    played[:, 0], played[:, 1] = stems[0], stems[1] + stems[2]
    position += frames


with sounddevice.Stream(44100, 256, devices, (1, 2), "float32", callback=callback) as stream:
    while position < seconds * 44100 and stream.active:
        sounddevice.sleep(10)
