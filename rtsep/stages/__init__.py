"""The engine's stages: what happens to a frame of sound, one module per stage. Read `frame` first: it is their list.

A stage is one module with its constants, its part of the plan (what `design` works out before the first sample) and of the
state (what it remembers, and its scratch), `design`, and `step`, which is compiled. A step is handed its own parts and the
few things that stages pass on (`passed`): compiled code sees no other stage's memory, and the compiler refuses what tries.

```
 sound ─► analysis ─► gate ─► expectation ─► estimator ─► levels, residual ─► stems ─► place ─► overlap-add ─► mixer
            frame      open     expected       estimate        (they learn)     masks             or filters
                        ▲                         ▲
             notes ─► voices                 adaptation, watchdog, late notes: templates that learn
```

Enters: a block of samples and MIDI events (the record `call.CALL`). Leaves: the stems and their mix. May import: kernels,
methods, params, presets, notes, windows, errors; Numba is loaded by who compiles, not here (`rtsep.kernels.marks`).
"""
