"""The engine's stages: what happens to a frame of sound, one module per stage. Read `frame` first: it is their list.

A stage is one module with its constants, its part of the plan (what `design` works out before the first sample) and of the
state (what it remembers, and its scratch), `design` where there is something to work out, and compiled functions, mostly one
`step`. They are handed the stage's own parts, the few things that stages pass on (`passed`), and what else `frame` hands over:
compiled code sees no other stage's state, and the compiler refuses what tries.

Enters: a block of samples and MIDI events (the record `call.CALL`). Leaves: the stems and their mix. May import: kernels,
methods, params, presets, notes, windows, errors; Numba is loaded when it is compiled (`rtsep.kernels.marks`), and
by `entries` and `micro_benchmark`, which are only read then.
"""
