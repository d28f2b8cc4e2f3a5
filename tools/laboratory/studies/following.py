"""The share of played notes that get the right hand or part, if the player plays from a score."""

import io
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from laboratory.following import Keyboard
from laboratory.hand_pieces import REPORTED, composer_of
from laboratory.played import HARDSHIPS, PLAIN, Performance, perform
from laboratory.report import table
from laboratory.scores import corpus_parts
from laboratory.study import Given, Row, Table, need_file, option, study
from rtsep.notes.followed import FollowedScore
from rtsep.notes.routing import Routing, by_hands, by_split
from rtsep.notes.score_parts import by_score
from rtsep.presets.library import find_preset
from rtsep.presets.preset import Preset, load_preset

PIANOS = "hands"
"""The folder of piano pieces with known hands."""
FOUR_PARTS = ("beethoven/opus133", "bach/bwv66.6", "bach/bwv269", "bach/bwv1.6", "bach/bwv101.7", "bach/bwv153.5")
"""Works of music21's corpus in four parts: the Great Fugue, and chorales."""
BEAT_S = 0.5
"""The length of a quarter note in these works, in seconds."""
LETTERS = 4
"""Composers are distinguished by this many first letters of a piece's file name."""
HALVES = ("reported", "tuning")


@dataclass(frozen=True)
class Work:
    """A work to play: its name, and its routing by the score."""

    name: str
    routing: Routing


def half_of(paths: list[Path], half: str) -> list[Path]:
    """The pieces of every second composer by name: for "tuning" those on which the constants were chosen.

    For "reported" they are the pieces of the other composers from whom the tracker has not learnt.
    """
    composers = sorted({path.name[:LETTERS] for path in paths})
    of_half = [path for path in paths if composers.index(path.name[:LETTERS]) % 2 == (half == "reported")]
    return [path for path in of_half if half != "reported" or composer_of(path.stem) in REPORTED]


def piano_works(given: Given) -> list[Work]:
    """The pieces of the half that --half names."""
    folder = need_file(given.shared / PIANOS)
    return [Work(path.stem, by_score(path, "hands")) for path in half_of(sorted(folder.glob("*.mid")), given["half"])]


def in_parts(name: str) -> Work:
    """A work in music21's corpus; each of its parts is a stem."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        parts = corpus_parts(name)
    notes = sorted((float(note["beat"]) * BEAT_S, number, int(note["pitch"]))
                   for number, part in enumerate(parts) for note in part)
    onsets, chord = np.unique([onset for onset, _, _ in notes], return_inverse=True)
    score = FollowedScore(onsets, chord, *(np.array([note[column] for note in notes]) for column in (2, 1)))
    everything = np.where(by_split().table < 0, -1, 0).astype(np.int8)
    return Work(name, Routing(tuple(f"part_{part + 1}" for part in range(len(parts))), everything, score=score))


def performances(work: Work) -> Iterator[tuple[str, Performance]]:
    """The work with every hardship; every call gives the same performances."""
    score = work.routing.score
    for number, hardship in enumerate(HARDSHIPS):
        yield hardship.name, perform(score, hardship, np.random.default_rng([number, len(score.pitch)]))


def shares(group: str, works: list[Work], preset: Preset) -> Iterator[Row]:
    """The share of notes that get their own part, for every work with every hardship, and with another work's score."""
    tracker = Keyboard(by_hands(), preset) if group == PIANOS else None
    for number, work in enumerate(works):
        keyboard = Keyboard(work.routing, preset)
        other = replace(work.routing, score=works[number - 1].routing.score)
        played = [(name, performance, keyboard) for name, performance in performances(work)]
        if tracker is not None:
            plain = perform(work.routing.score, PLAIN, np.random.default_rng(number))
            played.append(("the score of another piece", plain, Keyboard(other, preset)))
        for name, performance, follower in played:
            row = {"set": group, "piece": work.name, "hardship": name, "notes": len(performance.pitch),
                   "score": 100 * performance.share(follower.play(performance))}
            if tracker is not None:
                row["tracker"] = 100 * performance.share(tracker.play(performance))
            yield row


def lines(rows: list[Row]) -> Iterator[list[str]]:
    """A line for every hardship: the means over pieces, and the worst piece."""
    def mean(group: str, name: str, column: str, over=np.mean) -> str:
        values = [row[column] for row in rows if row["set"] == group and row["hardship"] == name]
        return f"{over(values):.1f}" if values else "–"

    for name in dict.fromkeys(row["hardship"] for row in rows):
        yield [name, mean(PIANOS, name, "score"), mean(PIANOS, name, "score", np.min), mean(PIANOS, name, "tracker"),
               mean("parts", name, "score"), mean("parts", name, "score", np.min)]


@study("hands-score", option("--half", choices=HALVES, default=HALVES[0],
                             help="which composers: those on whom nothing was tuned, or the others (default: %(default)s)"),
       takes=())
def hands_score(given: Given) -> list[Table]:
    """The share of played notes that get the right hand or part, if the player plays from a score, in percent of all notes.

    Piano pieces for two hands, and works in four parts, each on one keyboard, are performed with hardships that are made here:
    see tools/laboratory/played.py. Wrong, extra and repeated keys count, too: they belong to the hand of the note for which, or
    beside which, they are struck. The note path of the engine decides when each note begins. tracker: the same notes with only
    --by hands. Constants were chosen on the pieces of every second composer; the table has those others from whom the tracker
    has not learnt.
    """
    preset = load_preset(find_preset("piano"))
    rows = list(shares(PIANOS, piano_works(given), preset))
    rows += shares("parts", given.there(in_parts, FOUR_PARTS), preset)
    head = ["performance", "hands, %", "worst piece", "tracker alone", "four parts, %", "worst work"]
    return [Table("hands-score", table(head, lines(rows)), rows)]
