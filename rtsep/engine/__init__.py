"""The engine as Python sees it: presets, a routing and parameters become a plan; blocks of sound and notes become stems.

Enters: `Preset`, `Routing` and parameters; then blocks [channel, sample] and events. Leaves: stems, their mix, and what was
learnt as a preset. May import: presets, notes, params, windows, and compiled code by its address. No devices, no threads.
"""
