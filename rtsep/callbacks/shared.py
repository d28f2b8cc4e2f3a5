"""The memory that the callback of a device and Python share: the record LIVE, and the words in its arrays.

The control thread writes `control`, one word at a time. The callback writes `words`, `meters` and `peaks`. Each ring has one
writer and one reader.
"""

import numpy as np

from rtsep.kernels.fields import Part, Record, array, link, number, size
from rtsep.kernels.memory import EVENT
from rtsep.stages.call import CALL

# control [word]
WANTED = 0  # Address of the CALL to play.
FADING = 1  # Whether the switch to it needs a fade, because it has another state.
DELAY_NS = 2  # Notes are delayed by this many nanoseconds.
RECORDING = 3  # Number, from 1, of the recording that gets copies of inputs and stems; 0: there is none.
EPOCH = 4  # Number of the period over which the worst load is taken; the control thread begins a new period.
UNSENT = 5  # Number of notes that did not fit into the ring; the sender counts them.
PRE_FADER = 6  # Whether outputs of single stems play them before their faders.
# Playback of a recording: whether it plays; its level and that of the microphone, in millionths; the sample of its ring before
# which all is obsolete; whether its end was read.
FILE_ON, FILE_GAIN, INPUT_GAIN, FILE_FROM, FILE_ENDED = range(7, 12)
WATCHED = 12  # Whether somebody watches the stems, so that their last samples are kept.
CONTROLS = 16  # Number of words, with room to spare.
MILLIONTHS = 1e6  # The value in `control` for a level of 1.
FILE_FADE_S = 0.01  # A level of playback moves from 0 to 1 in this many seconds.

# words [word]
PLAYING = 0  # Address of the CALL that is played; the memory of earlier ones can be freed.
WARMED, POSITION, PENDING, HEARTBEAT, FRAMES, RECORDED, STARTED_NS, SEEN_EPOCH = range(1, 9)
LATE, UNDERFLOWS, OVERFLOWS, DROPPED, CLIPPED, LOST_PIECES, LOST_EVENTS = range(9, 16)
HOLD = 16  # Samples until the fade-in: a new state is silent until its latency is over.
# Blocks that were late by their own work; the processor time of the thread at the start of a block.
LATE_BY_WORK, STARTED_WORK_NS = 17, 18
# The time when the next block is due; samples of absence that the recording does not have yet; whether the device is back.
DUE_NS, AWAY, BACK = 24, 25, 26
# The frame of JACK's clock at which the last block began; the latency of the plan that plays, in samples; how many samples the
# recording is ahead of JACK's clock.
LAST_FRAME, LATENCY, AHEAD = 27, 28, 29
STARVED, FILE_QUIET = 20, 21  # Samples that playback lacked because its reader was late; whether it is silent and stopped.
KEPT_EVENTS = 22  # Number of events that were played so far; the last of them are kept, with the last seconds of the input.
LOST_HEARD = 19  # Messages from the device's own MIDI port that did not fit into their ring.
WORDS = 32  # Length of `words`, with room to spare.

LOAD, WORST_LOAD, FADE, WORST_WORK, FILE_LEVEL, INPUT_LEVEL = range(6)  # meters [value]
METERS = 8  # Length of `meters`, with room to spare.

MIX, SILENCE = -1, -2  # What an output plays if it is not a stem.
QUEUE = 1024  # At most this many notes wait for their time.
BURST = 256  # At most this many events are played in one piece.

# HEAD and TAIL lie on separate cache lines of a ring's header, so that the two threads do not slow each other down.
HEAD, TAIL = 0, 16  # The number of records written so far, and read so far.
HEADER = 32  # Length of a ring's header, in words.
MESSAGE = np.dtype(
    [("time_ns", "<i8"), ("part", "u1"), ("status", "u1"), ("data1", "u1"), ("data2", "u1"), ("pad", "<u4")]
)

LIVE = Record("Live", (Part("live", (
    size("entry", "address of the engine's entry"),
    link("warm", CALL, "a separate plan and state, which are not heard, to warm up with"),
    size("channels", "channels of the input"),
    size("outputs", "outputs of the device"),
    size("stems", "stems of the engine, with the residual"),
    size("capacity", "samples that are handled at once"),
    size("messages_size", "messages that the ring holds; a power of two"),
    size("heard_size", "messages that the ring of the device's own MIDI port holds; a power of two"),
    size("planes", "planes of the recording: inputs, and every stem's channels"),
    size("sound_size", "samples that the recording's ring holds; a power of two", varies=True),
    size("pieces_size", "pieces that the recording's ring holds; a power of two"),
    size("events_size", "events that the recording's ring holds; a power of two"),
    size("file_size", "samples that the ring of a recording's playback holds; a power of two, or 1"),
    size("file_events_size", "events that the ring of its notes holds; a power of two"),
    size("part", "part of the notes that come through the device"),
    size("ear_size", "how many of the last samples of the input are kept; a power of two"),
    size("ear_events_size", "how many of the last events are kept; a power of two"),
    size("stem_ear_size", "how many of the last samples of the stems are kept while somebody watches; a power of two"),
    size("ports_size", "words of `ports`"),
    number("sample_rate", "Hz", "float64"),
    array("control", "int64", f"{CONTROLS}", "orders of the control thread, one word at a time"),
    array("words", "int64", f"{WORDS}", "counters and memory of the callback"),
    array("meters", "float32", f"{METERS}", "load and fade"),
    array("peaks", "float32", "channels + outputs + stems", "peaks of inputs, outputs and stems, which fall slowly"),
    array("levels", "float32", "stems", "the stems' faders, smoothed"),
    array("sources", "int64", "outputs, 2", "what each output plays: stem and channel"),
    array("input", "float32", "channels, capacity", "a piece of the input"),
    array("output", "float32", "outputs, capacity", "a piece of the output"),
    array("header", "int64", f"{HEADER}", "header of the ring of messages"),
    array("messages", MESSAGE, "messages_size", "notes on their way from the MIDI thread"),
    array("heard_header", "int64", f"{HEADER}", "header of the ring of messages from the device's own MIDI port"),
    array("heard", MESSAGE, "heard_size", "messages that came through the device, on their way to the control thread"),
    array("queue", EVENT, f"{QUEUE}", "notes that wait for their time"),
    array("due", "int64", f"{QUEUE}", "the sample at which each of them is played"),
    array("burst", EVENT, f"{BURST}", "events of one piece"),
    array("tap_headers", "int64", f"3, {HEADER}", "headers of the recording's rings: sound, pieces, events"),
    array("sound", "float32", "planes, sound_size", "the recording's sound: inputs, then every stem's channels", varies=True),
    array("pieces", "int64", "pieces_size, 3", "first sample, length and recording of each piece"),
    array("events", EVENT, "events_size", "events that were played"),
    array("file_headers", "int64", f"2, {HEADER}", "headers of the rings of a recording's playback: sound, events"),
    array("file", "float32", "channels, file_size", "the recording, read ahead"),
    array("file_events", EVENT, "file_events_size", "its notes, at samples of the ring"),
    array("ear", "float32", "channels, ear_size",
          "the last seconds of the input, with the recording; sample n is at n modulo the size"),
    array("stem_ear", "float32", "stems, stem_ear_size", "the last samples of the stems, mono, in the same order"),
    array("ear_events", EVENT, "ear_events_size", "the last events that were played, at samples since the start"),
    array("ports", "int64", "ports_size", "addresses of JACK's ports, and room for one of its MIDI events"),
)),))
