"""Folders of sound files that appear whole or not at all. Other rooms import reading and writing of sound from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np
from numpy.typing import NDArray

from rtsep.files.encode import Form, SoundSink, choose_bits
from rtsep.files.reading import SoundReader, open_sound, read_sound
from rtsep.files.results import Given, Results, atomic_write, write_error

__all__ = ["SoundReader", "StemWriter", "atomic_write", "open_sound", "read_sound"]


class StemWriter:
    """Sound files of one rate and length, written block by block into a folder in which they appear all at once.

    folder: is made if it is missing. names: one per file, without ending. channels: of all files, or of each. format: wav,
    flac, ogg or mp3. bits: 16, 24 or float; the default is float for wav, and 24 for flac, which has no float. overwrite:
    replace files of the same names. protect: inputs that no result can replace. extras: names of files that `add_file` will
    write; they are checked at once. frames: the expected length; beyond 4 GB, wav becomes RF64. start: the sample of the mix at
    which the files begin; it is written into them. The end of `with` without `commit` leaves nothing behind. Thread: control.
    files: the file names, in the order of `names`. clipped_samples: the number of samples that did not fit into integers, or
    went beyond full scale in a lossy format.

    RtsepError: the format is unknown or impossible, has fewer channels or not this rate; the folder cannot be written or is a
    file; results exist already; a result would replace an input; later: the disk is full, wav unexpectedly exceeds 4 GB.
    """

    def __init__(
        self, folder: Given, names: Sequence[str], sample_rate: int, channels: int | Sequence[int], format: str = "wav",
        bits: str | None = None, overwrite: bool = False, protect: Sequence[Given] = (),
        extras: Sequence[str] = ("report.json",), frames: int | None = None, start: int = 0,
    ) -> None:  # fmt: skip
        of_each = [channels] * len(names) if isinstance(channels, int) else list(channels)
        self._bits = choose_bits(format, bits, max(of_each), sample_rate)
        self.files = tuple(f"{name}.{format}" for name in names)
        self.clipped_samples = 0
        self._sinks: list[SoundSink] = []
        self._results = Results(folder, (*self.files, *extras), overwrite, protect)
        for name, count in zip(self.files, of_each, strict=True):
            form = Form(sample_rate, count, format, self._bits, frames or 0, start)
            with self._failing():
                self._sinks.append(SoundSink(self._results.new(name), form))

    def __enter__(self) -> StemWriter:
        return self

    def __exit__(self, *raised: object) -> None:
        self.abort()

    def write(self, stem: int, block: NDArray[np.float32]) -> None:
        """Append float32 [channels, n] to the file with this index. Full scale is 1; integers are clipped to it."""
        if self._bits != "float":
            self.clipped_samples += int(np.count_nonzero(np.abs(block) > 1))
        if self._bits in ("16", "24"):
            steps = 2 ** (int(self._bits) - 1)
            block = np.rint(block * steps) / steps  # The encoder also clips, but it rounds only for FLAC.
        with self._failing():
            self._sinks[stem].write(block)

    def add_file(self, name: str, content: bytes | str) -> None:
        """Add a file (a report, a picture) that appears together with the stems; text becomes UTF-8."""
        self._results.add(name, content)

    def commit(self) -> None:
        """Finish all files, and give them their names."""
        with self._failing():
            for sink in self._sinks:
                sink.close()
        self._results.commit()

    def abort(self) -> None:
        """Remove all files, unless they were committed."""
        for sink in self._sinks:
            with suppress(OSError):
                sink.discard()
        self._results.abort()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.abort()
            raise write_error(self._results.folder, error) from error
