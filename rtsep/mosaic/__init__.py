"""Mosaics: rebuild one sound (the target) from the frames of another sound (the source).

`make` (files in, file out) -> `frames` (sounds to spectra and back), `activations` (source frames and their levels, under
`constraints`), `counters` (the effect of the constraints), `picture`.

Enters: a target, a source, constraints. Leaves: sound and pictures. May import: training, files, windows, errors, and kernels
through `load`.
"""
