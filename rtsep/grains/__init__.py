"""Live mosaics: the input is remade from the frames of a source while it is played.

`source` (a sound as templates) -> `design` (for one framing and its parameters) -> `engine` (`Mosaic`, which hosts play like a
`Separator`). Offline mosaics, which may look ahead, are in mosaic/.
"""
