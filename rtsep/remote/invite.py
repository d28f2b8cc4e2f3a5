"""The page's link as a QR code of text, for the terminal."""

from __future__ import annotations

import segno

BORDER = 2  # Light modules around the code; four are the standard, and two are enough for phones.
_HALVES = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}  # Of (upper, lower), dark or not.


def qr_code(text: str) -> list[str]:
    """Lines of a QR code, light on a dark terminal: two rows of modules each."""
    rows = [[bool(module) for module in row] for row in segno.make(text, error="l", micro=False).matrix_iter(border=BORDER)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    return ["".join(_HALVES[pair] for pair in zip(upper, lower, strict=True))
            for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
