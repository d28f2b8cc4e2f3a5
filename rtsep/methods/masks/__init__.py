"""Masks: each divides the bins of one frame among the stems. All keep this contract:

    mask(plan, models, stems, scratch, M)

| argument | shape, dtype | |
| --- | --- | --- |
| plan | | the plan's part `masks`, and `common`: bins, power_halves |
| models | float32 [stem, stride] | models of the stems, nonnegative; in every bin at least one of `stems` is above 0 |
| stems | int64 [count] | the stems that play, ascending; the residual is the last |
| scratch | float32 [stride] | working memory |
| M | float32 [stem, stride] | *filled*, for these stems and `bins` bins: the masks, 0 to 1, which sum to 1 in every bin |

It runs in the audio thread: it must not allocate, fail or wait. The later steps (the residual beside an accompaniment,
suppression, places in stereo) keep the sum. To choose a mask by name, add one line to the table below. The parameter `mask`
takes its names from it.
"""

from rtsep.kernels.marks import later

MASKS = {
    "power": later("rtsep.methods.masks.power", "power_mask"),
}
