"""Memory of a live mosaic besides PLAN and STATE: the source as templates and sound, and the play heads in it.

A row is a frame of the source. Play heads run through the source. The first counts[HEADS] heads are in use; after a frame these
are the heads that sound.
"""

from rtsep.kernels.fields import Part, Record, array, link, number, size
from rtsep.kernels.memory import PITCHES
from rtsep.stages.records import PLAN

# The largest numbers of heads that play on, and of rows that a hop finds.
POLYPHONY_MOST, FOUND_MOST = 32, 128
HEADS_MOST = POLYPHONY_MOST + FOUND_MOST
# At most this many rows are searched in a hop. Of a longer source, a hop searches every second row, the next hop the others,
# and so on.
ROWS_MOST = 6144
UNPITCHED = PITCHES  # The pitch of a row without a pitch.
LONG_AGO = -(1 << 40)  # Stands for the last sample at which a row was heard if it never was: far before the first sample.
HEADS, FOUND, FRAMES, HEARD, RUNS, AGAIN, COUNTS = range(7)  # indices of `counts`

GRAINS_PLAN = Part("grains_plan", (
    size("length", "samples of `sound`"),
    size("source_channels", "channels of the source"),
    size("rows", "frames of the source"),
    size("parts", "hops until every frame of the source has been searched"),
    size("part_size", "number of frames in the largest part"),
    size("bands", "bands of the coarse templates"),
    size("band_stride", "bands rounded up for SIMD"),
    size("spacing", "samples from frame to frame: frame r ends at sample (r + 1) spacing of the source"),
    size("polyphony", "number of source frames that sound at a time"),
    size("candidates", "number of newly found frames that a hop tries"),
    size("repetition", "samples after which a frame can begin again"),
    size("near", "samples within which a frame that is heard again counts as a repetition"),
    number("continuity", "weight of heads that play on"),
    array("sound", "float32", "source_channels, length", "the source, after `overlap` samples of silence"),
    array("W", "float32", "rows, stride", "templates; each sums to 1, or is 0"),
    array("C", "float32", "rows, band_stride", "W, summed over bands"),
    array("mean", "float32", "band_stride", "mean of C over the frames that are not silent"),
    array("level", "float32", "rows", "1 over the sum of the frame's magnitudes; 0: silence"),
    array("first_bin", "int64", "bands + 1", "first bin of each band"),
    array("row_pitch", "int64", "rows", "pitch of each frame; UNPITCHED: none"),
    array("serves", "int64", f"{PITCHES}", "pitch of the frames that a note of this pitch allows; -1: none"),
))
GRAINS_STATE = Part("grains_state", (
    array("place", "int64", f"{HEADS_MOST}", "of each head: the sample of the source up to which it has played"),
    array("share", "float32", f"{HEADS_MOST}",
          "of each head: its activation in the last frame, whose magnitudes sum to 1; 0: not heard yet"),
    array("counts", "int64", f"{COUNTS}", "number of heads in use (after a frame: those that sound), and statistics"),
    array("found", "int64", f"{FOUND_MOST}", "frames that can begin to sound"),
    array("found_score", "float32", f"{FOUND_MOST}", "how well these frames fit"),
    array("score", "float32", "part_size", "how well every frame of the part fits"),
    array("heard", "int64", "rows", "end of the last frame in which the source's frame sounded", start=lambda plan: LONG_AGO),
    array("allowed", "int64", f"{PITCHES + 1}", "whether frames of this pitch can sound"),
    array("wanted", "float32", "band_stride", "input over the model of the heads"),
    array("row", "int64", f"{HEADS_MOST}", "the source's frame that is nearest to each head"),
    array("h", "float32", f"{HEADS_MOST}", "activation of each head"),
    array("gradient", "float32", f"{HEADS_MOST}", "gradient of the last update"),
    array("order", "float32", f"{POLYPHONY_MOST}", "the largest activations, in descending order"),
    array("ratio", "float32", "stride", "scratch: V over its model"),
))
GRAINS = Record("Grains", (Part("sizes", (link("plan", PLAN, "plan of the engine"),)), GRAINS_PLAN, GRAINS_STATE))
