"""Writes tables as TOML text that gives the same values when it is read, and finds the line of an entry."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

Place = tuple[str | int, ...]  # Where an entry is: keys of tables, and the number of a table in an array, from 0.

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]")
_ENTRY = re.compile(rf"\s*({_KEY})\s*[.=]")


def from_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text. ValueError, with the line, if the text is not TOML."""
    return dict(import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text))


def to_toml(table: Mapping[str, Any]) -> str:
    """`table` as TOML: texts, numbers, switches, lists of them, tables, and lists of tables."""
    return "\n".join(_lines(table, ())).strip() + "\n"


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping) or _are_tables(value)}
    for key, value in table.items():
        if key not in inner:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        header = ".".join(map(_key, (*path, key)))
        for each in [value] if isinstance(value, Mapping) else value:
            yield from ("", f"[{header}]" if isinstance(value, Mapping) else f"[[{header}]]")
            yield from _lines(each, (*path, key))


def _are_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def line_of(text: str, place: Place) -> int:
    """The line, from 1, of the entry at `place`, or of the nearest table around it; 0 if there is none."""
    lines = lines_of(text)
    return next((lines[place[:size]] for size in range(len(place), 0, -1) if place[:size] in lines), 0)


def lines_of(text: str) -> dict[Place, int]:
    """The line, from 1, of every entry and table."""
    return dict(_places(text))


def _places(text: str) -> Iterator[tuple[Place, int]]:
    table: Place = ()
    counts = dict[Place, int]()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _opened(_names(header[2]), counts, array=header[1] == "[[")
            yield table, number
        elif entry := _ENTRY.match(line):
            yield (*table, *_names(entry[1])), number


def _opened(names: Sequence[str], counts: dict[Place, int], array: bool) -> Place:
    """The place of the table that a header opens; `counts` has the number of tables in every array so far."""
    table: Place = ()
    for at, name in enumerate(names, 1):
        table = (*table, name)
        if array and at == len(names):
            counts[table] = counts.get(table, 0) + 1
        if table in counts:
            table = (*table, counts[table] - 1)
    return table


def _names(dotted: str) -> list[str]:
    return [json.loads(key) if key[0] == '"' else key.strip("'") for key in re.findall(_KEY, dotted)]
