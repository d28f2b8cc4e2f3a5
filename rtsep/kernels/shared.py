"""The memory that a device's callback and Python share: the record LIVE, and the words in its arrays.

`control` is written by the control thread, one word at a time; `words`, `meters` and `peaks` by the callback; each ring has
one writer and one reader.
"""

import numpy as np

# control [word]
WANTED = 0  # address of the CALL to play
FADING = 1  # whether going there needs a fade: another state
DELAY_NS = 2  # notes are delayed by so much
RECORDING = 3
EPOCH = 4  # of the worst load; a new one begins when the control thread says so
UNSENT, CONTROLS = 5, 8  # notes that did not fit into the ring, counted by who sends them

# words [word]
PLAYING = 0  # address of the CALL that is played: whatever came before may go
WARMED, POSITION, PENDING, HEARTBEAT, FRAMES, RECORDED, STARTED_NS, SEEN_EPOCH = range(1, 9)
LATE, UNDERFLOWS, OVERFLOWS, DROPPED, CLIPPED, LOST_PIECES, LOST_EVENTS = range(9, 16)
HOLD = 16  # samples until the fade-in: a new state has nothing to say before its latency is over
WORDS = 32

LOAD, WORST_LOAD, FADE = range(3)  # meters [value]
METERS = 8

MIX, SILENCE = -1, -2  # what an output plays, where it is no stem
QUEUE = 1024  # notes that wait for their time
BURST = 256  # events of one piece

LIVE_SIZES = ("entry", "warm", "channels", "outputs", "stems", "capacity", "ring_size", "sound_size", "pieces_size",
              "events_size", "part", "ports_size")
LIVE_ARRAYS = ("control", "words", "meters", "peaks", "levels", "sources", "input", "output", "header", "messages",
               "queue", "due", "burst", "tap_headers", "sound", "pieces", "events", "ports")
LIVE = np.dtype(
    [(name, "<i8") for name in LIVE_SIZES] + [("sample_rate", "<f8")] + [(name, "<i8") for name in LIVE_ARRAYS]
)
