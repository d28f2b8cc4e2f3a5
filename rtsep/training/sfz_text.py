"""Reads the text of an SFZ instrument: comments, #include and #define, headers, and the opcodes of every region in order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rtsep.errors import RtsepError

# Headers, from the outer to the inner one: opcodes of an outer header apply to all inner ones after it.
LEVELS = ("global", "master", "group", "region")
MOST_INCLUDES = 1000  # At most this many files are read for one instrument.
DEEPEST = 20  # Includes can be nested at most this deep.
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
DIRECTIVE = re.compile(r'#define[ \t]+\$(\w+)[ \t]+([^\s<]+)|#include[ \t]*"([^"\n]*)"')
OPCODE = re.compile(r"(\w+)=(.*?)(?=\s+\w+=|\s*$)", re.MULTILINE)


@dataclass(frozen=True)
class Opcode:
    """One `name=value` of a region, and the <control> opcodes that apply at its place."""

    name: str
    value: str
    control: dict[str, str]


def regions(path: Path) -> Iterator[list[Opcode]]:
    """The opcodes of every region in the order of the text; those of the headers above it come first.

    RtsepError: the file, or a file that it includes, cannot be read, or files include one another without end.
    """
    control = dict[str, str]()
    held: list[list[Opcode]] = [[] for _ in LEVELS]
    for header, body in re.findall(r"<(\w+)>([^<]*)", _Reader(path).read(path, 0)):
        found = [(name, value.strip()) for name, value in OPCODE.findall(body)]
        if header == "control":
            control = {**control, **dict(found)}
        elif header in LEVELS:
            level = LEVELS.index(header)
            held[level] = [Opcode(name, value, control) for name, value in found]
            held[level + 1 :] = [[] for _ in LEVELS[level + 1 :]]
        if header == "region":
            yield [opcode for part in held for opcode in part]


class _Reader:
    """Reads an instrument with all included files; a definition applies to all text after it, in every file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._defined: dict[str, str] = {}
        self._files = 0

    def read(self, path: Path, depth: int) -> str:
        self._files += 1
        if depth > DEEPEST or self._files > MOST_INCLUDES:
            raise RtsepError(f"{self._root} includes files without end, such as {path}: take out that #include")
        text, parts, at = COMMENT.sub("", _text_of(path)), list[str](), 0
        for found in DIRECTIVE.finditer(text):
            parts.append(self._filled(text[at : found.start()]))
            at = found.end()
            if found[1]:
                self._defined[found[1]] = self._filled(found[2])
            else:
                parts.append("\n" + self.read(self._included(self._filled(found[3]), path), depth + 1) + "\n")
        return "".join([*parts, self._filled(text[at:])])

    def _filled(self, text: str) -> str:
        """The text with names replaced by their values; the longest name that fits counts."""
        if "$" not in text or not self._defined:
            return text
        names = sorted(self._defined, key=len, reverse=True)
        return re.sub(r"\$(" + "|".join(map(re.escape, names)) + ")", lambda name: self._defined[name[1]], text)

    def _included(self, name: str, by: Path) -> Path:
        """The included file: beside the instrument, else beside the file that includes it."""
        for folder in (self._root.parent, by.parent):
            found = find_file(folder, name)
            if found:
                return found
        raise RtsepError(f"{by} includes {name}, which is missing: get the complete instrument")


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give an SFZ file") from error
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace").replace("\r\n", "\n").replace("\r", "\n")


def find_file(folder: Path, name: str) -> Path | None:
    """The file `name` (with / or \\) in `folder`, also if upper and lower case differ; None if it is missing."""
    path = folder / name.replace("\\", "/")
    try:
        if path.is_file():
            return path
    except OSError:  # A name that is too long for the system.
        return None
    at = Path(path.anchor) if path.is_absolute() else Path()
    for part in path.parts[1:] if path.is_absolute() else path.parts:
        exact = at / part
        at = exact if part == ".." or exact.exists() else _alike(at, part) or exact
    return at if at.is_file() else None


def _alike(folder: Path, name: str) -> Path | None:
    """The entry of the folder whose name differs from `name` in the case of letters or in how accents are written."""
    wanted = unicodedata.normalize("NFC", name).casefold()
    try:
        return next((each for each in sorted(folder.iterdir())
                     if unicodedata.normalize("NFC", each.name).casefold() == wanted), None)
    except OSError:
        return None
