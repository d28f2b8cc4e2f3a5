"""Manifests: a line for each recording, in CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from rtsep.batch import places
from rtsep.batch.items import SOUNDS, Item
from rtsep.errors import RtsepError
from rtsep.params import param_of

COLUMNS = ("mix", "midi", "score", "preset", "by", "set", "id", "stems", "tags")
BY = ("track", "channel", "family", "split", "hands", "drum", "all")  # What makes a stem, as `rtsep render --by` has it.


def read_manifest(address: str) -> Iterator[Item]:
    """The items of a manifest; relative addresses count from its folder. RtsepError, with the line, for what is wrong."""
    folder = places.parent(address)
    for number, line in _lines(address):
        try:
            yield _item(line, folder)
        except RtsepError as error:
            raise RtsepError(f"{address}, line {number}: {error}") from None


def _lines(address: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The lines and their numbers as people count them."""
    if address.lower().endswith(".parquet"):
        yield from enumerate(_parquet(address), 1)
        return
    try:
        text = places.read_bytes(address).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RtsepError(f"{address} is not UTF-8 text") from error
    if address.lower().endswith(".csv"):
        rows = csv.DictReader(io.StringIO(text))
        for row in rows:
            if None in row:
                raise RtsepError(f"{address}, line {rows.line_num}: it has more values than the first line has names")
            yield rows.line_num, {name: value or "" for name, value in row.items()}
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                value = json.loads(line)
            except ValueError as error:
                raise RtsepError(f"{address}, line {number} is no JSON: {error}") from error
            if not isinstance(value, dict):
                raise RtsepError(f"{address}, line {number}: give an object, such as "
                                 "{\"mix\": \"a.wav\", \"midi\": \"a.mid\"}")
            yield number, value


def _parquet(address: str) -> list[dict[str, Any]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise RtsepError(f"{address}: Parquet needs pyarrow: pip install 'rtsep[batch]', or give CSV or JSON lines") from error
    try:
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(places.read_bytes(address))).to_pylist()
    except pyarrow.ArrowException as error:
        raise RtsepError(f"{address} is no Parquet file: {error}") from error
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _item(line: Mapping[str, Any], folder: str) -> Item:
    unknown = [name for name in line if name not in COLUMNS]
    if unknown:
        raise RtsepError(f"no column is called {unknown[0]!r}: allowed are {', '.join(COLUMNS)}; put what the results shall "
                         "repeat into tags")
    mix = str(line.get("mix") or "")
    if not mix:
        raise RtsepError("it has no mix: give the address of a recording")
    by, tags = str(line.get("by") or ""), line.get("tags") or ""
    if by and by not in BY:
        raise RtsepError(f"by {by}: allowed are {', '.join(BY)}")
    return Item(
        str(line.get("id") or "") or _id_of(mix), places.joined(folder, mix),
        tuple(places.joined(folder, each) for each in _several(line.get("midi"))),
        places.joined(folder, score) if (score := str(line.get("score") or "")) else "", tuple(_several(line.get("preset"))),
        by, tuple(_params(line.get("set"))), _truths(line.get("stems"), folder),
        tags if isinstance(tags, str) else json.dumps(tags, ensure_ascii=False))


def _id_of(mix: str) -> str:
    """The address without its ending, as a name for a folder."""
    name = mix.replace("\\", "/").rpartition("://")[2].removesuffix(PurePosixPath(mix).suffix)
    return "/".join(part for part in name.split("/") if part not in ("", ".", ".."))


def _several(value: Any) -> list[str]:
    """One text or several: a list, or text with ; between."""
    texts = value if isinstance(value, list | tuple) else str(value or "").split(";")
    return [text for each in texts if (text := str(each).strip())]


def _named(value: Any, example: str) -> dict[str, str]:
    """NAME=VALUE;NAME=VALUE, or an object."""
    if isinstance(value, Mapping):
        return {str(name): str(each) for name, each in value.items() if each is not None}
    found = {}
    for text in _several(value):
        name, equals, rest = text.partition("=")
        if not equals:
            raise RtsepError(f"{text}: give NAME=VALUE, such as {example}")
        found[name.strip()] = rest.strip()
    return found


def _params(value: Any) -> Iterator[tuple[str, str]]:
    for name, text in _named(value, "mask_power=1.5").items():
        param_of(name).parse(text)
        yield name, text


def _truths(value: Any, folder: str) -> dict[str, str]:
    """The true stems by name: NAME=FILE, an object, or a folder with a sound file for each stem."""
    if isinstance(value, str) and value and "=" not in value:
        inside = places.joined(folder, value)
        if not places.is_folder(inside):
            raise RtsepError(f"stems {value}: there is no such folder; give one, or NAME=FILE;NAME=FILE")
        found = [PurePosixPath(name) for name in places.files_below(inside) if "/" not in name]
        return {name.stem: places.joined(inside, str(name)) for name in found if name.suffix.lower() in SOUNDS}
    return {name: places.joined(folder, file) for name, file in _named(value, "left=left.wav").items()}
