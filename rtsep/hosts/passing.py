"""Passes the sound through the engine block by block, and collects the output for files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rtsep.engine.separator import Output
from rtsep.engine.streaming import Engine
from rtsep.hosts.output import Outlet
from rtsep.hosts.ranges import Excerpt
from rtsep.hosts.report import Clock

LARGEST_BLOCK = 65536  # Largest block, in samples, that --block allows.
WRITE_SAMPLES = 32768  # Files are written in portions of at least this many samples per channel.


def outputs(
    sound: Excerpt, engine: Engine, events: npt.NDArray[np.void], block: int, clock: Clock
) -> Iterator[Output]:
    """Process the sound, and the `latency` samples after it, block by block. Samples of `events` count from the first one."""
    starts = events["sample"].tolist()
    position = used = 0
    for piece in _pieces(sound, engine.latency, block):
        first, end = used, position + piece.shape[1]
        while used < len(starts) and starts[used] < end:
            used += 1
        due = events[first:used].copy()
        due["sample"] -= position
        with clock.block(position, piece.shape[1]):
            output = engine.process(piece, due)
        position += piece.shape[1]
        yield output


class Collected:
    """Collects output for files: joins small blocks into large writes, and drops the first `skip` samples (the latency)."""

    def __init__(self, outlet: Outlet, skip: int, mixdown: bool) -> None:
        self.written = 0
        self._outlet = outlet
        self._skip = skip
        self._mixdown = mixdown
        self._stems: list[npt.NDArray[np.float32]] = []
        self._mix: list[npt.NDArray[np.float32]] = []
        self._pending = 0
        self.energies: npt.NDArray[np.float64] = np.zeros(0)  # The sum of squares of every stem.

    def add(self, output: Output) -> bool:
        """Keep a block of output. Returns whether files were written."""
        skip = min(self._skip, output.mix.shape[1])
        self._skip -= skip
        self._stems.append(output.stems[:, :, skip:].copy())
        self._mix.append(output.mix[:, skip:].copy())
        self._pending += output.mix.shape[1] - skip
        if self._pending < WRITE_SAMPLES:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Write all pending output."""
        if self._pending:
            sounds = [*np.concatenate(self._stems, axis=2)]
            self.energies = np.array([np.square(sound, dtype=np.float64).sum() for sound in sounds]) + (
                self.energies if len(self.energies) else 0)
            if self._mixdown:
                sounds.append(np.concatenate(self._mix, axis=1))
            self._outlet.write(sounds)
        self.written += self._pending
        self._stems, self._mix, self._pending = [], [], 0


def _pieces(sound: Excerpt, latency: int, block: int) -> Iterator[npt.NDArray[np.float32]]:
    """The sound and the `latency` samples after it, `block` samples at a time; only the last piece is shorter."""
    ahead = max(LARGEST_BLOCK // block, 1) * block
    pending = np.zeros((sound.channels, 0), np.float32)
    for chunk in sound.blocks(ahead, latency):
        pending = np.concatenate([pending, chunk], axis=1)
        whole = pending.shape[1] // block * block
        for begin in range(0, whole, block):
            yield pending[:, begin : begin + block]
        pending = pending[:, whole:]
    if pending.shape[1]:
        yield pending
