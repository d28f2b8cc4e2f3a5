"""Sizes that all compiled code shares, and the record of a MIDI event."""

import numpy as np

# The largest number of keyboards or tracks; the numbers of MIDI channels and of MIDI pitches.
PARTS, CHANNELS, PITCHES = 32, 16, 128
SLOTS = 4  # Slots in a hop: the first is for the frame, the others are for the work that follows it.

# A preset has a note's levels at ages on a logarithmic axis: ENVELOPE_S * (2 ** (i / ENVELOPE_STEPS) - 1) seconds for point i.
ENVELOPE_POINTS, ENVELOPE_STEPS, ENVELOPE_S = 32, 4.0, 0.04
# Of an envelope, [:, :, 0] has the levels at this velocity, and [:, :, 1] the change of level for one step of velocity.
ENVELOPE_VELOCITY = 64

WET, BYPASS, GAINS = range(3)  # Indices of the mixer's values: wet, bypass, then a gain for each stem.

# The status of a correction of the hands; its first data byte is one of these. MIDI does not define this status: no keyboard
# sends it.
CORRECTION = 0xF4
SWAP_HANDS, CLAIM_LEFT, CLAIM_RIGHT = range(3)

# The status of an event that tells a recorder the stem of a note: key and channel are the data bytes, and `sample` is the
# onset.
STEM_TOLD = 0xF5

# A MIDI message at a sample. stem: 0, or 1 + the stem of a note-on, which then replaces its route.
EVENT = np.dtype(
    [("sample", "<i8"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1"), ("stem", "<u4")]
)
