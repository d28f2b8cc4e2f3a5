"""The engine from Python's side: presets, a routing and parameters become a plan; blocks of sound and notes become stems.

Enters: `Preset`, `Routing` and parameters; then blocks [channel, sample] and events. Leaves: stems, their mix, and adapted
presets. May import: stages, kernels (declarations), compiling, presets, notes, params, windows, errors. No devices, no
threads.
"""
