"""The audio callbacks: compiled code that a device calls in its audio thread, around the engine's entry.

The device calls `portaudio` or `jack`; `live` is the part that both share; notes come through `ring` and wait in `arrivals`;
`taps` copies what is recorded. `shared` declares the memory that the callback and Python share.

Enters: the address of a record LIVE. Leaves: samples for the device, meters and counters. May import: kernels, stages.
"""
