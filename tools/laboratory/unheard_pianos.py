"""Piano pieces, played by pianos that the shipped presets have never heard, and by Salamander, which they know, to compare.

Both hands are told, each as a stem. For tuning: the scores of `piano_and_others` and of the bundled clip. For reporting: those
of `two_hands`. The first call builds them in `build/unheard`, 20 s each; later calls read them from there.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from laboratory.makers import MAKERS
from laboratory.mixes import RATE
from laboratory.pieces import DEMO, Piece, alone, excerpt, group_of, load_piece
from laboratory.songs import PIANO, REPORTING, TUNING
from laboratory.sources import NOTE, fit, hold_by_pedal
from laboratory.study import SHARED, Given
from laboratory.unheard import FOLDER, LEVEL, PEAK, SECONDS, save
from rtsep.notes.score import Score

PLAYERS = ("old_fb", "upright_kw", "splendid", "tonejs-piano", "timgm", "salamander")
"""The makers of the pianos."""


def piano_pieces(role: str, given: Given, players: tuple[str, ...] = PLAYERS) -> list[Piece]:
    """The scores of a role ("tuning" or "reporting"), each by every piano; missing ones are left out and noted."""
    cases = [(piece, folder, player, given.shared) for piece, folder in scores_of(role, given) for player in players
             if not given.pieces or piece.name in given.pieces]
    return given.there(lambda case: excerpt(played_by(*case), given.seconds), cases)


def scores_of(role: str, given: Given) -> Iterator[tuple[Piece, Path]]:
    """The pieces of a role, without other instruments, and their folders."""
    groups = {TUNING: "piano_and_others", REPORTING: "two_hands"}
    if role == TUNING:
        yield load_piece(DEMO, "demo"), DEMO
    for piece in group_of(replace(given, seconds=None, pieces=()), groups[role]):
        yield alone(piece), given.shared / groups[role] / piece.name


def played_by(piece: Piece, folder: Path, player: str, shared: Path = SHARED) -> Piece:
    """The piece's notes, played by one piano; it is built unless it exists. MissingError if the piano's sounds are missing."""
    target = FOLDER / f"{piece.name}-{player}"
    if not (target / "stems.json").exists():
        build(piece, folder, player, target, shared)
    name = f"{piece.name}, {player}"
    return replace(load_piece(target, "unheard pianos"), role=REPORTING if piece.group == "two_hands" else TUNING, name=name)


def build(piece: Piece, folder: Path, player: str, target: Path, shared: Path) -> None:
    """Write the sounds of both hands, all.mid and stems.json into `target`."""
    sounds = [fit(MAKERS[player].play(PIANO, notes, shared), round(SECONDS * RATE)) for notes in hands(piece.score)]
    mix = np.sum(sounds, axis=0)
    gain = min(np.sqrt(2) * LEVEL / np.sqrt(np.mean(mix**2)), PEAK / np.abs(mix).max())
    tracks = dict(zip(("left", "right"), piece.score.track_names, strict=True))
    if "right" in piece.score.track_names[0].lower():
        tracks = dict(zip(("right", "left"), piece.score.track_names, strict=True))
    save(target, [(gain * sound).astype(np.float32) for sound in sounds], tracks, lambda path: copy_score(folder, path))


def copy_score(folder: Path, path: Path) -> None:
    """Copy the whole score of a folder, unchanged."""
    scores = sorted(folder.glob("*.mid"))
    whole = [score for score in scores if score.name in ("all.mid", "both.mid")] or scores
    shutil.copyfile(whole[0], path)


def hands(score: Score) -> list[np.ndarray]:
    """The notes of each part that begin before SECONDS (NOTE arrays), as they sound with the pedal."""
    found = []
    for part in range(len(score.track_names)):
        told = score.notes()
        told = told[(told["part"] == part) & (told["onset_s"] < SECONDS)]
        notes = np.zeros(len(told), NOTE)
        for name in NOTE.names:
            notes[name] = told[name]
        found.append(hold_by_pedal(notes, []))
    return found
