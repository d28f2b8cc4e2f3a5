"""The audio callbacks: compiled code that a device calls in its audio thread, around the engine's entry.

The device calls `portaudio` or `jack`; `live` is the part that both share. Notes come through `ring` and wait in `arrivals`.
`playback` plays a recording, and `taps` copies sound for recordings. `shared` declares the memory that the callback and Python
share.

Enters: the address of a record LIVE. Leaves: samples for the device, meters and counters. May import: kernels, stages.
"""
