"""Notes from any file that has them: MIDI, tables, annotations, written music. The content decides the format."""

from __future__ import annotations

import io
import os
import re
import zipfile
import zlib
from pathlib import PurePath
from xml.etree import ElementTree

from rtsep.errors import RtsepError
from rtsep.notes.annotations import read_jams, read_layer
from rtsep.notes.build import Path
from rtsep.notes.engraved import read_engraved
from rtsep.notes.score import Score, read_midi
from rtsep.notes.tablature import read_tablature
from rtsep.notes.tables import read_table

KINDS = "MIDI, a table (.csv, .tsv, .txt), JAMS, .svl, MusicXML, MEI, ABC, kern or Guitar Pro"
MIDI_ENDINGS = (".mid", ".midi", ".smf", ".kar", ".rmi")
MOST_BYTES = 32_000_000  # A file of notes has at most this many bytes, and twice as many when it is unpacked.
USUAL_HZ = 44100.0  # Sample rate, in Hz, for tables that count in samples, if that of the recording is not known.
MAGIC_BYTES = 40  # The first bytes, this many, show the format of files that are not text.
ZIP, GUITAR_PRO, GUITAR_PRO_6 = b"PK\x03\x04", b"FICHIER GUITAR PRO", (b"BCFZ", b"BCFS")  # The first bytes of such files.
ROOTS = {"score-partwise": "musicxml", "mei": "mei"}  # The outermost elements of written music.


def read_notes(path: Path, sample_rate: float = USUAL_HZ) -> Score:
    """The notes in the file `path`, in any format of `KINDS`; `sample_rate` (Hz) is for times in samples.

    A file without notes gives a Score without parts. RtsepError: the file is missing, empty, broken, or in another format.
    """
    if not os.path.isfile(path):  # It is missing, a folder, or a pipe, which can be read only once.
        return read_midi(path)
    data = _content(path)
    if data[:4] in (b"MThd", b"RIFF"):
        return read_midi(path)
    if data[:4] == ZIP:
        return _zipped(path, data)
    if GUITAR_PRO in data[:MAGIC_BYTES]:
        return read_tablature(path, data)
    if data[:4] in GUITAR_PRO_6:
        raise RtsepError(f"{path} is Guitar Pro 6: save it as Guitar Pro 5 (.gp5), or export it as MusicXML or MIDI")
    text, is_midi = _text(data), PurePath(os.fspath(path)).suffix.lower() in MIDI_ENDINGS
    style = "" if text is None else _style(text)
    if text is None or (is_midi and style == "table"):
        if is_midi:
            return read_midi(path)
        raise RtsepError(f"{path} is not a file of notes that rtsep can read: give {KINDS}")
    return _read(path, text, style, sample_rate)


def _read(path: Path, text: str, style: str, sample_rate: float) -> Score:
    if style == "json":
        return read_jams(path, text)
    if style == "xml":
        return _xml(path, text)
    return read_table(path, text, sample_rate) if style == "table" else read_engraved(path, text, style)


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give {KINDS}") from error
    if not data:
        raise RtsepError(f"{path} is empty: give {KINDS}")
    if len(data) > MOST_BYTES:
        raise RtsepError(f"{path} has more than {MOST_BYTES // 10**6} MB: cut it into pieces")
    return data


def _text(data: bytes) -> str | None:
    """The text, in one of the usual encodings; None if the data are not text."""
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252", "latin-1")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text if "\0" not in text else None
    return None


def _style(text: str) -> str:
    """The kind of text: json, xml, abc, humdrum or table."""
    begin = text.lstrip()
    if begin[:1] == "{":
        return "json"
    if begin[:1] == "<":
        return "xml"
    if re.search(r"^\*\*kern\b", text, re.MULTILINE):
        return "humdrum"
    return "abc" if re.search(r"^X:\s*\d", text, re.MULTILINE) and re.search(r"^K:", text, re.MULTILINE) else "table"


def _xml(path: Path, text: str) -> Score:
    """Written music or a layer: the outermost element decides."""
    if "<!ENTITY" in text:
        raise RtsepError(f"{path} defines its own XML entities, which rtsep does not read: export it again")
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL))
    except (ElementTree.ParseError, ValueError) as error:
        raise RtsepError(f"{path} is broken XML ({error}): export it again") from None
    name = root.tag.rpartition("}")[2]
    if name == "sv":
        return read_layer(path, root)
    if name == "score-timewise":
        raise RtsepError(f"{path} is timewise MusicXML, which rtsep does not read: export it as score-partwise, the usual kind")
    if name not in ROOTS:
        raise RtsepError(f"{path} is XML with <{name[:30]}>, in which rtsep finds no notes: give {KINDS}")
    return read_engraved(path, text, ROOTS[name])


def _zipped(path: Path, data: bytes) -> Score:
    """Compressed MusicXML."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if any(name.endswith("score.gpif") for name in names):
                raise RtsepError(f"{path} is Guitar Pro 7 or later: save it as Guitar Pro 5 (.gp5), or export it as MusicXML")
            chosen = _rootfile(archive, names)
            if chosen is None:
                raise RtsepError(f"{path} is an archive without MusicXML: give {KINDS}")
            text = _text(_unpacked(path, archive, chosen))
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, LookupError, ValueError, RuntimeError) as error:
        raise RtsepError(f"{path} is a broken archive ({error}): export it again") from None
    if text is None or _style(text) != "xml":
        raise RtsepError(f"{path} is an archive without MusicXML: give {KINDS}")
    return _xml(path, text)


def _rootfile(archive: zipfile.ZipFile, names: list[str]) -> str | None:
    """The file with music in an archive: the one that its container names, else the first one that looks like music."""
    if "META-INF/container.xml" in names and archive.getinfo("META-INF/container.xml").file_size < 100_000:
        told = re.search(r'full-path\s*=\s*"([^"]+)"', archive.read("META-INF/container.xml").decode("utf-8", "replace"))
        if told and told[1] in names:
            return told[1]
    return next((name for name in names if name.lower().endswith((".xml", ".musicxml")) and "META-INF" not in name), None)


def _unpacked(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        data = file.read(2 * MOST_BYTES + 1)
    if len(data) > 2 * MOST_BYTES:
        raise RtsepError(f"{path} unpacks to more than {2 * MOST_BYTES // 10**6} MB: cut it into pieces")
    return data
