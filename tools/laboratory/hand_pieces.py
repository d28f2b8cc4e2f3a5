"""Piano pieces with known hands: those from which the tracker learns, those that tell how well it works, and hardships.

All pieces of a composer are on one side. The pieces of `two_hands` are by J. S. Bach, Mozart, Clara Schumann and Joplin; the
tracker learns nothing by these composers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from laboratory.study import need_file
from rtsep.notes.messages import CONTROL, NOTE_OFF, NOTE_ON
from rtsep.notes.score import read_midi

FOLDER = "hands"
COMPOSERS = {
    "bach": "J. S. Bach", "bachjs": "J. S. Bach", "bachcpe": "C. P. E. Bach", "beethoven": "Beethoven", "benda": "Benda",
    "brahms": "Brahms", "burgueller": "Burgmüller", "chopin": "Chopin", "clementi": "Clementi", "debussy": "Debussy",
    "grieg": "Grieg", "haydn": "Haydn", "humml": "Hummel", "kuhlau": "Kuhlau", "liszt": "Liszt", "lisztschubert": "Liszt",
    "medtner": "Medtner", "mendelssohn": "Mendelssohn", "mozart": "Mozart", "mussorgski": "Mussorgsky",
    "prokofjew": "Prokofiev", "prokoview": "Prokofiev", "rachmaninov": "Rachmaninoff", "respighi": "Respighi",
    "scarlatti": "Scarlatti", "schubert": "Schubert", "schulhoff": "Schulhoff", "schumann": "R. Schumann",
    "skrjabin": "Scriabin"}
"""Composers by the beginning of a file's name; some names have several spellings."""
REPORTED = ("J. S. Bach", "Mozart", "Prokofiev", "R. Schumann", "Rachmaninoff", "Scarlatti")
"""The tracker learns nothing by these composers, and no setting was chosen by their figures."""
CHOSEN_BY = ("Brahms", "C. P. E. Bach", "Clementi", "Haydn", "Liszt", "Mussorgsky", "Schulhoff")
"""Of the other composers, these are left out of the training while settings are chosen, and tell which setting is best."""
FIFTH = 7
"""The semitones of a fifth."""
LOWEST, HIGHEST = 21, 108
"""The keys of a piano."""

PLAYED = np.dtype([("seconds", "<f8"), ("status", "<i8"), ("data1", "<i8"), ("data2", "<i8"), ("right", "<i8")])
"""A message of a performance. right: whether the right hand plays it; -1 for pedals."""


@dataclass(frozen=True)
class HandPiece:
    """A performance, PLAYED [message] in order of time, with the name of its file."""

    name: str
    composer: str
    played: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Whether the right hand plays each note, bool [note]."""
        return self.played["right"][struck(self.played)] == 1


def struck(played: np.ndarray) -> np.ndarray:
    """A mask of the messages that are note-ons."""
    return (played["status"] == NOTE_ON) & (played["data2"] > 0)


def composer_of(name: str) -> str:
    """The composer of the file with this name."""
    return COMPOSERS[name.partition("_")[0].removesuffix("sonate1").removesuffix("sonate2")]


def read_hands(path: Path, right_first: bool = True) -> np.ndarray:
    """The performance in a MIDI file, PLAYED [message]: the first of two tracks with notes is the right hand."""
    score = read_midi(need_file(path))
    played = np.zeros(len(score.seconds), PLAYED)
    played["seconds"], played["status"] = score.seconds, score.messages[:, 1] & 0xF0
    played["data1"], played["data2"] = score.messages[:, 2], score.messages[:, 3]
    played["right"] = (score.messages[:, 0] == 0) == right_first
    pedals = (played["status"] == CONTROL) & (played["data1"] == 64)
    played["right"][pedals] = -1
    return played[pedals | np.isin(played["status"], (NOTE_ON, NOTE_OFF))]


def hand_pieces(shared: Path, composers: Sequence[str]) -> list[HandPiece]:
    """All pieces by these composers."""
    paths = sorted(need_file(shared / FOLDER).glob("*.mid"))
    return [HandPiece(path.stem, composer_of(path.stem), read_hands(path)) for path in paths
            if composer_of(path.stem) in composers]


def learnt_from() -> list[str]:
    """The composers from whose pieces the tracker learns."""
    return sorted(set(COMPOSERS.values()) - set(REPORTED))


# --- other performances of the same piece ------------------------------------------------------------------------------


def transposed(played: np.ndarray, semitones: int) -> np.ndarray:
    """The performance, this many semitones higher; keys beyond those of a piano become its last ones."""
    moved = played.copy()
    notes = moved["right"] >= 0
    moved["data1"][notes] = np.clip(moved["data1"][notes] + semitones, LOWEST, HIGHEST)
    return moved


def slower(played: np.ndarray, factor: float) -> np.ndarray:
    """The performance, slower by this factor."""
    moved = played.copy()
    moved["seconds"] *= factor
    return moved


def without_pedal(played: np.ndarray) -> np.ndarray:
    """The performance without its pedals."""
    return played[played["right"] >= 0]


def with_wrong_notes(played: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """The performance, in which this share of the keys is struck one or two semitones away."""
    moved, down = played.copy(), dict[int, int]()
    for note in moved:
        if note["right"] < 0:
            continue
        pitch = int(note["data1"])
        if note["status"] == NOTE_ON and note["data2"] > 0:
            away = int(rng.choice([-2, -1, 1, 2])) if rng.random() < share else 0
            down[pitch] = min(max(pitch + away, LOWEST), HIGHEST)
        note["data1"] = down.get(pitch, pitch)
    return moved


def varied(played: np.ndarray, rng: np.random.Generator, mirrored: float) -> np.ndarray:
    """Another performance to learn from: with another tempo, key and touch, some wrong notes, and sometimes without pedal.

    mirrored: the share of performances in which low and high, and left and right, are exchanged.
    """
    moved = slower(transposed(played, int(rng.integers(-6, 7))), float(np.exp(rng.uniform(np.log(0.7), np.log(1.4)))))
    notes = moved["right"] >= 0
    if rng.random() < mirrored:
        moved["data1"][notes] = LOWEST + HIGHEST - moved["data1"][notes]
        moved["right"][notes] = 1 - moved["right"][notes]
        moved = transposed(moved, int(rng.integers(-6, 1)))
    if rng.random() < 0.3:
        moved = without_pedal(moved)
    moved = with_wrong_notes(moved, 0.03 * rng.random(), rng)
    on = struck(moved)
    moved["seconds"][on] += rng.uniform(-0.008, 0.008, on.sum())
    moved["data2"][on] = np.clip(np.rint(moved["data2"][on] * np.exp(rng.normal(0, 0.15))), 1, 127)
    return moved[np.argsort(moved["seconds"], kind="stable")]
