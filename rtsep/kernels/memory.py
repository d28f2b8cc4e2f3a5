"""Sizes that all compiled code agrees on, and the MIDI events that it is given."""

import numpy as np

PARTS, CHANNELS, PITCHES = 32, 16, 128  # At most this many keyboards or tracks; MIDI's numbers of channels and of pitches.
SLOTS = 4  # Slots of a hop: the first is for the frame, the others for the work that it leaves.

# A preset holds a note's levels at ages on a logarithmic axis: ENVELOPE_S * (2 ** (i / ENVELOPE_STEPS) - 1) seconds.
ENVELOPE_POINTS, ENVELOPE_STEPS, ENVELOPE_S = 32, 4.0, 0.04
ENVELOPE_VELOCITY = 64  # The velocity whose levels are in envelope[:, :, 0]; [:, :, 1] is what one step of velocity adds.

WET, BYPASS, GAINS = range(3)  # Places of the mixer's values: wet, bypass, then a gain for each stem.

# The status of a correction, whose first data byte is one of these: MIDI leaves this status undefined, so no keyboard sends it.
CORRECTION = 0xF4
SWAP_HANDS, CLAIM_LEFT, CLAIM_RIGHT = range(3)

# The status of what tells a recorder the stem of a note: its key and its channel are the data bytes, and `sample` is its onset.
STEM_TOLD = 0xF5

# A MIDI message at a sample. stem: 0, or 1 + the stem that a note-on belongs to regardless of its routing.
EVENT = np.dtype(
    [("sample", "<i8"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1"), ("stem", "<u4")]
)
