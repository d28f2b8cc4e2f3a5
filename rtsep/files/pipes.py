"""Sound through pipes: standard input becomes a file that can be read twice; a finished file goes to standard output."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtsep.errors import RtsepError

STANDARD_INPUT = Path("-")
COPY_BYTES = 2**20  # Pipes are copied in portions of this many bytes.
_ROOMY = Path("/var/tmp")  # Temporary files here are on a disk, while /tmp can be memory.


@contextmanager
def seekable(path: Path) -> Iterator[Path]:
    """The file to read: `path`, or, if it is a pipe, a copy of what comes through it. "-" is standard input.

    A pipe is copied to a temporary file, so it can have any length and format. RtsepError: it is a terminal, or empty.
    """
    if path != STANDARD_INPUT and not _is_pipe(path):
        yield path
        return
    if path == STANDARD_INPUT and sys.stdin is None:
        raise RtsepError("there is no standard input: give the path of a sound file")
    told = "standard input" if path == STANDARD_INPUT else str(path)
    with tempfile.TemporaryDirectory(prefix="rtsep-", dir=roomy_folder()) as folder:
        copy = Path(folder) / ("stdin" if path == STANDARD_INPUT else path.name)
        _fill(copy, path, told)
        try:
            yield copy
        except RtsepError as error:
            raise RtsepError(str(error).replace(str(copy), told)) from error


def check_standard_output() -> None:
    """RtsepError if standard output is a terminal, which cannot take sound."""
    if sys.stdout.isatty():
        raise RtsepError("standard output is a terminal: send it to a file or a program, such as rtsep ... > piano.wav")


def to_standard_output(path: Path) -> None:
    """Copy a finished file to standard output. RtsepError if the program that reads it ends too early."""
    sys.stdout.flush()
    try:
        with open(path, "rb") as file, open(os.dup(sys.stdout.fileno()), "wb", buffering=0) as out:
            while piece := file.read(COPY_BYTES):
                view = memoryview(piece)
                while view:
                    view = view[out.write(view) or 0 :]
    except OSError as error:
        raise RtsepError(f"standard output was closed before all of the sound was written: {error.strerror}") from error


def _is_pipe(path: Path) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode)


def _fill(copy: Path, path: Path, told: str) -> None:
    try:
        with open(sys.stdin.fileno() if path == STANDARD_INPUT else path, "rb", closefd=path != STANDARD_INPUT) as pipe:
            if os.isatty(pipe.fileno()):
                raise RtsepError(f"{told} is a terminal: send a sound file into it, such as rtsep render - ... < mix.wav")
            with open(copy, "wb") as file:
                shutil.copyfileobj(pipe, file, COPY_BYTES)
    except OSError as error:
        where = f"cannot keep {told} in {copy.parent}: {error.strerror}"
        raise RtsepError(f"{where}; set TMPDIR to a folder with more space") from error


def roomy_folder() -> Path | None:
    """A folder for temporary files of any size; None: the default of the system."""
    return _ROOMY if "TMPDIR" not in os.environ and os.access(_ROOMY, os.W_OK) else None
