"""The files of separated sound: their layout, their names, their rate, and the loudness of the mixdown."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.ffmpeg import has_ffmpeg, measure_loudness
from rtsep.files.reading import HIGHEST_RATE, LOWEST_RATE, MOST_CHANNELS, READ_FRAMES
from rtsep.files.results import write_error
from rtsep.files.sound import StemWriter

MIXDOWN, TOGETHER = "mixdown", "stems"  # Name of the file of the mixdown, and of the file with all stems.
LOWEST_LUFS, HIGHEST_LUFS = -60.0, 0.0  # The lowest and the highest allowed loudness, in LUFS.
MOST_MEASURED = 2  # The loudness of at most this many channels can be measured.
LONGEST_NAME = 200  # A name has at most this many bytes; file systems allow 255, with the ending.
FORBIDDEN = '/\\:*?"<>|'  # Some file systems do not allow these characters in names.

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Delivery:
    """How the stems are delivered: the options of `rtsep render` about files."""

    start_s: float | None = None
    end_s: float | None = None
    names: tuple[str, ...] = ()  # STEM=NAME
    rate: int | None = None  # Hz; None: the rate of the mix.
    one_file: bool = False
    loudness_lufs: float | None = None  # Loudness of the mixdown; None: no mixdown at a loudness.
    stdout: str | None = None  # The stem that goes to standard output.


@dataclass(frozen=True)
class Layout:
    """Which file each stem is in.

    stems: names by the engine, with the mixdown last if there is one. names: names by the user. channels: channels of each
    stem. files: names without ending. together: how many stems share the first file; 0: each stem has its own file.
    """

    stems: tuple[str, ...]
    names: tuple[str, ...]
    channels: int
    files: tuple[str, ...]
    together: int = 0

    @property
    def file_channels(self) -> list[int]:
        """Channels of each file."""
        return [self.channels * (self.together if self.together and not i else 1) for i in range(len(self.files))]


def check_delivery(wish: Delivery) -> None:
    """RtsepError: a value is not allowed, or a program or library for it is not installed."""
    if wish.rate is not None and not LOWEST_RATE <= wish.rate <= HIGHEST_RATE:
        raise RtsepError(f"--rate {wish.rate}: allowed is {LOWEST_RATE} to {HIGHEST_RATE} Hz")
    if wish.rate is not None:
        _soxr()
    if wish.loudness_lufs is not None and not LOWEST_LUFS <= wish.loudness_lufs <= HIGHEST_LUFS:
        raise RtsepError(f"--loudness {wish.loudness_lufs:g}: allowed is {LOWEST_LUFS:g} to {HIGHEST_LUFS:g} LUFS")
    if wish.loudness_lufs is not None and not has_ffmpeg():
        raise RtsepError("--loudness needs ffmpeg, which measures it: install ffmpeg, or leave --loudness out")
    if wish.one_file and wish.stdout is not None and wish.stdout != MIXDOWN:
        raise RtsepError("--stdout takes the file of one stem, which --one-file does not write: leave one of them out")


def choose_layout(wish: Delivery, stems: Sequence[str], mixdown: bool, channels: int) -> Layout:
    """The files to write for the `stems`. RtsepError: a stem does not exist, or a name is not allowed."""
    every = (*stems, *([MIXDOWN] if mixdown else []))
    if wish.loudness_lufs is not None and channels > MOST_MEASURED:
        raise RtsepError(f"--loudness is for at most {MOST_MEASURED} channels, and MIX has {channels}: channels behind the "
                         "listener count more, and no file says which ones these are; leave out --loudness")
    given = _given_names(wish.names, every)
    names = tuple(given.get(stem, stem) for stem in every)
    if wish.stdout is not None and wish.stdout not in {*every, *names}:
        raise RtsepError(f"--stdout {wish.stdout}: there is no such stem; the stems are {', '.join(every)}")
    if not wish.one_file:
        return Layout(every, names, channels, names)
    if len(stems) * channels > MOST_CHANNELS:
        raise RtsepError(f"--one-file: {len(stems)} stems of {channels} channels are more than {MOST_CHANNELS} channels; "
                         "leave it out, or make fewer stems")
    return Layout(every, names, channels, (TOGETHER, *names[len(stems) :]), len(stems))


def _given_names(settings: Sequence[str], stems: Sequence[str]) -> dict[str, str]:
    """The names by stem."""
    given: dict[str, str] = {}
    for setting in settings:
        stem, equals, name = setting.partition("=")
        if not equals:
            raise RtsepError(f"--name {setting}: give STEM=NAME, such as --name {stems[0]}=Keys")
        if stem not in stems:
            raise RtsepError(f"--name {setting}: there is no stem {stem!r}; the stems are {', '.join(stems)}")
        if not _can_be_name(name):
            raise RtsepError(f"--name {setting}: give a name of at most {LONGEST_NAME} bytes, without {FORBIDDEN}, that does "
                             "not begin with a dot, or end with a dot or a space")
        given[stem] = name
    final = [given.get(stem, stem) for stem in stems]
    for i, name in enumerate(final):
        if name.casefold() in {other.casefold() for other in final[:i]}:
            raise RtsepError(f"--name: two stems have the name {name!r}; give each stem its own name")
    return given


def _can_be_name(name: str) -> bool:
    return (0 < len(name.encode()) <= LONGEST_NAME and name.isprintable() and not {*FORBIDDEN} & {*name}
            and name[0] != "." and name[-1] not in ". ")


class Outlet:
    """Takes separated sound and fills the files of a StemWriter: one file or several, at another rate, at a loudness.

    Every file is as long as the mix; at another rate this is rounded to a sample. Within `with`, call `finish` at the end.
    Thread: control.
    """

    def __init__(self, writer: StemWriter, folder: Path, wish: Delivery, layout: Layout, sample_rate: int, frames: int) -> None:
        self._writer, self._layout, self._folder = writer, layout, folder
        self.rate = wish.rate or sample_rate
        self._ways = [_Way(sample_rate, self.rate, channels, frames) for channels in layout.file_channels]
        self._spool: IO[bytes] | None = None  # The mixdown, until its loudness is known.
        self._target = wish.loudness_lufs
        if self._target is not None:
            self._spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def write(self, sounds: Sequence[Floats], last: bool = False) -> None:
        """Append [channel, n] of every stem, in the layout's order."""
        together = self._layout.together
        files = [np.concatenate(sounds[:together]), *sounds[together:]] if together else sounds
        for index, (way, sound) in enumerate(zip(self._ways, files, strict=True)):
            self._put(index, way.turn(sound, last))

    def _put(self, index: int, sound: Floats) -> None:
        if self._spool is not None and index == len(self._ways) - 1:
            try:
                self._spool.write(np.ascontiguousarray(sound.T).tobytes())
            except OSError as error:
                raise write_error(self._folder, error) from error
        else:
            self._writer.write(index, sound)

    def finish(self) -> dict[str, Any]:
        """Write the rest. Returns the entries for the report."""
        self.write([np.zeros((self._layout.channels, 0), np.float32)] * len(self._layout.stems), True)
        rate = {"output_sample_rate": self.rate}
        if self._spool is None or self._target is None:
            return rate
        with self._spool as spool:
            channels = self._layout.channels
            was = measure_loudness(spool, self.rate, channels)
            gain_db = self._target - was if np.isfinite(was) else 0.0
            spool.seek(0)
            while piece := spool.read(READ_FRAMES * 4 * channels):
                sound = np.frombuffer(piece, np.float32).reshape(-1, channels).T
                self._writer.write(len(self._ways) - 1, sound * np.float32(10 ** (gain_db / 20)))
        return rate | {"loudness": {"target_lufs": self._target, "measured_lufs": round(was, 2) if np.isfinite(was) else None,
                                    "gain_db": round(gain_db, 3)}}

    def __enter__(self) -> Outlet:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._spool is not None:
            self._spool.close()


class _Way:
    """Changes the sound of one file from the engine's rate to the file's rate."""

    def __init__(self, given: int, wanted: int, channels: int, frames: int) -> None:
        self._left = round(frames * wanted / given)
        self._stream = None if given == wanted else _soxr().ResampleStream(given, wanted, channels, "float32", "VHQ")

    def turn(self, sound: Floats, last: bool) -> Floats:
        """The sound at the new rate. All pieces together have the exact length."""
        if self._stream is None:
            return sound
        turned = self._stream.resample_chunk(np.ascontiguousarray(sound.T), last=last).T[:, : self._left]
        if last:
            turned = np.pad(turned, ((0, 0), (0, self._left - turned.shape[1])))
        self._left -= turned.shape[1]
        return np.asarray(turned, np.float32)


def _soxr() -> Any:
    """The resampling library, which is an extra."""
    try:
        import soxr
    except ImportError as error:
        raise RtsepError("--rate needs the library soxr: pip install 'rtsep[rate]', or leave --rate out") from error
    return soxr


def describe_stems(layout: Layout, files: Sequence[str], presets: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """The entries of the report for each stem: its name, file and preset; in a common file also its channels, from 1."""
    described = []
    for i, (stem, name) in enumerate(zip(layout.stems, layout.names, strict=True)):
        one: dict[str, Any] = {"name": name, "file": files[max(i - layout.together + 1, 0) if layout.together else i]}
        if name != stem:
            one["stem"] = stem
        if i < layout.together:
            one["channels"] = [i * layout.channels + channel + 1 for channel in range(layout.channels)]
        described.append(one | dict(presets.get(stem, {})))
    return described
