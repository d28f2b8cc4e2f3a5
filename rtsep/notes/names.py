"""Names of tracks: from bytes in any usual encoding to text, and from text to safe file names that are all different."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from rtsep.errors import RtsepError

LONGEST_NAME = 64  # Names of stems have at most this many letters.
MOST_BYTES = 192  # Names of stems have at most this many bytes in UTF-8; file systems allow 255, with the ending.
# These names belong to other files, or to devices on Windows (with any ending).
RESERVED = frozenset(("residual", "mixdown", "report", "picture", "path", "con", "prn", "aux", "nul")) | {
    f"{port}{number}" for port in ("com", "lpt") for number in range(10)
}
JAPANESE_LEADS = range(0x81, 0xA0)  # The first bytes of kana and common kanji in Shift-JIS; in Latin-1 these are not letters.
CYRILLIC_RUN = rb"[\xa8\xb8\xc0-\xff]{3}"  # Three accented letters in a row: rare in Latin-1, usual in Windows' Cyrillic.


def decode_name(raw: bytes) -> str:
    """The text of a track's name: UTF-8, UTF-16 with a byte order mark, Shift-JIS, Windows' Cyrillic, or else Latin-1."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _tidy(raw.decode("utf-16", "replace"))
    try:
        return _tidy(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _tidy(_japanese(raw) or _western(raw))


def _tidy(text: str) -> str:
    return text.strip(" \t\r\n\0\u3000")


def _japanese(raw: bytes) -> str:
    """The text, if it can only be Shift-JIS; else empty."""
    try:
        text = raw.decode("shift_jis")
    except UnicodeDecodeError:
        return ""
    alone = not re.search("[A-Za-z]", text)
    return text if any(byte in JAPANESE_LEADS for byte in raw) and (alone or re.search(r"[^\x00-\x7f]{2}", text)) else ""


def _western(raw: bytes) -> str:
    encoding = "cp1251" if re.search(CYRILLIC_RUN, raw) else "cp1252"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def stem_name(raw: str) -> str:
    """The name of a track as a file name: lower case, at most 64 letters; "_" for all but letters and digits of any script.

    Empty if no letter and no digit is left, or if the name is reserved.
    """
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", raw).lower())
    name = "".join(letter if _is_legible(letter) else "_" for letter in text)[:LONGEST_NAME]
    while len(name.encode()) > MOST_BYTES:
        name = name[:-1]
    return "" if name in RESERVED or not any(map(str.isalnum, name)) else name


def _is_legible(letter: str) -> bool:
    """Whether this is a letter, a digit, or a mark with which some scripts write vowels."""
    return letter.isalnum() or unicodedata.category(letter) in ("Mn", "Mc")


def stem_names(raw_names: Iterable[str]) -> tuple[str, ...]:
    """A file name for each track, all different: "track_N" if its own name cannot be used; duplicates get _2, _3 ..."""
    taken: list[str] = []
    for number, raw in enumerate(raw_names, 1):
        taken.append(free_name(stem_name(raw) or f"track_{number}", taken))
    return tuple(taken)


def free_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or the first of name_2, name_3 ... that is not taken; upper and lower case count as equal."""
    folded = {other.casefold() for other in taken}
    found, number = name, 1
    while found.casefold() in folded:
        number += 1
        found = f"{name[: LONGEST_NAME - len(f'_{number}')]}_{number}"
    return found


def find_stem(selector: str, names: Sequence[str]) -> int:
    """The index in `names` (of stems or tracks) of `selector`: the name of a track, port or file, or a number.

    If all names are channels, the number is that of the channel; else it counts from 1. RtsepError, with a list of the names.
    """
    wanted = stem_name(selector)
    for name in (wanted, f"channel_{wanted}"):
        if name in names:
            return names.index(name)
    counted = not all(re.fullmatch("(port_[0-9]+_)?channel_[0-9]+", name) for name in names)
    if counted and selector.isdecimal() and 1 <= int(selector) <= len(names):
        return int(selector) - 1
    told = ", ".join(f"{number} {name}" if counted else name for number, name in enumerate(names, 1))
    raise RtsepError(f"nothing is called {selector}; the names are: {told or 'none, since there are no notes'}")
