"""Tempos and dynamics of MEI, which music21 does not read."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

MEI = "{http://www.music-encoding.org/ns/mei}"  # The namespace of MEI's elements.


def insert_marks(music21: Any, score: Any, text: str) -> None:
    """Put MEI's tempos and dynamics into music21's measures."""
    root = ElementTree.fromstring(text)
    staves = [list(part.getElementsByClass("Measure")) for part in score.parts]
    measures = list(root.iter(f"{MEI}measure"))
    if not staves or not staves[0] or any(len(part) != len(measures) for part in staves):
        return
    first = next((bpm for each in root.iter(f"{MEI}scoreDef") if (bpm := _bpm(each))), None)
    if first:
        staves[0][0].insert(0.0, music21.tempo.MetronomeMark(number=first))
    for number, measure in enumerate(measures):
        for sign in measure.iter():
            beat = max(_float(sign.get("tstamp"), 1.0) - 1, 0.0)
            if sign.tag == f"{MEI}tempo" and (bpm := _bpm(sign)):
                staves[0][number].insert(beat, music21.tempo.MetronomeMark(number=bpm))
            elif sign.tag == f"{MEI}dynam" and (word := (sign.text or "").strip()):
                staff = next((each for each in range(len(staves)) if sign.get("staff", "1").split()[:1] == [str(each + 1)]), 0)
                staves[staff][number].insert(beat, music21.dynamics.Dynamic(word))


def _bpm(element: ElementTree.Element) -> float:
    """Quarters per minute of an MEI element; 0 if it has no tempo."""
    if element.get("midi.bpm"):
        return _float(element.get("midi.bpm"), 0.0)
    unit = _float(element.get("mm.unit"), 4.0)
    return _float(element.get("mm"), 0.0) * 4 / unit * (1.5 if element.get("mm.dots") == "1" else 1) if unit > 0 else 0.0


def _float(text: str | None, otherwise: float) -> float:
    try:
        return float(text or otherwise)
    except ValueError:
        return otherwise
