"""Files here, or anywhere that fsspec reaches: s3://bucket/song.wav. Addresses are text; a path of this computer is one too."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rtsep.errors import RtsepError

LOCK = ".lock"  # The file by which one run holds a folder.

# What stores say of a file that changes with its content, by fsspec's names; not all of them say the same on every request.
MARKS = ("ETag", "etag", "md5Hash", "content_md5", "generation", "mtime", "LastModified", "last_modified", "created")
HERE = "file://"  # How addresses of this computer's files begin, if they are given as addresses.


def is_remote(address: str) -> bool:
    """Whether only fsspec can read the address."""
    return "://" in address and not address.startswith(HERE)


def local(address: str) -> Path:
    """The path of an address on this computer."""
    return Path(address.removeprefix(HERE))


def absolute(address: str) -> str:
    """The address as workers understand it, who work in other folders."""
    return address if is_remote(address) else os.path.abspath(local(address))


def joined(folder: str, name: str) -> str:
    """The address of `name` relative to `folder`; a whole address or path stays as it is."""
    if "://" in name or os.path.isabs(name):
        return name
    return posixpath.join(folder, name) if "://" in folder else str(local(folder) / name)


def parent(address: str) -> str:
    """The address of the folder in which something lies."""
    return posixpath.dirname(address) if "://" in address else str(local(address).parent)


def base_name(address: str) -> str:
    """The last part of an address."""
    return posixpath.basename(address) if "://" in address else local(address).name


@contextmanager
def reaching(address: str) -> Iterator[tuple[Any, str]]:
    """The file system of a remote address and the path in it. RtsepError for whatever goes wrong with it."""
    try:
        import fsspec
    except ImportError as error:
        raise RtsepError(f"{address} needs fsspec: pip install 'rtsep[batch]'") from error
    try:
        yield fsspec.core.url_to_fs(address)
    except ImportError as error:  # fsspec says which package knows the protocol.
        raise RtsepError(f"{address}: {error}") from error
    except ValueError as error:
        raise RtsepError(f"{address} is no address that fsspec knows: {error}") from error
    except FileNotFoundError as error:
        raise RtsepError(f"{address} is missing") from error
    except OSError as error:
        raise RtsepError(f"{address} cannot be reached: {error.strerror or error}") from error


def fetched(address: str, folder: Path) -> Path:
    """The file at the address as a file of this computer; a remote one is copied into `folder` under its own name."""
    if not is_remote(address):
        return local(address)
    copy = folder / base_name(address)
    if copy.exists():  # Another folder has a file of this name.
        folder = folder / str(sum(1 for _ in folder.iterdir()))
        copy = folder / base_name(address)
    folder.mkdir(parents=True, exist_ok=True)
    with reaching(address) as (system, path):
        system.get_file(path, str(copy))
    return copy


def seen(address: str) -> str:
    """What tells cheaply that a file has changed: size and time here, what the store tells elsewhere; "" if missing."""
    if not is_remote(address):
        try:
            status = os.stat(local(address))
        except OSError:
            return ""
        return f"{status.st_size}:{status.st_mtime_ns}"
    try:
        with reaching(address) as (system, path):
            told = system.info(path)
    except RtsepError:
        return ""
    mark = next((str(told[name]) for name in MARKS if told.get(name)), "")
    return f"{told.get('size')}:{mark}"


def size_of(address: str) -> int:
    """Bytes of a file."""
    if not is_remote(address):
        return os.stat(local(address)).st_size
    with reaching(address) as (system, path):
        return int(system.size(path) or 0)


def read_bytes(address: str) -> bytes:
    """The content of a file. RtsepError: missing, or cannot be read."""
    if is_remote(address):
        with reaching(address) as (system, path):
            return bytes(system.cat_file(path))
    try:
        return local(address).read_bytes()
    except OSError as error:
        raise RtsepError(f"{address} cannot be read: {error.strerror or error}") from error


def sent(folder: Path, address: str, last: str) -> None:
    """Copy the files of `folder` to a remote folder instead of what is there; the file `last` comes last and makes it whole."""
    with reaching(address) as (system, path):
        if system.exists(f"{path}/{last}"):
            system.rm_file(f"{path}/{last}")
        if system.exists(path):
            system.rm(path, recursive=True)
        system.makedirs(path, exist_ok=True)
        names = sorted((each.name for each in folder.iterdir()), key=lambda name: (name == last, name))
        for name in names:
            system.put_file(str(folder / name), f"{path}/{name}")


def files_below(address: str) -> list[str]:
    """Addresses, relative to the folder, of all files in it, in any depth, in order. Hidden files and folders are left out."""
    if is_remote(address):
        with reaching(address) as (system, path):
            found = [each[len(path.rstrip("/")) + 1 :] for each in system.find(path)]
        return sorted(name for name in found if not any(part.startswith(".") for part in name.split("/")))
    top, names = local(address), []
    for folder, folders, files in os.walk(top):
        folders[:] = [each for each in folders if not each.startswith(".")]
        names += [os.path.relpath(os.path.join(folder, each), top) for each in files if not each.startswith(".")]
    return sorted(names)


def is_folder(address: str) -> bool:
    """Whether there is a folder at the address."""
    if not is_remote(address):
        return local(address).is_dir()
    with reaching(address) as (system, path):
        return bool(system.isdir(path))


def remove_folder(folder: Path) -> None:
    """Remove a folder of this computer with all that is in it, as far as that can be done."""
    shutil.rmtree(folder, ignore_errors=True)


def held(folder: Path, busy: str) -> FileLock:
    """Make the folder and hold it until the lock is released. RtsepError `busy`: another run has it. OSError: no folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RtsepError(busy) from error
    return lock
