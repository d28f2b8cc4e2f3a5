"""Mosaics live: what comes in, remade from the frames of a source while it is played.

`source` (a sound as templates) -> `design` (for one framing and its parameters) -> `engine` (`Mosaic`, which hosts play as they
play a `Separator`). The offline way, which may look ahead, is the room mosaic/.
"""
