"""Scores in beats: from music21's corpus, and from MIDI files of the shared recordings.

A part is a BEAT array in order of time. A beat is a quarter note of the score; for a MIDI file it is a second.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from laboratory.study import need_file, need_module
from rtsep.notes.score import read_midi

BEAT = np.dtype([("beat", "<f8"), ("beats", "<f8"), ("pitch", "<i2")])
SHORTEST = 1 / 16
"""Notes that last less than this many beats, such as grace notes, are left out."""


def corpus_parts(name: str) -> list[np.ndarray]:
    """Each part of a work in music21's corpus, at sounding pitch; the chord symbols of a lead sheet are one more, last part.

    NAME#N is the Nth tune of a collection. MissingError without music21.
    """
    need_module("music21", "pip install music21")
    from music21 import corpus, harmony

    file, _, number = name.partition("#")
    score = corpus.parse(file)
    score = score.scores[int(number) - 1] if number else score
    if score.parts[0].recurse().getElementsByClass("Instrument").first() is not None:
        score = score.toSoundingPitch()
    parts, symbols = [], []
    for part in score.parts:
        whole = part.stripTies().flatten()
        played = [each for each in whole.notes if not isinstance(each, harmony.ChordSymbol)]
        parts.append(_part([(float(each.offset), float(each.quarterLength), pitch.midi) for each in played
                            for pitch in each.pitches]))
        symbols += [(float(each.offset), [pitch.midi for pitch in each.pitches])
                    for each in whole.getElementsByClass(harmony.ChordSymbol)]
    return [*parts, _part(_until_next(symbols))] if symbols else parts


def _until_next(symbols: Sequence[tuple[float, list[int]]]) -> list[tuple[float, float, int]]:
    ends = [beat for beat, _ in symbols[1:]] + [symbols[-1][0] + 4]
    return [(beat, end - beat, pitch) for (beat, pitches), end in zip(symbols, ends, strict=True) for pitch in pitches]


def midi_parts(path: Path) -> list[np.ndarray]:
    """Each track with notes in a MIDI file; beats are seconds. MissingError if it is missing."""
    notes = read_midi(need_file(path)).notes()
    whole = [(float(note["onset_s"]), float(note["offset_s"] - note["onset_s"]), int(note["pitch"])) for note in notes]
    return [_part([whole[i] for i in np.flatnonzero(notes["part"] == part)]) for part in np.unique(notes["part"])]


def _part(notes: Sequence[tuple[float, float, int]]) -> np.ndarray:
    part = np.array([note for note in notes if note[1] >= SHORTEST], BEAT)
    return part[np.lexsort((part["pitch"], part["beat"]))]


# --- arranging --------------------------------------------------------------------------------------------------------


def together(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Several parts as one; a note that two of them play together becomes one note."""
    whole = np.concatenate(parts)
    _, first = np.unique(whole[["beat", "pitch"]], return_index=True)
    return whole[first]


def one_voice(part: np.ndarray) -> np.ndarray:
    """The highest of the notes that begin together; each ends when the next one begins."""
    order = part[np.lexsort((-part["pitch"], part["beat"]))]
    _, first = np.unique(order["beat"], return_index=True)
    voice = order[first].copy()
    voice["beats"][:-1] = np.minimum(voice["beats"][:-1], np.diff(voice["beat"]))
    return voice


def within(part: np.ndarray, low: int, high: int) -> np.ndarray:
    """The part, moved by octaves so that most notes lie from low to high (MIDI pitches); the others are moved singly."""
    steps = np.array(sorted(range(-4, 5), key=abs)) * 12
    outside = [int(((part["pitch"] + step < low) | (part["pitch"] + step > high)).sum()) for step in steps]
    moved = part.copy()
    moved["pitch"] += int(steps[int(np.argmin(outside))])
    moved["pitch"] += 12 * np.maximum(-(-(low - moved["pitch"]) // 12), 0).astype(np.int16)
    moved["pitch"] -= 12 * np.maximum(-(-(moved["pitch"] - high) // 12), 0).astype(np.int16)
    return together([moved])


def dense_place(parts: Sequence[np.ndarray], beats: float, step: float = 4.0) -> float:
    """The beat, a multiple of `step`, from which on all parts have many notes within `beats` beats."""
    end = max(part["beat"].max() for part in parts)
    begins = np.arange(0.0, max(end - beats, 0) + step, step)
    counts = [[np.sum((part["beat"] >= begin) & (part["beat"] < begin + beats)) for part in parts] for begin in begins]
    return float(begins[int(np.argmax(np.log1p(counts).sum(axis=1)))])


def section(part: np.ndarray, begin: float, beats: float) -> np.ndarray:
    """The notes that begin within `beats` beats from `begin` on; beats count from there, and notes end at the end."""
    inside = part[(part["beat"] >= begin) & (part["beat"] < begin + beats)].copy()
    inside["beat"] -= begin
    inside["beats"] = np.minimum(inside["beats"], beats - inside["beat"])
    return inside


def broken_chords(chords: np.ndarray) -> np.ndarray:
    """Chords, played note by note in half beats, upwards and back; each note is held for a beat."""
    notes = []
    for beat in np.unique(chords["beat"]):
        chord = chords[chords["beat"] == beat]
        pitches = sorted(chord["pitch"].tolist())
        turn = pitches + pitches[-2:0:-1]
        notes += [(beat + half / 2, 1.0, turn[half % len(turn)]) for half in range(int(2 * chord["beats"].max()))]
    return _part(notes)


def bass_line(chords: np.ndarray) -> np.ndarray:
    """The lowest and the third lowest note of each chord in turn, one beat each."""
    notes = []
    for beat in np.unique(chords["beat"]):
        chord = chords[chords["beat"] == beat]
        pitches = sorted(chord["pitch"].tolist())
        notes += [(beat + count, 1.0, pitches[(2 * count) % 4 % len(pitches)]) for count in range(int(chord["beats"].max()))]
    return _part(notes)
