"""Live mosaics: the input is remade from the frames of a source while it is played.

`source` (a sound as templates) -> `design` (for one framing and its parameters) -> `engine` (`Mosaic`, which hosts play like a
`Separator`). Offline mosaics, which may look ahead, are in mosaic/.

Enters: a source; then blocks and events. Leaves: the mosaic and the dry sound. May import: engine, stages, kernels, compiling,
files, notes, params, windows, errors.
"""
