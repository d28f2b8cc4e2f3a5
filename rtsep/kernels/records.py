"""The memory that a compiled block works on: PLAN (read only), STATE (owned by the audio thread).

Each stage of the engine declares its part; a record is all parts, one after the other. fields.py says what a declaration is.
"""

import numpy as np

from rtsep.kernels.fields import Record, array, link, number, size
from rtsep.kernels.memory import (
    BACKGROUND_START_S,
    CHANNELS,
    CHUNK,
    COUNTERS,
    ENVELOPE_POINTS,
    FADE_FIELDS,
    FIT,
    INPUTS,
    LEARNT,
    LEVELS,
    MANNER,
    PARTS,
    PENDING,
    PITCHES,
    PLACE,
    POSITIONS,
    SEEN,
    SLOW,
    UNITS,
    VOICE_FIELDS,
    VOICES,
)


def _first_weights(plan):
    """Seconds that templates stand for at first: the preset's are worth their hold, the background's their start."""
    return np.repeat(np.float32([plan["adapt_hold"], BACKGROUND_START_S]), [plan["rows"], plan["background"]])


# --- frames: how the sound is cut, and what is heard in a frame -------------------------------------------------------

FRAMES_PLAN = (
    size("window_size", "samples that a frame hears"),
    size("overlap", "samples of the synthesis window; 0: causal filters"),
    size("hop", "samples from frame to frame"),
    size("slot", "samples from one piece of work to the next; divides the hop"),
    size("bins", "of a spectrum"),
    size("stride", "bins rounded up for SIMD; what lies beyond `bins` is zero"),
    size("ring_size", "samples of input that are kept; a power of two"),
    size("channels", "of the sound"),
    size("stems", "with the residual, which is the last"),
    size("latency", "samples from input to output"),
    size("lead", "samples from the end of a frame to the sound that is made with it, in the middle; 0 with overlap-add"),
    number("hop_s", "seconds from frame to frame"),
    number("sample_s", "seconds from sample to sample"),
    array("analysis_window", "float32", "window_size", "what a frame is multiplied with"),
    size("twiddles_size", "numbers of the FFT's factors"),
    size("scratch_size", "numbers that the FFT works on"),
    array("twiddles", "float32", "twiddles_size", "roots of unity for the FFT (fft.py)"),
)
FRAMES_STATE = (
    array("ring", "float32", "channels, ring_size + ring_size", "the input, twice: so any ring_size samples lie in a row"),
    array("frame", "float32", "window_size", "samples of a frame, before or behind the FFT"),
    array("scratch", "float32", "scratch_size", "what the FFT works on"),
    array("X", "complex64", "channels, bins", "spectra of the last frame"),
    array("Y", "complex64", "bins", "a spectrum that is being made"),
    array("V", "float32", "stride", "magnitudes of the last frame over the channels, which sum to 1"),
    array("Q", "float32", "stride", "scratch: powers, models, quotients, peaks"),
    array("position", "int64", f"{POSITIONS}",
          "samples since reset; rows and groups open now; last stroke; last jump, 0: none; stems that play; lie they apart?"),
    array("counters", "int64", f"{COUNTERS}", "what was counted since the last reset"),
)

# --- gate: notes, and the templates that they open --------------------------------------------------------------------

GATE_PLAN = (
    size("gated", "0: all templates are open, always"),
    size("open_limit", "templates that may be open at once"),
    array("route", "int8", f"{PARTS}, {CHANNELS}, {PITCHES}", "part, channel and pitch of a note to its stem; -1: ignored"),
    array("reach", "int8", f"stems, {PITCHES}", "whether the stem can play the pitch at all"),
    array("first_row", "int64", f"stems, {PITCHES}",
          "each stem has its instrument; stems of one instrument share templates"),
    array("row_count", "int64", f"stems, {PITCHES}", "templates of the stem's pitch"),
    array("row_age", "int64", "rows, 2",
          "samples: a template is open while its note is so old, from (with) and until (without)"),
    array("release", "int64", f"stems, {PITCHES}", "samples that a gate outlasts its note"),
    array("decay", "int64", f"stems, {PITCHES}", "samples that the pedal alone keeps a gate open"),
    array("choke", "int64", f"stems, {PITCHES}", "a note ends the others of its stem with the same number; 0: none"),
    array("instrument", "int64", "stems", "stems that play one preset share a number"),
)
GATE_STATE = (
    array("voices", "int64", f"{VOICES}, {VOICE_FIELDS}", "notes that sound; the fields are those of voices.py"),
    array("pedals", "int64", f"{PARTS}, {CHANNELS}, 2", "sustain and sostenuto"),
    array("marks", "int64", f"stems, {PITCHES}", "the frame that opened it last"),
    array("youngest", "int64", f"stems, {PITCHES}", "onset of the youngest note there"),
    array("open_row", "int64", "open_limit + background", "the open templates: the notes', then the background's", bound=True),
    array("open_stem", "int64", "open_limit + background", "the stem of each", bound=True),
    array("open_onset", "int64", "open_limit + background", "onset of its youngest note, in samples", bound=True),
    array("group_first", "int64", "open_limit + background + 1",
          "where the open templates of a stem's pitch begin; the last: where all end", bound=True),
    array("playing", "int64", "stems", "stems with an open template, ascending, and the residual; position[STEMS] of them"),
    array("group_at", "int64", f"stems, {PITCHES}", "its group in the frame that opened it last"),
)

# --- templates and their activations ----------------------------------------------------------------------------------

ACTIVATIONS_PLAN = (
    size("rows", "templates of the presets"),
    size("estimator", "of the activations, see estimator.py"),
    size("encoded", "templates of the encoder: all, or 0 where it is not used"),
    size("iterations", "updates of the activations"),
    number("relaxation", "exponent of all updates but a frame's last"),
    array("W", "float32", "rows + background, stride", "templates, which sum to 1: what those of the state start from"),
    array("E", "float32", "encoded, stride", "the encoder: its product with a spectrum is its activations"),
    array("boost", "float32", "window_size", "what a note that began n + 1 samples ago counts more"),
)
ACTIVATIONS_STATE = (
    array("W", "float32", "rows + background, stride", "the templates as they are now", bound=True,
          start=lambda plan: plan["W"]),
    array("h", "float32", "open_limit + background + 1", "activations; the last open one is the flat row's", bound=True),
    array("before", "float32", "open_limit + background + 1", "h before the last update", bound=True),
    array("gradient", "float32", "open_limit + background + 1", "of the last update", bound=True),
    array("ratio", "float32", "stride", "V over its model at the last update"),
    array("H", "float32", "stems, rows", "the last frame's activations, in magnitudes", bound=True),
)

# --- learning: background, templates that adapt, notes that are told late ---------------------------------------------

LEARNING_PLAN = (
    size("background", "templates that are always open: the residual's"),
    size("background_learns", "0: it stays as it is"),
    size("take", "so many samples from the start are background alone, whatever is played"),
    size("undoes", "whether the background takes back what it learnt of notes that are told late"),
    number("handicap", "factor of the background's activations in every update"),
    number("background_keep", "what a hop leaves of the background's past"),
    number("background_least", "weight of the past of a background template, in s, below which it does not fall"),
    number("adapt_keep", "what a hop leaves of the past of the other templates"),
    number("adapt_hold", "s of sound that the preset's templates are worth; 0: they stay as they are"),
)
LEARNING_STATE = (
    array("background_h", "float32", "background", "the background's activations in the last frame", bound=True,
          start=lambda plan: 1 / max(plan["background"], 1)),
    array("weight", "float32", "rows + background", "seconds that each template stands for", bound=True,
          start=_first_weights),
    array("evidence", "float32", "open_limit + background", "what each open template will learn from the last frame, in s",
          bound=True),
    array("pending", "int64", f"{PENDING}", "which of them, and how", bound=True),
    array("slow", "float32", f"{SLOW}", "mean loudness, and how long notes have been lost"),
    array("kept_rows", "float32", "background, stride", "the background as it was before the last jump", bound=True),
    array("kept_weight", "float32", "background", "its weights; 0: such a template was not kept", bound=True),
)

# --- prediction: what notes foretell of their levels ------------------------------------------------------------------

PREDICTION_PLAN = (
    number("prediction", "how much the notes' own prediction counts against what is heard; 0: not at all"),
    number("envelope_later_s", "seconds by which the frames hear a note later than those of the envelopes"),
    array("envelope", "float32", f"stems, {PITCHES}, 2, {ENVELOPE_POINTS}", "natural logarithm of a note's level"),
    array("has_envelope", "int64", f"stems, {PITCHES}", "whether it is known"),
)
PREDICTION_STATE = (
    array("expected", "float32", "open_limit + background",
          "of each group: natural logarithm of the level that its notes should have", bound=True),
    array("ahead", "float32", "open_limit + background", "the same, `lead` later", bound=True),
    array("rising", "float32", "open_limit + background", "the same, a little later", bound=True),
    array("foreseen", "float32", "open_limit + background", "the same as a share of the frame; -1: nothing is known",
          bound=True),
    array("heard", "float32", "open_limit + background", "what the last update found before it was held to that", bound=True),
    array("predicted", "float32", "open_limit + background", "the share of every template, so divided as it is heard",
          bound=True),
    array("P", "float32", "stems, stride", "models of the prediction alone; the residual's is what it leaves"),
    array("shares", "float32", "stems, stride", "what each stem gets of a frame over its estimated model"),
    array("gain", "float32", f"stems, {LEARNT}", "what is learnt of levels, by instrument"),
    array("manner", "float32", f"stems, {MANNER}", "how notes fade otherwise than in the preset"),
    array("fit", "float32", f"{FIT}", "how well the prediction fits, and whether others play"),
)

# --- drums that are not told, or late ---------------------------------------------------------------------------------

ONSETS_PLAN = (
    size("early", "samples for which drums are open after something was struck, before they are told; 0: never"),
    array("drums", "int64", "stems", "whether its strokes are looked for where they are not told, or too late"),
)
ONSETS_STATE = (
    array("levels", "float32", f"stems, {LEVELS}", "sums of activations, a ring of hops; the residual's: of all magnitudes"),
    array("peak", "float32", "stems", "the largest rise of them"),
    array("found", "int64", "stems", "sample of the last onset that was found; 0: none"),
    array("previous", "float32", "stride", "magnitudes of the frame before; kept where drums may be open early"),
)

# --- masks, and the residual's among others ---------------------------------------------------------------------------

MASKS_PLAN = (
    size("power_halves", "mask power in halves"),
    number("suppression", "what the others' leaking weighs in the masks against what is lost of a stem"),
    array("rest_net", "float32", f"{INPUTS + 3}, {UNITS}",
          "weights of the network: a row for each input, then as rest.py says"),
)
MASKS_STATE = (
    array("M", "float32", "stems, stride", "models of the stems, then their masks"),
    array("sums", "float32", f"{PLACE}, stride", "sums over stems: of their models, or of masks times places"),
    array("log_factor", "float32", "stride", "what the network said last, of every bin"),
    array("hidden", "float32", f"{UNITS + SEEN}, {CHUNK}", "what the network's units hear, and one input at five bins"),
)

# --- places between two channels --------------------------------------------------------------------------------------

PANNING_PLAN = (
    size("panning", "whether it is learnt where stems lie between two channels"),
)
PANNING_STATE = (
    array("heard_places", "float32", f"stems, {PLACE}", "sums of what was surely heard of each"),
    array("places", "float32", f"stems, {PLACE}", "as they count in this frame"),
    array("Z", "complex64", "channels, bins", "X over the mix's covariance"),
)

# --- from masks to sound: overlap-add, or causal filters --------------------------------------------------------------

SYNTHESIS_PLAN = (
    size("taps", "of the causal filters; 0: overlap-add"),
    size("paths", "filters of a stem: 4 where stems may lie apart, else 1"),
    number("filter_floor", "power, the largest bin being 1"),
    array("synthesis_window", "float32", "overlap", "what the end of a masked frame is multiplied with"),
)
SYNTHESIS_STATE = (
    array("overlap_add", "float32", "stems - 1, channels, overlap", "rings of output that is being added up"),
    array("sounds_until", "int64", "stems", "sample up to which something is left in the stem's rings"),
    array("S", "float32", "stride", "the models' power; then 1 / |B|**2"),
    array("B", "complex64", "bins", "minimum phase"),
    array("impulse", "float32", "window_size", "a filter before it is cut"),
    array("filters", "float32", "stems - 1, 2, paths, taps",
          "last tap first; from each channel to each where stems lie apart, else the first is for all"),
    array("fading", "float32", "slot", "output of a filter that is being faded out"),
    array("fades", "int64", f"stems, {FADE_FIELDS}", "the fields are those of wiener.py"),
)

# --- the mixer --------------------------------------------------------------------------------------------------------

MIXER_PLAN = (
    number("mixer_smoothing", "share of the way to its target that a value goes with every sample"),
)
MIXER_STATE = (
    array("mixer", "float32", "stems + 2", "smoothed values: wet, bypass, a gain per stem"),
)

PLAN = Record("Plan", (FRAMES_PLAN, GATE_PLAN, ACTIVATIONS_PLAN, LEARNING_PLAN, PREDICTION_PLAN, ONSETS_PLAN, MASKS_PLAN,
                       PANNING_PLAN, SYNTHESIS_PLAN, MIXER_PLAN))
STATE = Record("State", ((link("plan", PLAN, "whose sizes the arrays have"),), FRAMES_STATE, GATE_STATE, ACTIVATIONS_STATE,
                         LEARNING_STATE, PREDICTION_STATE, ONSETS_STATE, MASKS_STATE, PANNING_STATE, SYNTHESIS_STATE,
                         MIXER_STATE))
