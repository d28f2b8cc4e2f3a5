"""Estimators: each finds, in one frame, how loud every open template is. The contract that they all keep:

    estimator(plan, V, W, rows, notes, sparsity, first, expected_share, least_share, trust, estimate)

| argument | shape, dtype | |
| --- | --- | --- |
| plan | | the plan's part `estimator`, and `common`: bins, iterations, relaxation, E |
| V | float32 [stride] | magnitudes, sum 1; zero beyond `bins` |
| W | float32 [row, stride] | templates, which sum to 1 |
| rows | int64 [count] | which of them are open: the notes', then the background's |
| notes | int64 | how many of these are the notes' |
| sparsity | float32 | factor of the background's activations in every update: below 1 it leaves more to the notes |
| first | int64 [groups + 1] | where the rows of each group (a stem's pitch) begin; the last: where all end |
| expected_share | float32 [groups] | sum of h that is expected of a group; less than 0: nothing is |
| least_share | float32 [groups] | a group that is heard with less is not drawn to what is expected |
| trust | float32 | how much that counts: `prior.hold` draws a group's sum to it |
| estimate.h | float32 [count + 1] | *filled*: activations, nonnegative; the last is a flat row's, 1 / bins. On entry: a start |
| estimate.before | float32 [count + 1] | *filled*: h as it was for `ratio` |
| estimate.ratio | float32 [stride] | *filled*: V over the model that `before` gives, 0 beyond `bins` |
| estimate.gradient | float32 [count + 1] | *filled*: W ratio, which is 1 where h explains V best |
| estimate.group_h | float32 [groups] | *filled*: sum of h of each group before it was held to what is expected |

h sums to about 1, as V does. Thread: audio. It may not allocate, fail or wait.

Templates learn from masks times magnitudes wherever something is expected of the notes. Elsewhere (no envelopes, or the first
notes) they learn from `before`, `ratio` and `gradient`, so an estimator has to fill these. To do without, evidence would have
to come from h and from the masks there too; with masks of power 2 that gives other templates, and so other samples.

To choose an estimator by name, add one line to the table below. `estimator` of the parameters takes its names from here.
"""

from rtsep.kernels.marks import later

ESTIMATORS = {
    "kl": later("rtsep.methods.estimators.multiplicative", "update"),
    "encoder": later("rtsep.methods.estimators.encoder", "encode"),
    "encoder+kl": later("rtsep.methods.estimators.encoder", "encode_and_update"),
}
