"""Reads with ffmpeg what the decoder cannot read: M4A, AAC, video, streams without a length. ffmpeg also measures loudness.

ffmpeg is a separate program; it is used if it is installed. Samples come through a pipe, so memory is bounded.
"""

from __future__ import annotations

import math
import os
import shutil
import struct
import subprocess
import tempfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError

COUNT_BYTES = 2**20  # The length of a sound is counted in portions of this many bytes.
MOST_TOLD = 200  # A message of ffmpeg is cut to this many characters.
ONLY_FFMPEG = {  # The first bytes, from the given offset, of files that only ffmpeg can read.
    (4, b"ftyp"): "M4A or MP4", (0, b"\x1aE\xdf\xa3"): "Matroska or WebM", (0, b"0&\xb2u"): "Windows Media",
    (8, b"AVI "): "AVI", (0, b"FLV"): "Flash video", (0, b"ADIF"): "AAC", (0, b"#!AMR"): "AMR", (0, b"MAC "): "Monkey's Audio",
    (0, b"wvpk"): "WavPack", (0, b"\x00\x00\x01\xba"): "MPEG video",
}  # fmt: skip
READ = (  # Formats that are read, by ffmpeg's names. Formats that refer to other files, such as playlists, are left out.
    "mov,matroska,asf,avi,flv,mpeg,mpegts,ogg,rm,mp3,aac,loas,ac3,eac3,dts,truehd,amr,ape,wv,tta,tak,mpc,mpc8,shn,"
    "flac,wav,w64,aiff,au,caf,mxf,nut,dsf,voc,gsm,g722,oma"
)
SILENT_LUFS = -70.0  # Sound at or below this loudness, in LUFS, counts as silence (BS.1770).


def has_ffmpeg() -> bool:
    """Whether ffmpeg is installed."""
    return shutil.which("ffmpeg") is not None


def kind_of(path: str | os.PathLike[str]) -> str:
    """The format of a file that only ffmpeg can read, or ""."""
    with open(path, "rb") as file:
        head = file.read(16)
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "AAC"
    return next((name for (at, magic), name in ONLY_FFMPEG.items() if head[at : at + len(magic)] == magic), "")


class FfmpegSound:
    """The first sound of a file, decoded by ffmpeg, with the part of `soundfile.SoundFile` that `SoundReader` uses.

    It is decoded once more to count its samples; this takes little time beside the separation. `note`: the first complaint of
    ffmpeg. RtsepError if ffmpeg cannot read the file, or it has no sound. Thread: control.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self.format = "ffmpeg"
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self.samplerate, self.channels = self._start()
            self.frames = self._count()
            self.note = self._said()
            self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> FfmpegSound:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def seek(self, frame: int) -> int:
        """Go to this sample. To go back, it decodes from the start."""
        if frame < self._position or self._process is None:
            self._start()
        while self._position < frame:
            if not len(self.read(min(frame - self._position, COUNT_BYTES // (4 * self.channels)))):
                break
        return self._position

    def read(self, frames: int, **_format: Any) -> NDArray[np.float32]:
        """The next samples, float32 [frame, channel]; fewer at the end."""
        data = self._pipe().read(frames * 4 * self.channels)
        data = data[: len(data) // (4 * self.channels) * 4 * self.channels]
        self._position += len(data) // (4 * self.channels)
        return np.frombuffer(data, ">f4").astype(np.float32).reshape(-1, self.channels)

    def close(self) -> None:
        """End ffmpeg."""
        self._end()
        self._errors.close()

    def _start(self) -> tuple[int, int]:
        """Decode from the start. Returns sample rate and channels, from an AU header."""
        self._end()
        self._errors.seek(0)
        self._errors.truncate()
        source = ("-protocol_whitelist", "file", "-format_whitelist", READ, "-i", f"file:{os.fspath(self._path)}")
        sink = ("-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "pipe:1")
        self._process = _spawn((*source, *sink), subprocess.DEVNULL, self._errors)
        self._position = 0
        head = self._pipe().read(24)
        if len(head) < 24:
            self._end()
            raise RtsepError(f"{self._path} is not a sound file that can be read here, even by ffmpeg, which says: "
                             f"{self._said() or 'no sound'}; give a recording")
        offset, _size, _encoding, rate, channels = struct.unpack(">4x5I", head)
        self._pipe().read(offset - 24)
        return rate, channels

    def _count(self) -> int:
        total = 0
        while data := self._pipe().read(COUNT_BYTES):
            total += len(data)
        code = self._end()
        if code or not total:
            said = self._said() or "nothing more"
            raise RtsepError(f"{self._path} is truncated or broken; ffmpeg says: {said}; copy or export it again")
        return total // (4 * self.channels)

    def _pipe(self) -> IO[bytes]:
        assert self._process is not None and self._process.stdout is not None
        return self._process.stdout

    def _end(self) -> int:
        """End the process. Returns its exit code; 0 if it had not finished."""
        process, self._process = self._process, None
        if process is None:
            return 0
        assert process.stdout is not None
        at_end = not process.stdout.read(1)
        if not at_end:
            process.kill()
        process.stdout.close()
        return process.wait() if at_end else 0 * process.wait()

    def _said(self) -> str:
        """The first complaint of ffmpeg, in one line."""
        self._errors.seek(0)
        lines = self._errors.read(64 * MOST_TOLD).decode(errors="replace").splitlines()
        name = f"file:{os.fspath(self._path)}: "
        return next((line.replace(name, "").strip()[:MOST_TOLD] for line in lines if line.strip()), "")


def measure_loudness(samples: IO[bytes], sample_rate: int, channels: int) -> float:
    """The integrated loudness in LUFS (ITU-R BS.1770-4, EBU R 128) of interleaved float32 samples; -inf for silence."""
    samples.flush()
    os.lseek(samples.fileno(), 0, os.SEEK_SET)
    form = ("-f", "f32le", "-ar", str(sample_rate), "-ac", str(channels), "-i", "pipe:0")
    meter = "ebur128=metadata=1,ametadata=mode=print:key=lavfi.r128.I:file=-"
    with tempfile.TemporaryFile() as errors:
        process = _spawn((*form, "-af", meter, "-f", "null", os.devnull), samples, errors)
        assert process.stdout is not None
        last = b""
        for line in process.stdout:  # There is a line for every tenth of a second, and the last one counts.
            last = line if b"lavfi.r128.I=" in line else last
        process.stdout.close()
        if process.wait():
            errors.seek(0)
            said = errors.readline(MOST_TOLD).decode(errors="replace").strip()
            raise RtsepError(f"ffmpeg cannot measure the loudness and says: {said or 'nothing'}; leave out --loudness")
    loudness = float(last.partition(b"=")[2] or "-inf")
    return loudness if loudness > SILENT_LUFS else -math.inf


def _spawn(arguments: tuple[str, ...], source: Any, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start ffmpeg; its output is a pipe."""
    command = ("ffmpeg", "-nostdin", "-hide_banner", "-v", "error", *arguments)
    try:
        return subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=errors, bufsize=COUNT_BYTES)
    except OSError as error:
        raise RtsepError(f"ffmpeg does not start: {error.strerror}; install it again") from error
