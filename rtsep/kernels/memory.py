"""Sizes that all compiled code agrees on, and the MIDI events that it is given."""

import numpy as np

PARTS, CHANNELS, PITCHES = 32, 16, 128  # keyboards or tracks, and MIDI's channels and pitches
SLOTS = 4  # of a hop: the frame, then three pieces of the work that it leaves

# Levels of a note stand in a preset at ages on a logarithmic axis: ENVELOPE_S * (2 ** (i / ENVELOPE_STEPS) - 1) seconds.
ENVELOPE_POINTS, ENVELOPE_STEPS, ENVELOPE_S = 32, 4.0, 0.04
ENVELOPE_VELOCITY = 64  # The velocity whose levels are in envelope[:, :, 0]; [:, :, 1] is what one step of velocity adds.

WET, BYPASS, GAINS = range(3)  # the mixer's values: wet, bypass, then a gain for each stem

# A MIDI message at a sample; stem: 0, or 1 + the stem that a note-on belongs to whatever its routing.
EVENT = np.dtype(
    [("sample", "<i8"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1"), ("stem", "<u4")]
)
