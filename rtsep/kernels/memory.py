"""The memory that a compiled block works on: `Plan` (read only), `State` (owned by the audio thread), `Call` (one block).

Python allocates the arrays and writes sizes and addresses into a record of 8-byte fields; compiled code gets the
record's address alone and rebuilds the arrays from it (views.py). So one compiled entry serves every size, and a host
that is not Python can call it.
"""

from typing import NamedTuple

import numpy as np

VOICES = 256  # notes that can sound at once
VOICE_FIELDS, FADE_FIELDS = 10, 5
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
POSITION, OPEN, GROUPS, STRUCK, JUMP, POSITIONS = range(6)  # state.position
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

_INTEGER, _FLOAT, _ADDRESS = "<i8", "<f8", "<i8"

PLAN_SIZES = ("window_size", "overlap", "hop", "bins", "stride", "channels", "stems", "rows", "background", "open_limit",
              "gated", "estimator", "iterations", "power_halves", "latency", "lead", "taps", "slot", "background_learns",
              "take", "early", "undoes", "panning")
PLAN_FLOATS = ("mixer_smoothing", "suppression", "filter_floor", "hop_s", "relaxation", "handicap", "background_keep",
               "background_least", "adapt_keep", "adapt_hold", "prediction", "envelope_later_s", "sample_s")
PLAN_ARRAYS = ("analysis_window", "synthesis_window", "boost", "W", "first_row", "row_count", "release", "decay", "route",
               "reach", "row_age", "choke", "envelope", "has_envelope", "instrument", "drums", "E", "rest_net", "axes")
# What means nothing under another plan; what was learnt is carried over by itself.
PLAN_BOUND = ("group_first", "expected", "ahead", "rising", "foreseen", "heard", "predicted", "H", "open_row", "open_stem",
              "open_onset", "h", "before", "gradient", "evidence", "pending", "background_h", "W", "weight", "kept_rows",
              "kept_weight")
CALL_FIELDS = ("plan", "state", "input", "stems", "mix", "capacity", "frames", "events", "event_count", "targets",
               "grains")  # 0 but in a mosaic

PLAN = np.dtype(
    [(n, _INTEGER) for n in PLAN_SIZES] + [(n, _FLOAT) for n in PLAN_FLOATS] + [(n, _ADDRESS) for n in PLAN_ARRAYS]
)
CALL = np.dtype([(name, _INTEGER) for name in CALL_FIELDS])


class Plan(NamedTuple):
    """What `design` decided; nothing here changes while playing."""

    window_size: int
    overlap: int  # samples of the synthesis window; 0: causal filters
    hop: int
    bins: int
    stride: int  # bins rounded up for SIMD; what lies beyond `bins` is zero
    channels: int
    stems: int  # with the residual, which is the last
    rows: int  # of the preset
    background: int  # rows that are always open: the residual's
    open_limit: int
    gated: int
    estimator: int  # of the activations, see estimator.py
    iterations: int
    power_halves: int  # mask power in halves
    latency: int  # samples
    lead: int  # samples from the end of a frame to the sound that is made with it, in the middle; 0 with overlap-add
    taps: int  # of the causal filters; 0: overlap-add
    slot: int  # samples from one piece of work to the next; divides the hop
    background_learns: int
    take: int  # so many samples from the start are background alone, whatever is played
    early: int  # samples for which drums are open after something was struck, before they are told; 0: never
    undoes: int  # does the background take back what it learnt of notes that are told late?
    panning: int  # is it learnt where stems lie between two channels?
    mixer_smoothing: float  # per sample
    suppression: float  # what the others' leaking weighs in the masks against what is lost of a stem
    filter_floor: float  # power, the largest bin being 1
    hop_s: float
    relaxation: float  # exponent of all updates but a frame's last
    handicap: float  # of the background rows in every update
    background_keep: float  # what a hop leaves of the background's past
    background_least: float  # weight of a background row's past, in s, below which it does not fall
    adapt_keep: float  # what a hop leaves of the gated rows' past
    adapt_hold: float  # s of sound that the preset's rows are worth; 0: they stay as they are
    prediction: float  # how much the notes' own prediction counts against what is heard; 0: not at all
    envelope_later_s: float  # by which the frames hear a note later than those of the envelopes
    sample_s: float
    analysis_window: np.ndarray  # float32 [window_size]
    synthesis_window: np.ndarray  # float32 [overlap]
    boost: np.ndarray  # float32 [window_size], of a note that began n + 1 samples ago
    W: np.ndarray  # float32 [rows + background, stride], rows sum to 1: what the state's W starts from
    first_row: np.ndarray  # int64 [stem, pitch]: each stem has its instrument; stems of one instrument share rows
    row_count: np.ndarray  # int64 [stem, pitch]
    release: np.ndarray  # int64 [stem, pitch], samples
    decay: np.ndarray  # int64 [stem, pitch], samples
    route: np.ndarray  # int8 [part, channel, pitch] -> stem, -1: ignored
    reach: np.ndarray  # int8 [stem, pitch], whether the stem can play the pitch at all
    row_age: np.ndarray  # int64 [rows, 2], samples: a row is open while its note is so old, from (with) and until (without)
    choke: np.ndarray  # int64 [stem, pitch], a note ends the others of its stem with the same number; 0: none
    envelope: np.ndarray  # float32 [stem, pitch, 2, ENVELOPE_POINTS], natural logarithm of a note's level
    has_envelope: np.ndarray  # int64 [stem, pitch]
    instrument: np.ndarray  # int64 [stem], those of one preset share a number
    drums: np.ndarray  # int64 [stem], whose strokes are looked for where they are not told, or too late
    E: np.ndarray  # float32 [rows, stride]: their product with a spectrum is its activations; no rows where it is not used
    rest_net: np.ndarray  # float32 [INPUTS + 3, UNITS], weights of the network: a row for each input, then as rest.py says
    axes: np.ndarray  # int64 [1], what the FFT wants


class State(NamedTuple):
    """What the audio thread remembers from block to block, and its scratch."""

    ring_size: int  # power of two
    ring: np.ndarray  # float32 [channel, ring_size], the input
    overlap_add: np.ndarray  # float32 [stem without residual, channel, overlap], a ring
    frame: np.ndarray  # float32 [window_size]
    X: np.ndarray  # complex64 [channel, bin]
    Y: np.ndarray  # complex64 [bin]
    V: np.ndarray  # float32 [stride], sums to 1
    Q: np.ndarray  # float32 [stride], V over its model
    M: np.ndarray  # float32 [stem, stride]
    H: np.ndarray  # float32 [stem, row], the last frame's activations, in magnitudes
    open_row: np.ndarray  # int64 [open], open = open_limit + background: gated rows, then the background's
    open_stem: np.ndarray  # int64 [open]
    open_onset: np.ndarray  # int64 [open], sample of the youngest note's onset
    h: np.ndarray  # float32 [open + 1], the flat residual row is the last open one
    before: np.ndarray  # float32 [open + 1], h before the last update
    gradient: np.ndarray  # float32 [open + 1], of the last update
    ratio: np.ndarray  # float32 [stride], V over its model at the last update
    evidence: np.ndarray  # float32 [open], what each open row will learn from the last frame, in s
    pending: np.ndarray  # int64 [PENDING], which of them, and how
    background_h: np.ndarray  # float32 [background], the last frame's activations
    W: np.ndarray  # float32 [rows + background, stride], the templates as they are now
    weight: np.ndarray  # float32 [rows + background], seconds that each of them stands for
    slow: np.ndarray  # float32 [SLOW], mean loudness, and how long notes have been lost
    voices: np.ndarray  # int64 [VOICES, VOICE_FIELDS], the fields are gate.py's
    pedals: np.ndarray  # int64 [part, channel, 2], sustain and sostenuto
    marks: np.ndarray  # int64 [stem, pitch], frame that opened it last
    youngest: np.ndarray  # int64 [stem, pitch], onset of the youngest note there
    mixer: np.ndarray  # float32 [2 + stems], smoothed values
    counters: np.ndarray  # int64 [COUNTERS]
    position: np.ndarray  # int64 [POSITIONS], samples since reset; rows and groups open now; last stroke; last jump, 0: none
    S: np.ndarray  # float32 [stride], the models' power; then 1 / |B|**2
    B: np.ndarray  # complex64 [bin], minimum phase
    impulse: np.ndarray  # float32 [window_size]
    filters: np.ndarray  # float32 [stem without residual, 2, taps], last tap first
    fades: np.ndarray  # int64 [stem, FADE_FIELDS], the fields are wiener.py's
    group_first: np.ndarray  # int64 [open + 1], where the open rows of a stem's pitch begin; the last: where all end
    group_at: np.ndarray  # int64 [stem, pitch], its group in the frame that opened it last
    expected: np.ndarray  # float32 [open], of each group: natural logarithm of the level that its notes should have
    foreseen: np.ndarray  # float32 [open], the same as a share of the frame; -1: nothing is known
    heard: np.ndarray  # float32 [open], what the last update found before it was held to that
    predicted: np.ndarray  # float32 [open], the share of every gated row, so divided as it is heard
    P: np.ndarray  # float32 [stem, stride], models of the prediction alone; the residual's is what it leaves
    shares: np.ndarray  # float32 [stem, stride], what each stem gets of a frame over its estimated model
    gain: np.ndarray  # float32 [stem, LEARNT], by instrument
    manner: np.ndarray  # float32 [stem, MANNER], how notes fade otherwise than in the preset
    fit: np.ndarray  # float32 [FIT]
    ahead: np.ndarray  # float32 [open], as `expected`, `lead` later
    rising: np.ndarray  # float32 [open], as `expected`, a little later
    levels: np.ndarray  # float32 [stem, LEVELS], sums of activations, a ring of hops; the residual's: of all magnitudes
    peak: np.ndarray  # float32 [stem], the largest rise of them
    found: np.ndarray  # int64 [stem], sample of the last onset that was found; 0: none
    previous: np.ndarray  # float32 [stride], magnitudes of the frame before; kept where drums may be open early
    heard_places: np.ndarray  # float32 [stem, PLACE], sums of what was surely heard of each
    places: np.ndarray  # float32 [stem, PLACE], as they count in this frame
    sums: np.ndarray  # float32 [PLACE, stride], of masks times places; before, of the stems' models
    Z: np.ndarray  # complex64 [channel, bin], X over the mix's covariance
    hidden: np.ndarray  # float32 [UNITS + SEEN, CHUNK], what the network's units hear, and one input at five bins
    kept_rows: np.ndarray  # float32 [background, stride], the background as it was before the last jump
    kept_weight: np.ndarray  # float32 [background]; 0: such a row was not kept


STATE = np.dtype([(name, _INTEGER if name == "ring_size" else _ADDRESS) for name in State._fields])
