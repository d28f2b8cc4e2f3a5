"""Masks: each says, in one frame, how a bin is shared among the stems. The contract that they all keep:

    mask(plan, models, stems, scratch, M)

| argument | shape, dtype | |
| --- | --- | --- |
| plan | | the plan's part `masks`, and `common`: bins, power_halves |
| models | float32 [stem, stride] | models of the stems, nonnegative; in every bin one of `stems` at least is greater than 0 |
| stems | int64 [count] | the stems that play, ascending; the residual is the last |
| scratch | float32 [stride] | room to work in |
| M | float32 [stem, stride] | *filled*, for these stems and `bins` bins: the masks, 0 to 1, which sum to 1 in every bin |

Thread: audio. It may not allocate, fail or wait. What comes after it (the residual beside an accompaniment, suppression,
places in stereo) keeps the sum. To choose a mask by name, add one line to the table below. `mask` of the parameters takes its
names from here.
"""

from rtsep.kernels.marks import later

MASKS = {
    "power": later("rtsep.methods.masks.power", "power_mask"),
}
