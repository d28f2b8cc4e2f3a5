"""Mosaics: one sound (the target) remade from the frames of another (the source).

`make` (files in, file out) -> `frames` (sounds as spectra, and back), `activations` (which source frames, how loud; by the
`constraints`), `counters` (what came of the constraints), `picture`.

Enters: a target, a source, constraints. Leaves: sound and pictures. May import: training, files, windows, errors, and kernels
through `load`.
"""
