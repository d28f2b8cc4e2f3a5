"""Memory of a live mosaic beside PLAN and STATE: the source as templates and sound, and the play heads in it.

A row is a frame of the source. Play heads run through the source; the first counts[HEADS] heads are in use, and after a frame
these are the ones that sound.
"""

from rtsep.kernels.fields import Part, Record, array, link, number, size
from rtsep.kernels.memory import PITCHES
from rtsep.stages.records import PLAN

# Greatest numbers of heads that play on, and of rows found in a hop.
POLYPHONY_MOST, FOUND_MOST = 32, 128
HEADS_MOST = POLYPHONY_MOST + FOUND_MOST
# At most this many rows are searched in a hop; of a longer source every second row, then the others, and so on.
ROWS_MOST = 6144
UNPITCHED = PITCHES  # The pitch of a row that has none.
LONG_AGO = -(1 << 40)  # When a row was last heard that never was: a sample far before the first one.
HEADS, FOUND, FRAMES, HEARD, RUNS, AGAIN, COUNTS = range(7)  # counts [word]

GRAINS_PLAN = Part("grains_plan", (
    size("length", "samples of `sound`"),
    size("source_channels", "of the source"),
    size("rows", "frames of the source"),
    size("parts", "hops until every frame of the source has been searched"),
    size("part_size", "frames of the largest part"),
    size("bands", "of the coarse templates"),
    size("band_stride", "bands rounded up for SIMD"),
    size("spacing", "samples from frame to frame: frame r ends at sample (r + 1) spacing of the source"),
    size("polyphony", "frames of the source that sound at a time"),
    size("candidates", "frames found anew that a hop tries"),
    size("repetition", "samples for which a frame is not begun again"),
    size("near", "samples within which hearing a frame again is counted as a repetition"),
    number("continuity", "how many times over what goes on counts"),
    array("sound", "float32", "source_channels, length", "the source, behind `overlap` samples of silence"),
    array("W", "float32", "rows, stride", "templates, which sum to 1 or are 0"),
    array("C", "float32", "rows, band_stride", "W summed over bands"),
    array("mean", "float32", "band_stride", "of C"),
    array("level", "float32", "rows", "1 over the sum of the frame's magnitudes; 0: silence"),
    array("first_bin", "int64", "bands + 1", "of each band"),
    array("row_pitch", "int64", "rows", "UNPITCHED where there is none"),
    array("serves", "int64", f"{PITCHES}", "pitch of the frames that a note of this pitch allows; -1: none"),
))
GRAINS_STATE = Part("grains_state", (
    array("place", "int64", f"{HEADS_MOST}", "how many samples of the source each head has played"),
    array("share", "float32", f"{HEADS_MOST}",
          "its activation in the last frame, whose magnitudes sum to 1; 0: not heard yet"),
    array("counts", "int64", f"{COUNTS}", "heads in use (after a frame: those that sound), and statistics"),
    array("found", "int64", f"{FOUND_MOST}", "frames that may begin to sound"),
    array("found_score", "float32", f"{FOUND_MOST}", "how well they fit"),
    array("score", "float32", "part_size", "how well every frame of the part fits"),
    array("heard", "int64", "rows", "end of the last frame that it sounded in", start=lambda plan: LONG_AGO),
    array("allowed", "int64", f"{PITCHES + 1}", "whether frames of this pitch may sound"),
    array("wanted", "float32", "band_stride", "what the heads leave unexplained: heard over explained"),
    array("row", "int64", f"{HEADS_MOST}", "the frame nearest to each head"),
    array("h", "float32", f"{HEADS_MOST}", "its activation"),
    array("gradient", "float32", f"{HEADS_MOST}", "of the last update"),
    array("order", "float32", f"{POLYPHONY_MOST}", "the largest activations, falling"),
    array("ratio", "float32", "stride", "scratch: V over its model"),
))
GRAINS = Record("Grains", (Part("sizes", (link("plan", PLAN, "of the engine"),)), GRAINS_PLAN, GRAINS_STATE))
