"""A view of a file for the decoder: without the tag at its beginning, and with a correct header."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from rtsep.files.headers import Found


class View(io.RawIOBase):
    """An open file without its first bytes, and with other bytes replaced, by `found`. Nothing is copied. Thread: control."""

    def __init__(self, file: BinaryIO, found: Found) -> None:
        super().__init__()
        self._file, self._found = file, found
        self._at = found.at - found.skip
        self._file.seek(found.skip)

    def readable(self) -> bool:
        """True: it can be read."""
        return True

    def seekable(self) -> bool:
        """True: it can be read from any place."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to `offset`. Returns the new position."""
        return self._file.seek(offset + (self._found.skip if whence == os.SEEK_SET else 0), whence) - self._found.skip

    def tell(self) -> int:
        """The present position."""
        return self._file.tell() - self._found.skip

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer`. Returns the number of bytes."""
        begin = self.tell()
        count = self._file.readinto(buffer)  # type: ignore[attr-defined]
        first, last = max(begin, self._at), min(begin + count, self._at + len(self._found.patch))
        if first < last:
            buffer[first - begin : last - begin] = self._found.patch[first - self._at : last - self._at]
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
