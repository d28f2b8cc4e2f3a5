"""What one stage hands to the next: parts of the state, each with one meaning.

One stage fills each, named here; where another changes it afterwards, that is said. Single arrays and numbers that belong to
one stage and are read by another (`voices`, `W`, `struck`, `mean_level`) `frame` hands over as arguments.
"""

from rtsep.kernels.fields import Part, array, cell
from rtsep.kernels.memory import PITCHES

# by `analysis.write_input`; `block` moves the position
SOUND = Part("sound", (
    cell("position", "int64", "samples since reset"),
    array("ring", "float32", "channels, ring_size + ring_size", "the input, twice: so any ring_size samples lie in a row"),
))
# by `analysis`
FRAME = Part("frame", (
    cell("frames", "int64", "frames since reset"),
    cell("total", "float32", "magnitude of the last frame; 0: nothing is heard, or nothing can explain it"),
    array("X", "complex64", "channels, bins", "its spectra"),
    array("V", "float32", "stride", "its magnitudes over the channels, which sum to 1"),
))
# by `gate`; `estimator` appends the background's rows, `onsets` tells onsets where there are no gates
OPEN = Part("open", (
    cell("open_count", "int64", "open templates of notes; the background's follow them"),
    cell("groups", "int64", "of open templates: those of a stem's pitch; what is open early is a group of its own"),
    cell("playing_count", "int64", "stems that play, with the residual"),
    array("open_row", "int64", "open_limit + background", "the open templates: the notes', then the background's", bound=True),
    array("open_stem", "int64", "open_limit + background", "the stem of each", bound=True),
    array("open_onset", "int64", "open_limit + background", "onset of its youngest note, in samples", bound=True),
    array("group_first", "int64", "open_limit + background + 1",
          "where the open templates of a stem's pitch begin; the last: where all end", bound=True),
    array("group_at", "int64", f"stems, {PITCHES}", "the group of the stem's pitch; -1: not open"),
    array("playing", "int64", "stems", "stems with an open template, ascending, and the residual"),
))
# by `expectation`; the stems' models by `masks`
EXPECTED = Part("expected", (
    cell("expects", "int64", "whether anything is expected of any note"),
    array("expected_level", "float32", "open_limit + background",
          "of each group: natural logarithm of the level that its notes should have, gain apart", bound=True),
    array("level_ahead", "float32", "open_limit + background", "the same, `lead` later", bound=True),
    array("level_soon", "float32", "open_limit + background", "the same, a little later", bound=True),
    array("expected_share", "float32", "open_limit + background",
          "of each group: the share of the frame that its notes should have; -1: nothing is known", bound=True),
    array("least_share", "float32", "open_limit + background",
          "of each group: a young note that is heard with less has not begun to sound", bound=True),
    array("silent", "int64", "open_limit + background", "whether the group has not begun to sound", bound=True),
    array("expected_h", "float32", "open_limit + background",
          "that share, divided among the group's templates as they are heard; where nothing is expected, h itself", bound=True),
    array("expected_ahead", "float32", "open_limit + background",
          "the same when the frame's masks or filters sound", bound=True),
    array("expected_models", "float32", "stems, stride", "what every stem should sound like; the residual: what that leaves"),
))
# by `levels`
LEARNT = Part("learnt", (
    array("gain", "float32", "stems", "of each stem: natural logarithm of sound over what its preset expects"),
    array("decay_deviation", "float32", "stems", "and by how much that grows with every doubling of the age"),
    array("lag_s", "float32", "stems", "of each stem: s that its sound is ahead of its MIDI"),
    array("lag_seen", "float32", "stems", "how sure that is: sum of squared slopes times s"),
    array("known_s", "float32", "stems", "over how many s of notes all that was learnt"),
))
# by `estimator`; `h_ahead` by `expectation`
ESTIMATE = Part("estimate", (
    array("h", "float32", "open_limit + background + 1",
          "activations; h[open_count + background] is the flat row's", bound=True),
    array("h_ahead", "float32", "open_limit + background + 1", "h when the frame's masks or filters sound", bound=True),
    array("before", "float32", "open_limit + background + 1", "h before the last update", bound=True),
    array("gradient", "float32", "open_limit + background + 1", "of the last update", bound=True),
    array("ratio", "float32", "stride", "V over its model at the last update"),
    array("group_h", "float32", "open_limit + background",
          "sum of each group's h at the last update, before it was held to what is expected", bound=True),
    array("H", "float32", "stems, rows", "the last frame's activations, in magnitudes", bound=True),
))
# by `masks`; `residual` and `place` change M, whose sum they keep, and `gate` clears what plays no more
STEM_MASKS = Part("masks", (
    array("estimated", "float32", "stems, stride", "models of the stems, as their activations have them"),
    array("models", "float32", "stems, stride", "the same and what is expected of the stems, in one"),
    array("M", "float32", "stems, stride", "masks: each stem's share of every bin; they sum to 1"),
    array("part_ratio", "float32", "stems, stride", "what each stem's mask gives it of V, over its estimated model"),
    array("sounds", "int64", "stems", "whether the stem has a part in the last frame; always 0 for the residual"),
))
# the task by `late_notes`, the rows by `adaptation`, which does the task
LEARN, KEEP, RESTORE = range(3)  # what the background's rows do in the hop after a frame
KEPT = Part("kept", (
    cell("task", "int64", "LEARN, KEEP or RESTORE", bound=True),
    array("kept_rows", "float32", "background, stride", "the background as it was before the last jump", bound=True),
    array("kept_weight", "float32", "background", "its weights; 0: such a template was not kept", bound=True),
))
# by `place`
PLACES = Part("places", (
    cell("apart", "int64", "whether the stems of the last frame lie apart; else the rest of this part means nothing"),
    array("place_level", "float32", "stems, 2", "of each stem's covariance: the power of either channel"),
    array("place_cross", "float32", "stems", "and the product of both"),
    array("Z", "complex64", "channels, bins", "X over the mix's covariance"),
    array("mix_level", "float32", "2, stride", "of the mix's covariance in every bin: the power of either channel"),
    array("mix_cross", "float32", "stride", "and the product of both"),
    array("inverse", "float32", "stride", "1 over its determinant"),
))
PASSED = (SOUND, FRAME, OPEN, LEARNT, EXPECTED, ESTIMATE, STEM_MASKS, KEPT, PLACES)
