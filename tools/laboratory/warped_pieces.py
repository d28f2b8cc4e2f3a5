"""The performances whose scores are warped: pieces for tuning and for reporting, alone, in rooms and beside others.

For tuning: the pianos of `piano_and_others`, and the beginnings of pieces of `hands`, which are played here by pianos that the
shipped presets have never heard. For reporting: `two_hands`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from laboratory.hand_pieces import FOLDER
from laboratory.makers import MAKERS
from laboratory.mixes import RATE
from laboratory.pieces import Piece, pianos
from laboratory.songs import PIANO
from laboratory.sources import NOTE, fit
from laboratory.study import Given, need_file
from laboratory.warps import score_of
from rtsep.notes.score import Score, read_midi

PLAYED = {"haydn_sonate47_hmoll": "old_fb", "chopin_nocturne_fdurop15no1": "upright_kw", "brahms_balladeop10no1": "splendid",
          "clementi_sonatineop36no4satz1_2_3": "old_fb", "schubert_momentmusical_3": "upright_kw",
          "grieg_lyrstuecke_norskop12no6": "splendid"}
"""The pieces of `hands` that are for tuning, each with its piano; the hand tracker reports on none of their composers."""
SECONDS, LEAD_IN_S = 28.0, 0.3
"""Seconds of each of these pieces, and seconds of silence before its first note."""
LEVEL = 0.05
"""The RMS of each of these pieces."""


def tuning_pieces(given: Given) -> list[Piece]:
    """The pieces on which settings are chosen."""
    names = [name for name in PLAYED if not given.pieces or name in given.pieces]
    return [*pianos(given, "piano_and_others"), *given.there(lambda name: played(name, given.shared), names)]


def reporting_pieces(given: Given) -> list[Piece]:
    """The pieces of the report."""
    return pianos(given, "two_hands")


def played(name: str, shared: Path) -> Piece:
    """The beginning of a piece of `hands`, with each hand as a stem. MissingError if its notes or its piano are missing."""
    score = _beginning(read_midi(need_file(shared / FOLDER / f"{name}.mid")))
    notes = score.notes()
    sounds = [fit(MAKERS[PLAYED[name]].play(PIANO, _as_sources(notes[notes["part"] == part]), shared), round(SECONDS * RATE))
              for part in (0, 1)]
    gain = LEVEL / np.sqrt(np.mean(np.sum(sounds, axis=0) ** 2))
    truths = {stem: (gain * sound)[None].astype(np.float32) for stem, sound in zip(score.track_names, sounds, strict=True)}
    return Piece(name, "hands", "tuning", RATE, truths, score)


def _beginning(score: Score) -> Score:
    """The first SECONDS, from LEAD_IN_S before the first note; the two tracks are the right and the left hand."""
    notes = score.notes()
    notes["onset_s"] += LEAD_IN_S - notes["onset_s"].min()
    notes["offset_s"] += LEAD_IN_S - score.notes()["onset_s"].min()
    inside = notes[notes["onset_s"] < SECONDS - 1]
    inside["channel"] = 0
    return score_of(inside, replace(score, track_names=("right", "left"), programs={}))


def _as_sources(notes: np.ndarray) -> np.ndarray:
    """NOTE [n] of scores as that of `sources`."""
    found = np.zeros(len(notes), NOTE)
    for name in NOTE.names:
        found[name] = notes[name]
    return found
