"""Sizes of what compiled code works on, and the places of numbers in its small arrays. (The arrays: records.py.)"""

import numpy as np

VOICES = 256  # notes that can sound at once
SLOTS = 4  # of a hop: the frame, then what is left of its work
UPDATES, ENCODER, ENCODER_AND_UPDATES = range(3)  # plan.estimator

# A voice: state.voices [voice]
STATUS, PART, CHANNEL, PITCH, STEM, PRESSES, ONSET, OFF, CAPTURED, VELOCITY, VOICE_FIELDS = range(11)
FREE, KEY_DOWN, HELD, RELEASED = range(4)
SUSTAIN, SOSTENUTO = range(2)  # state.pedals
FADE_FIELDS = 5
PARTS, CHANNELS, PITCHES = 32, 16, 128

# Counters, all since the last reset.
BAD_SAMPLES, UNMATCHED_NOTES, CLOSED_ROWS, STOLEN_VOICES, FRAMES, COUNTERS = range(6)

# Levels that a note is expected to have, at ages on a logarithmic axis: ENVELOPE_S * (2 ** (i / ENVELOPE_STEPS) - 1).
ENVELOPE_POINTS, ENVELOPE_STEPS, ENVELOPE_S = 32, 4.0, 0.04
ENVELOPE_VELOCITY = 64  # whose levels are in plan.envelope[:, :, 0]; [:, :, 1] is what one step of velocity more adds

# What is learnt of the prediction: state.gain [instrument] and state.fit.
# Natural logarithm of sound over prediction, over how many s so far; s that sound is ahead of its MIDI, and how sure that is.
GAIN, GAIN_HEARD_S, LAG_S, LAG_SEEN, LEARNT = range(5)
# state.manner [stem], how its notes fade otherwise: a line over age, 0 to 1: is it used? and sums that give it (manner.py).
OFFSET, SLOPE, FOREIGN, NOTED_S, AGES, AGES_2, ERRORS, AGES_ERRORS, ERRORS_2, MANNER = range(10)
# Share of the prediction that is not in the sound, over how many s; 0 to 1: is it the very instrument?; background's share.
MISFIT, MISFIT_HEARD_S, KNOWN, OTHERS, FIT = range(5)

# What learning remembers: state.slow and state.pending. Mean loudness, over how many s; s without what new notes should give,
# how many are borne (0: as at first); s of pause; share of the sound that open notes explain, where there are drums.
LEVEL, HEARD_S, LOST_S, PATIENCE_S, PAUSED_S, FAMILIAR, SLOW = range(7)
# Rows of the last frame that learn, a range in open_row; was it predicted; what the background does beside (undo.py).
FIRST, LAST, FORETOLD, TASK, PENDING = range(5)

BACKGROUND_START_S = 0.005  # what a row's start is worth: more learns late, less takes what a wrong preset leaves
POSITION, OPEN, GROUPS, STRUCK, JUMP, STEMS, APART, POSITIONS = range(8)  # state.position
LEVELS = 64  # hops that onsets are found in
SEEN, UNITS, CHUNK = 5, 16, 256  # of the network that weighs the residual (rest.py): bins seen for one, units, bins at a time
INPUTS = 6 * SEEN

# Of a stem's place (panning.py): covariance of the channels; over how many s, or how far from the others; how narrow it is.
LEFT, RIGHT, CROSS, ALONG, NARROW, PLACE = range(6)
DISTANCE = ALONG
WET, BYPASS, GAINS = range(3)  # mixer values; one gain per stem

# A MIDI message at a sample; stem: 0, or 1 + the stem that a note-on belongs to whatever its routing.
EVENT = np.dtype(
    [("sample", "<i8"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1"), ("stem", "<u4")]
)
