"""Binary messages to pages, little-endian.

| first byte | what follows |
| --- | --- |
| 1 | levels: numbers of inputs, outputs and stems, a byte each; then int16: load and worst load of 10 s, in thousandths; of
every meter its peak and held peak, in hundredths of a dB, and its clip mark |
| 2 | notes: stem, MIDI pitch and whether it is held, a byte each, of every open note |
| 3 | picture: the number of columns, the number of bands, a byte; then the columns, a byte for each band |
"""

from __future__ import annotations

import numpy as np

from rtsep.hosts.status import Hold, Status
from rtsep.remote.picture import BANDS

LEVELS, NOTES, PICTURE = 1, 2, 3


def levels(status: Status) -> bytes:
    """The levels of inputs, outputs and stems, and the load."""
    meters: list[tuple[float, Hold]] = [
        *zip(status.input_db, status.input_holds, strict=True), *zip(status.output_db, status.output_holds, strict=True),
        *((stem.peak_db, stem.hold) for stem in status.stems)]
    load = [min(round(1000 * share), 32767) for share in (status.load, status.peak_load)]
    numbers = [number for db, hold in meters for number in (round(100 * db), round(100 * hold.db), int(hold.clipped))]
    head = bytes((LEVELS, len(status.input_db), len(status.output_db), len(status.stems)))
    return head + np.clip([*load, *numbers], -32768, 32767).astype("<i2").tobytes()


def notes(found: bytes) -> bytes:
    """The open notes."""
    return bytes((NOTES,)) + found


def picture(columns: list[bytes]) -> bytes:
    """Columns of spectrograms, of the sources in the order in which they were asked for."""
    return bytes((PICTURE, len(columns), BANDS, 0)) + b"".join(columns)
