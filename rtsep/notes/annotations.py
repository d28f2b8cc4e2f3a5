"""Notes from annotation files: JAMS, and layers of Sonic Visualiser (.svl)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

from rtsep.errors import RtsepError
from rtsep.notes.build import USUAL_VELOCITY, Note, Path, build_score, pitch_of_hz
from rtsep.notes.score import MAX_DURATION_S, Score

# The kinds of JAMS annotations that are read: notes, or pitch curves if there are no notes.
NAMESPACES = (("note_midi", "note_hz"), ("pitch_midi", "pitch_hz", "pitch_contour"))
GAP_S = 0.1  # Points of a pitch curve that are at most this many seconds apart belong to one note.
SHORTEST_S = 1e-6  # Notes that are shorter than this many seconds are points of a curve.


def read_jams(path: Path, text: str) -> Score:
    """The notes of a JAMS file; each of its note annotations is a track. RtsepError: it is broken, or has no notes."""
    try:
        given = json.loads(text)
        annotations = [each for each in given["annotations"] if isinstance(each, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RtsepError(f"{path} is not a JAMS file: give one with annotations note_midi, or a table of notes") from None
    for names in NAMESPACES:
        chosen = [each for each in annotations if each.get("namespace") in names]
        if chosen:
            notes = [note for part, each in enumerate(chosen) for note in _annotated(path, each, part)]
            return build_score(path, notes, [_source(each) for each in chosen])
    kinds = ", ".join(sorted({str(each.get("namespace"))[:30] for each in annotations})[:5]) or "nothing"
    raise RtsepError(f"{path} annotates {kinds}: give a JAMS file with note_midi, note_hz, pitch_midi, pitch_hz or "
                     "pitch_contour")


def _source(annotation: Mapping[str, Any]) -> str:
    about = annotation.get("annotation_metadata")
    name = str(about.get("data_source", "")) if isinstance(about, dict) else ""
    return name if not name.isdigit() else f"track {name}"


def _annotated(path: Path, annotation: Mapping[str, Any], part: int) -> Iterable[Note]:
    """The notes of one annotation. Its data are records, or a list for each field."""
    data = annotation.get("data")
    try:
        if isinstance(data, dict):
            records = [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
        else:
            records = list(data or [])
        points = [(float(record["time"]), float(record.get("duration") or 0), _value(record["value"])) for record in records]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RtsepError(f"{path} is a broken JAMS file: an observation needs time, duration and value") from None
    hertz = str(annotation["namespace"]).endswith(("hz", "contour"))
    return _notes(path, [point for point in points if not point[2] <= 0], hertz, part)


def _value(value: Any) -> float:
    """A number, or the frequency in a pitch contour; 0 if it is unvoiced."""
    if isinstance(value, dict):
        return float(value["frequency"]) if value.get("voiced", True) else 0.0
    return float(value)


def _notes(path: Path, points: list[tuple[float, float, float]], hertz: bool, part: int) -> Iterable[Note]:
    """Points (time, duration, value) as notes. Points without durations are joined while the pitch stays."""
    found: list[Note] = []
    for at_s, length_s, value in points:
        pitch = _pitch(path, value, hertz, at_s)
        if not (math.isfinite(at_s + length_s) and at_s >= 0 and length_s >= 0 and at_s + length_s <= MAX_DURATION_S):
            raise RtsepError(f"{path} has a note at {at_s:g} s that lasts {length_s:g} s; it must begin at 0 s or later, last "
                             "longer than 0 s, and end within 24 hours")
        if length_s >= SHORTEST_S:
            found.append(Note(at_s, at_s + length_s, pitch, USUAL_VELOCITY, part))
        elif found and found[-1].pitch == pitch and 0 <= at_s - found[-1].offset_s <= GAP_S:
            found[-1] = found[-1]._replace(offset_s=at_s)
        else:
            found.append(Note(at_s, at_s, pitch, USUAL_VELOCITY, part))
    return [note for note in found if note.offset_s > note.onset_s]


def _pitch(path: Path, value: float, hertz: bool, at_s: float) -> int:
    pitch = -1
    if math.isfinite(value):
        pitch = (pitch_of_hz(value) if value > 0 else -1) if hertz else round(value)
    if not 0 <= pitch <= 127:
        unit = "Hz; allowed are 8.2 to 12543 Hz" if hertz else "; allowed are MIDI pitches 0 to 127"
        raise RtsepError(f"{path}: the note at {at_s:g} s has pitch {value:g} {unit}")
    return pitch


def read_layer(path: Path, root: ElementTree.Element) -> Score:
    """The notes of a layer that Sonic Visualiser exported (.svl). RtsepError: it is another kind of layer, or broken."""
    model = next((each for each in root.iter("model") if each.get("dimensions") == "3"), None)
    if model is None:
        raise RtsepError(f"{path} is not a layer of notes: in Sonic Visualiser, choose a note layer and export it")
    try:
        rate = float(model.get("sampleRate", ""))
        points = [(float(point.get("frame", "")) / rate, float(point.get("duration", "")) / rate, float(point.get("value", "")),
                   float(point.get("level", 0))) for point in root.iter("point")]
    except (ValueError, ZeroDivisionError, OverflowError):
        raise RtsepError(f"{path} is a broken layer: its points need frame, duration and value; export it again") from None
    hertz = "hz" in model.get("units", "").lower()
    notes = []
    for at_s, length_s, value, level in points:
        notes += [note._replace(velocity=_velocity(level)) for note in _notes(path, [(at_s, length_s, value)], hertz, 0)]
    return build_score(path, notes, [model.get("name", "")])


def _velocity(level: float) -> int:
    """The velocity for a level above 0, up to 1; for other levels the usual velocity."""
    return max(round(127 * level), 1) if 0 < level <= 1 else USUAL_VELOCITY
