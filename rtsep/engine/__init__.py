"""The engine for Python: it makes a plan from presets, a routing and parameters, and stems from blocks of sound and notes.

Enters: `Preset`, `Routing` and parameters; then blocks [channel, sample] and events. Leaves: stems, their mix, and adapted
presets. May import: stages, kernels (declarations), compiling, presets, notes, params, windows, errors. It opens no
device and starts no thread.
"""
