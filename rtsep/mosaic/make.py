"""Makes a mosaic from files into a file. In memory are both sounds, the source's magnitudes, and a part of all else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rtsep.errors import RtsepError
from rtsep.files.results import atomic_write
from rtsep.files.sound import StemWriter, read_sound
from rtsep.mosaic.activations import in_parts
from rtsep.mosaic.constraints import Constraints
from rtsep.mosaic.counters import Counters
from rtsep.mosaic.frames import Sound, Spectra, Synthesis
from rtsep.mosaic.picture import Trace, draw
from rtsep.training.updates import Floats
from rtsep.windows import choose_framing

Progress = Callable[[int, int], None]
FRAMES_AT_ONCE = 512  # This many frames are processed at a time, to bound memory.
FAINTEST = 1e-6  # A source frame below this share of the loudest one counts as silence: played louder, it would be noise.
FORMATS = (".wav", ".flac", ".ogg", ".mp3")
OVERLAPS = 4  # Every sample is in this many frames.


@dataclass(frozen=True)
class Job:
    """The options of `rtsep mosaic`."""

    target: Path
    source: Path
    out: Path
    constraints: Constraints = field(default_factory=Constraints)
    window: int = 0  # Samples; 0: about 93 ms.
    phase_iterations: int = 32
    bits: str | None = None
    overwrite: bool = False
    picture: Path | None = None


def make(job: Job, progress: Progress = lambda done, total: None) -> dict[str, Any]:
    """Write the mosaic of `job`; give its report. `progress(target frames done, target frames in all)`.

    The mosaic has the length and loudness of the target, and the channels of the source. RtsepError for anything that the user
    can correct; then no file is left behind.
    """
    _check(job)
    (heard, rate), (samples, source_rate) = read_sound(job.target), read_sound(job.source)
    if rate != source_rate:
        raise RtsepError(f"{job.target} has {rate} Hz and {job.source} {source_rate} Hz: convert one to the other's rate")
    size = choose_framing("quality", rate, job.window).window_size
    target, source = (Sound(_finite(sound), size, size // OVERLAPS) for sound in (heard, samples))
    inputs = (job.target, job.source)
    with StemWriter(job.out.parent, [job.out.stem], rate, source.channels, job.out.suffix[1:].lower(), job.bits, job.overwrite,
                    inputs, (), target.length) as writer:
        run = _Run(target, source, job.constraints, progress)
        started, position = time.perf_counter(), -(size - target.hop)
        for block in Synthesis(size, target.hop, job.phase_iterations).sound(run.spectra(), target.frames):
            writer.write(0, block[:, max(-position, 0) : target.length - position])
            position += block.shape[1]
        report = {"seconds": round(target.length / rate, 3), "source_seconds": round(source.length / rate, 3),
                  "frames": target.frames, "source_frames": source.frames, **run.counters.report(),
                  "clipped_samples": writer.clipped_samples, "took_s": round(time.perf_counter() - started, 2)}
        writer.commit()
    if job.picture is not None:
        atomic_write(job.picture, draw(run.trace, rate, f"{job.target.name} remade from {job.source.name}"))
    return report


def _check(job: Job) -> None:
    if job.out.suffix.lower() not in FORMATS:
        raise RtsepError(f"--out {job.out}: give a name that ends in {' or '.join(FORMATS)}")
    if not 0 <= job.phase_iterations <= 1000:
        raise RtsepError(f"--phase-iterations {job.phase_iterations}: allowed is 0 to 1000")
    if job.picture is not None and job.picture.suffix.lower() != ".png":
        raise RtsepError(f"--picture {job.picture}: give a name that ends in .png")
    if job.picture is not None and not job.picture.resolve().parent.is_dir():
        raise RtsepError(f"--picture {job.picture}: there is no folder {job.picture.parent}")
    if job.picture is not None and job.picture.exists() and not job.overwrite:
        raise RtsepError(f"{job.picture} is there already: choose another name, or give --overwrite")


def _finite(sound: Floats) -> Floats:
    return np.nan_to_num(sound, copy=False, nan=0, posinf=0, neginf=0)


class _Run:
    """Rebuilds the target's frames, part by part."""

    def __init__(self, target: Sound, source: Sound, constraints: Constraints, progress: Progress) -> None:
        self.counters, self.trace = Counters(), Trace(target.frames, source.frames, target.hop)
        self._target, self._source, self._constraints, self._progress = target, source, constraints, progress
        self._loudness = _over_parts(source, lambda V: V.sum(axis=1))
        if not self._loudness.any():
            raise RtsepError("the source is silent: give one that sounds")
        self._loudness[self._loudness < FAINTEST * self._loudness.max()] = np.inf  # Silent frames become templates of zeros.

    def spectra(self) -> Iterator[Spectra]:
        """Y [frame, channel, bin] of the mosaic, part by part: weighted sums of the source's spectra."""
        loudness = self._loudness
        W = np.empty((len(loudness), self._source.size // 2 + 1), np.float32)
        for begin in range(0, len(W), FRAMES_AT_ONCE):
            end = min(begin + FRAMES_AT_ONCE, len(W))
            W[begin:end] = self._source.magnitudes(begin, end) / loudness[begin:end, None]
        loudest = float(_over_parts(self._target, lambda V: V.max(axis=1)).max())
        for part, H in in_parts(self._target.magnitudes, self._target.frames, W, self._constraints, loudest):
            self.counters.add(H)
            Y = self._weighed(H / loudness)
            self.trace.add(H, self._target.magnitudes(part.begin, part.end), np.abs(Y).mean(axis=1))
            yield Y
            self._progress(part.end, self._target.frames)

    def _weighed(self, H: Floats) -> Spectra:
        """H @ X; the source's spectra X are computed anew, since they would need more memory than everything else."""
        bins = self._source.size // 2 + 1
        Y = np.zeros((len(H), self._source.channels * bins), np.complex64)
        for begin in range(0, self._source.frames, FRAMES_AT_ONCE):
            X = self._source.spectra(begin, min(begin + FRAMES_AT_ONCE, self._source.frames))
            Y += H[:, begin : begin + len(X)].astype(np.complex64) @ X.reshape(len(X), -1)
        return Y.reshape(len(H), -1, bins)


def _over_parts(sound: Sound, measure: Callable[[Floats], Floats]) -> Floats:
    """The result of `measure` for all frames of `sound`, part by part."""
    begins = range(0, sound.frames, FRAMES_AT_ONCE)
    return np.concatenate([measure(sound.magnitudes(n, min(n + FRAMES_AT_ONCE, sound.frames))) for n in begins])
