"""Mosaics: one sound (the target) remade from the frames of another (the source).

`make` (files in, file out) -> `frames` (sounds to spectra and back), `activations` (source frames and their levels, under
`constraints`), `counters` (the effect of the constraints), `picture`.
"""
