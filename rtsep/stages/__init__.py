"""The engine's stages: what happens to a frame of sound, one module per stage. Read `frame` first: it lists them in order.

A stage is one module with its constants, its part of the plan (what `design` works out before the first sample) and of the
state (what it remembers, and its scratch), `design` where there is something to work out, and compiled functions, mostly one
`step`. They receive the stage's own parts, the few parts that stages pass on
(`passed`), and what else `frame` hands over. Compiled code sees no other stage's state: the compiler refuses code that tries to
read it.

Enters: a block of samples and MIDI events (the record `call.CALL`). Leaves: the stems and their mix. May import: kernels,
methods, params, presets, notes, windows, errors. Numba is loaded only for compiling (`rtsep.kernels.marks`). `entries`
and `micro_benchmark` load it, too; they are imported only then.
"""
