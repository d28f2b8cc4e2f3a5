"""What there is to do: the recordings of a folder, or of a manifest."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from rtsep.batch import places
from rtsep.errors import RtsepError
from rtsep.notes.read import MIDI_ENDINGS

SOUNDS = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3", ".w64", ".rf64", ".caf", ".au", ".m4a", ".mp4", ".opus")
# Files of notes, the first of which is taken where a recording has several.
NOTES = (*MIDI_ENDINGS, ".musicxml", ".mxl", ".mei", ".jams", ".svl", ".csv", ".tsv", ".txt", ".krn", ".abc", ".gp5",
         ".gp4", ".gp3")
MANIFESTS = (".csv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Item:
    """One recording and its notes; all files are addresses. What is empty is as the command says for all.

    midi: each FILE or FILE@STEM. score: without midi, it is brought into line with the mix. presets: each NAME or NAME@STEM.
    params: NAME and VALUE. truths: the true stems by name. tags: text that the results repeat.
    """

    id: str
    mix: str
    midi: tuple[str, ...] = ()
    score: str = ""
    presets: tuple[str, ...] = ()
    by: str = ""
    params: tuple[tuple[str, str], ...] = ()
    truths: Mapping[str, str] = field(default_factory=dict)
    tags: str = ""


@dataclass(frozen=True)
class Items:
    """All items, and what was left out, in sentences."""

    items: tuple[Item, ...]
    notes: tuple[str, ...] = ()


def read_items(given: str, out: str) -> Items:
    """The items of a folder or of a manifest; results in `out` are none. RtsepError: there are none, or a line is wrong."""
    if places.is_folder(given):
        found = _from_folder(given, out)
    elif given.lower().endswith(MANIFESTS):
        from rtsep.batch.manifest import read_manifest

        found = Items(tuple(read_manifest(given)))
    elif not places.is_remote(given) and not places.local(given).exists():
        raise RtsepError(f"{given} is missing: give a folder of recordings, or a manifest ({', '.join(MANIFESTS)})")
    else:
        raise RtsepError(f"{given} is neither a folder nor a manifest ({', '.join(MANIFESTS)})")
    if not found.items:
        raise RtsepError(f"{given} has no recordings with notes: a folder holds sound and notes of the same name, such as "
                         f"song.wav and song.mid; a manifest has the columns mix and midi. {' '.join(found.notes)}".rstrip())
    return replace(found, items=_apart(found.items, given))


def _from_folder(folder: str, out: str) -> Items:
    """Sound and notes of the same name in the same folder, in any depth."""
    inside = _relative(out, folder)
    names = [name.replace("\\", "/") for name in places.files_below(folder)]
    names = [name for name in names if inside is None or not f"{name}/".startswith(f"{inside}/")]
    notes: dict[str, list[str]] = {}
    for name in names:
        if (ending := _ending(name)) in NOTES:
            notes.setdefault(name[: -len(ending)], []).append(name)
    sounds = [name for name in names if _ending(name) in SOUNDS]
    stems = {name: name[: -len(_ending(name))] for name in sounds}
    count = Counter(stems.values())
    folders = {posixpath.dirname(name) for name in sounds}
    items, alone = list[Item](), 0
    for name, stem in stems.items():
        if stem not in notes:
            alone += 1
            continue
        found = min(notes[stem], key=lambda each: (NOTES.index(_ending(each)), each))
        shared = count[stem] > 1 or any(f"{each}/".startswith(f"{stem}/") for each in folders)
        items.append(Item(name if shared else stem, places.joined(folder, name), (places.joined(folder, found),)))
    told = [f"{alone} sound files without notes of the same name were left out"] if alone else []
    return Items(tuple(items), tuple(told))


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _relative(out: str, folder: str) -> str | None:
    """Where `out` lies in `folder`; None: elsewhere."""
    if places.is_remote(out) or places.is_remote(folder):
        inside = out.startswith(f"{folder.rstrip('/')}/")
        return out[len(folder.rstrip("/")) + 1 :].rstrip("/") if inside else None
    here, top = places.local(out).resolve(), places.local(folder).resolve()
    return here.relative_to(top).as_posix() if here != top and here.is_relative_to(top) else None


def _apart(items: Sequence[Item], given: str) -> tuple[Item, ...]:
    """RtsepError unless every item can have a folder for itself."""
    folders = {"": ""}
    for item in items:
        parts = item.id.split("/")
        if item.id in folders:
            raise RtsepError(f"{given}: two items have the id {item.id!r}, or one lies in the folder of another; give each an "
                             "id for itself")
        if any(part in ("", ".", "..") or part.startswith(".") for part in parts) or "\\" in item.id or "\0" in item.id:
            raise RtsepError(f"{given}: the id {item.id!r} cannot be the name of a folder: no part of it is empty or begins "
                             "with a dot")
        folders[item.id] = item.id
    for item in items:
        parts = item.id.split("/")
        for depth in range(1, len(parts)):
            if (above := "/".join(parts[:depth])) in folders:
                raise RtsepError(f"{given}: the item {item.id!r} would lie in the folder of the item {above!r}: give one of "
                                 "them another id")
    return tuple(items)
