"""Files that the workers need and a cluster's computers do not have: presets, a map of drums, the sound of a mosaic.

They travel as bytes with what all items share, once to each worker, and lie there in a temporary folder while it lives.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from rtsep.errors import RtsepError
from rtsep.hosts.render import Job
from rtsep.presets.library import FOLDER, bundled_presets, find_preset, is_path, user_presets
from rtsep.presets.wish import parse_wish


@dataclass(frozen=True)
class Carried:
    """Bytes by their place in the temporary folder. `given`: the place of each path of the command line or the manifest."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A hash of it all."""
        return _digest((place, data) for place, data in sorted(self.files.items()))


def gather(job: Job, presets: Iterable[tuple[str, ...]]) -> Carried:
    """What `job` and the items, which have these `presets` each, need. RtsepError: a file or a preset is missing."""
    files, given = dict[str, bytes](), dict[str, str]()
    for path in (job.drum_map, job.mosaic):
        if path is not None:
            _add(path, str(path), files, given)
    for texts in {job.presets, *presets}:
        for name in _names(texts):
            if is_path(name):
                _add(Path(name), name, files, given)
            elif (path := find_preset(name)) not in bundled_presets():
                files[f"user/{name}.npz"] = _read(path)
        if _chosen(texts):
            files.update({f"user/{path.name}": _read(path) for path in user_presets()})
    return Carried(files, given)


def _add(path: Path, text: str, files: dict[str, bytes], given: dict[str, str]) -> None:
    data = _read(path)
    given[text] = f"files/{hashlib.sha256(data).hexdigest()[:16]}/{path.name}"
    files[given[text]] = data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RtsepError(f"{path} cannot be read: {error.strerror or error}") from error


def _names(texts: tuple[str, ...]) -> list[str]:
    """The presets that values of --preset name."""
    wish = parse_wish(texts)
    return sorted({*([wish.plain] if wish.plain else []), *wish.by_stem.values()})


def _chosen(texts: tuple[str, ...]) -> bool:
    """Whether some stems take the preset that their General MIDI program asks for."""
    return parse_wish(texts).plain is None


@cache
def _all_presets() -> str:
    return _digest((path.name, path.read_bytes()) for path in (*bundled_presets(), *user_presets()))


@cache
def presets_digest(texts: tuple[str, ...]) -> str:
    """A hash of the content of all presets that these values of --preset can play."""
    named = _digest((name, _read(find_preset(name))) for name in _names(texts))
    return f"{named} {_all_presets()}" if _chosen(texts) else named


@cache
def file_digest(path: Path | None) -> str:
    """A hash of a file's content; "" for none."""
    return "" if path is None else hashlib.sha256(_read(path)).hexdigest()[:32]


def _digest(parts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, data in parts:
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return digest.hexdigest()[:32]


class _Unpacked:
    """The carried files in a temporary folder, which goes with the process."""

    def __init__(self, carried: Carried) -> None:
        self.digest = carried.digest
        self.folder = Path(tempfile.mkdtemp(prefix="rtsep-batch-"))
        weakref.finalize(self, shutil.rmtree, self.folder, True)
        for place, data in carried.files.items():
            path = self.folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


_unpacked: list[tuple[Carried, _Unpacked]] = []  # The last one: a worker mostly works for one run.


def placed(job: Job, carried: Carried) -> Job:
    """The job with its files where they lie in this process's temporary folder; user presets are found there, too."""
    if not _unpacked or (_unpacked[0][0] is not carried and _unpacked[0][1].digest != carried.digest):
        _unpacked[:] = [(carried, _Unpacked(carried))]
    folder = _unpacked[0][1].folder
    os.environ[FOLDER] = str(folder / "user")

    def there(text: str) -> str:
        return str(folder / carried.given[text])

    def preset(text: str) -> str:
        name, at, stem = text.rpartition("@")
        if text in carried.given:
            return there(text)
        return f"{there(name)}@{stem}" if at and name in carried.given else text

    return replace(job, presets=tuple(map(preset, job.presets)), drum_map=job.drum_map and Path(there(str(job.drum_map))),
                   mosaic=job.mosaic and Path(there(str(job.mosaic))))
