"""What a device calls: compiled code around the engine's entry, in the audio thread.

`portaudio` and `jack` are called by the device; `live` does what both have to do; notes come through `ring` and wait in
`arrivals`; `taps` copies what is recorded. `shared` declares the memory that the callback and Python share.

Enters: the address of a record LIVE. Leaves: samples for the device, meters and counters. May import: kernels, stages.
"""
