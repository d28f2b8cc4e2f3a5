"""What stages hand to each other: parts of the state, each with one meaning.

The comment above each part names the stage that fills it, and any stage that changes it afterwards. Some single arrays and
numbers belong to one stage and are read by another (`voices`, `W`, `struck`, `mean_level`): `frame` hands these over as
arguments.
"""

from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.memory import PITCHES

# by `analysis.write_input`; `block` moves the position
SOUND = Part("sound", (
    cell("position", "int64", "samples since reset"),
    array("ring", "float32", "channels, ring_size + ring_size",
          "the input, stored twice, so that any ring_size samples are contiguous"),
))
# by `analysis`
FRAME = Part("frame", (
    cell("frames", "int64", "frames since reset"),
    cell("total", "float32", "magnitude of the last frame; 0: nothing is heard, or nothing can explain it"),
    array("X", "complex64", "channels, bins", "the frame's spectra"),
    array("V", "float32", "stride", "root mean square of the magnitudes of X over the channels, scaled to sum to 1"),
))
# by `gate`; `estimator` appends the background's rows; without gates `onsets` sets the onsets
OPEN = Part("open", (
    cell("open_count", "int64", "open templates of notes; the background's templates follow them"),
    cell("groups", "int64",
         "groups: the open templates of each stem's pitch; templates that are open early form separate groups"),
    cell("playing_count", "int64", "stems that play, including the residual"),
    array("open_row", "int64", "open_limit + background", "the open templates: the notes', then the background's", bound=True),
    array("open_stem", "int64", "open_limit + background", "the stem of each open template", bound=True),
    array("open_onset", "int64", "open_limit + background", "onset of the template's youngest note, in samples", bound=True),
    array("group_first", "int64", "open_limit + background + 1",
          "of each group: its first open template; the last entry: the end of them all", bound=True),
    array("group_at", "int64", f"stems, {PITCHES}", "the group of the stem's pitch; -1: not open"),
    array("playing", "int64", "stems", "stems with an open template, ascending, and the residual"),
))
# by `expectation`; `masks` fills the models of the stems
EXPECTED = Part("expected", (
    cell("expects", "int64", "whether a level is expected of any note"),
    array("expected_level", "float32", "open_limit + background",
          "of each group: natural logarithm of the level that its notes should have, without the gain", bound=True),
    array("level_ahead", "float32", "open_limit + background", "expected_level `lead` later", bound=True),
    array("level_soon", "float32", "open_limit + background", "expected_level a little later", bound=True),
    array("expected_share", "float32", "open_limit + background",
          "of each group: the share of the frame that its notes should have; -1: unknown", bound=True),
    array("least_share", "float32", "open_limit + background",
          "of each group: a young note that is heard with a smaller share has not begun to sound", bound=True),
    array("silent", "int64", "open_limit + background", "whether the group has not begun to sound", bound=True),
    array("expected_h", "float32", "open_limit + background",
          "the expected share, divided among the group's templates in proportion to h; where nothing is "
          "expected, h itself", bound=True),
    array("expected_ahead", "float32", "open_limit + background",
          "expected_h at the time when the frame's masks or filters are heard", bound=True),
    array("expected_models", "float32", "stems, stride",
          "expected spectrum of every stem; of the residual: what these leave of the frame"),
))
# by `levels`
LEARNT = Part("learnt", (
    array("gain", "float32", "stems", "of each stem: natural logarithm of its level over what its preset expects"),
    array("decay_deviation", "float32", "stems",
          "of each stem: by how much that logarithm grows with every doubling of the age"),
    array("lag_s", "float32", "stems", "of each stem: seconds by which its sound is ahead of its MIDI"),
    array("lag_seen", "float32", "stems", "how certain the lag is: sum of squared slopes times seconds"),
    array("known_s", "float32", "stems", "seconds of notes from which these values were learnt"),
))
# by `estimator`; `h_ahead` by `expectation`
ESTIMATE = Part("estimate", (
    array("h", "float32", "open_limit + background + 1",
          "activations; h[open_count + background] belongs to the flat row", bound=True),
    array("h_ahead", "float32", "open_limit + background + 1",
          "h at the time when the frame's masks or filters are heard", bound=True),
    array("before", "float32", "open_limit + background + 1", "h before the last update", bound=True),
    array("gradient", "float32", "open_limit + background + 1", "gradient of the last update", bound=True),
    array("ratio", "float32", "stride", "V over its model at the last update"),
    array("group_h", "float32", "open_limit + background",
          "sum of each group's h at the last update, before it was bound to what is expected", bound=True),
    array("H", "float32", "stems, rows", "the last frame's activations, in magnitudes", bound=True),
))
# by `masks`; `residual` and `place` change M and keep its sum; `gate` clears the masks of stems that no longer play
STEM_MASKS = Part("masks", (
    array("estimated", "float32", "stems, stride", "models of the stems from their activations alone"),
    array("models", "float32", "stems, stride", "models of the stems from activations and expectation together"),
    array("M", "float32", "stems, stride", "masks: each stem's share of every bin; they sum to 1"),
    array("part_ratio", "float32", "stems, stride", "each stem's share of V by its mask, divided by its estimated model"),
    array("sounds", "int64", "stems", "whether the last frame contains the stem; always 0 for the residual"),
))
# `late_notes` sets the task; `adaptation` carries it out and keeps the rows
LEARN, KEEP, RESTORE = range(3)  # tasks of the background's rows in the hop after a frame
KEPT = Part("kept", (
    cell("task", "int64", "LEARN, KEEP or RESTORE", bound=True),
    array("kept_rows", "float32", "background, stride", "the background as it was before the last jump", bound=True),
    array("kept_weight", "float32", "background", "weights of these rows; 0: the row was not kept", bound=True),
))
# by `place`
PLACES = Part("places", (
    cell("apart", "int64",
         "whether the stems of the last frame lie at different places; otherwise the rest of this part has no meaning"),
    array("place_level", "float32", "stems, 2", "of each stem's covariance: the power of each channel"),
    array("place_cross", "float32", "stems", "of each stem's covariance: the product of both channels"),
    array("Z", "complex64", "channels, bins", "inverse of the mix's covariance times X"),
    array("mix_level", "float32", "2, stride", "of the mix's covariance in every bin: the power of each channel"),
    array("mix_cross", "float32", "stride", "of the mix's covariance in every bin: the product of both channels"),
    array("inverse", "float32", "stride", "1 over the determinant of the mix's covariance"),
))
PASSED = (SOUND, FRAME, OPEN, LEARNT, EXPECTED, ESTIMATE, STEM_MASKS, KEPT, PLACES)
