"""Estimators: each finds how loud every open template is in one frame. All keep this contract:

    estimator(plan, V, W, rows, notes, sparsity, first, expected_share, least_share, trust, estimate)

| argument | shape, dtype | |
| --- | --- | --- |
| plan | | the plan's part `estimator`, and `common`: bins, iterations, relaxation, E |
| V | float32 [stride] | magnitudes, which sum to 1; zero beyond `bins` |
| W | float32 [row, stride] | templates; each sums to 1 |
| rows | int64 [count] | the open templates: the notes', then the background's |
| notes | int64 | number of open templates that belong to notes |
| sparsity | float32 | factor of the background's activations in every update: below 1 it leaves more to the notes |
| first | int64 [groups + 1] | index of the first row of each group (a stem's pitch); the last entry: the end of all |
| expected_share | float32 [groups] | expected sum of a group's h; less than 0: nothing is expected |
| least_share | float32 [groups] | a group whose sum is less is not moved towards what is expected |
| trust | float32 | weight of what is expected: `prior.hold` moves a group's sum towards it |
| estimate.h | float32 [count + 1] | *filled*: activations, nonnegative; the last: of a flat row, 1 / bins. On entry: a start |
| estimate.before | float32 [count + 1] | *filled*: the h from which `ratio` was made |
| estimate.ratio | float32 [stride] | *filled*: V over the model of `before`, 0 beyond `bins` |
| estimate.gradient | float32 [count + 1] | *filled*: W times ratio, which is 1 if h explains V best |
| estimate.group_h | float32 [groups] | *filled*: sum of each group's h before it was bound to what is expected |

h sums to about 1, as V does. It runs in the audio thread: it must not allocate, fail or wait.

Templates learn from masks times magnitudes if something is expected of the notes. Otherwise (without envelopes, and for the
first notes) they learn from `before`, `ratio` and `gradient`, so an estimator has to fill these. (Without them, evidence would
have to come from h and the masks there, too. With masks of power 2 that gives other templates, and so other samples.)

To choose an estimator by name, add one line to the table below. The parameter `estimator` takes its names from it.
"""

from rtsep.kernels.marks import later

ESTIMATORS = {
    "kl": later("rtsep.methods.estimators.multiplicative", "update"),
    "encoder": later("rtsep.methods.estimators.encoder", "encode"),
    "encoder+kl": later("rtsep.methods.estimators.encoder", "encode_and_update"),
}
