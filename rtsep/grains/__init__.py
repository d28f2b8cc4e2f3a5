"""Live mosaics: rebuild the input from the frames of a source while it is played.

`source` (a sound as templates) -> `design` (for one framing and its parameters) -> `engine` (`Mosaic`, which hosts use like a
`Separator`). Offline mosaics, which can look ahead, are in mosaic/.

Enters: a source; then blocks and events. Leaves: the mosaic and the dry sound. May import: engine, stages, kernels, compiling,
files, notes, params, windows, errors.
"""
