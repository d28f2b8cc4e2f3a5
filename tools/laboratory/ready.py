"""The development set, ready for separation: songs with a preset for every stem (all told, or only one), and pianos in company.

A stem's preset is the one for its General MIDI program, learnt without the stem's maker if such presets were built.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from laboratory.company import company
from laboratory.makers import MAKERS
from laboratory.pieces import Piece, only_tracks
from laboratory.songs import SONGS, Song, Stem
from laboratory.study import Given
from laboratory.systems import DEFAULT_PRESET
from laboratory.unheard import pieces
from laboratory.unheard_pianos import PLAYERS, piano_pieces
from laboratory.without import left_out, presets_without
from rtsep.notes.routing import by_track
from rtsep.presets.instruments import choose, covering, stem_programs
from rtsep.presets.library import bundled_presets, find_preset
from rtsep.presets.preset import Preset, load_preset, read_programs
from rtsep.presets.wish import parse_wish

AGAIN = " #"
"""Separates the name of a piece from the number of a further performance."""
COMPANIES = ("beside a recording", "beside two lines", "beside a band")
"""The kinds of company of a piano."""
UNHEARD_PLAYERS = tuple(player for player in PLAYERS if not MAKERS[player].heard)
"""The pianos that no shipped preset has heard."""


# --- presets ----------------------------------------------------------------------------------------------------------


@cache
def preset_at(path: Path) -> Preset:
    """A preset, read once."""
    return load_preset(path)


@cache
def usable(maker: str) -> Mapping[str, Path]:
    """The presets for a maker: those that were built without its collection, and the shipped ones that do not know it.

    If no such folder exists, these are all shipped presets.
    """
    plain = {path.stem: path for path in bundled_presets()}
    without = {path.stem: path for path in sorted(presets_without(left_out(maker).name).glob("*.npz"))}
    if without:
        plain = {name: path for name, path in plain.items() if not knows(preset_at(path), maker)}
    return {**plain, **without}


def knows(preset: Preset, maker: str) -> bool:
    """Whether a preset was learnt from a maker's collection."""
    return left_out(maker).source in preset.provenance["source"]


@cache
def preset_for(stem: Stem) -> Preset:
    """The preset of a stem; the shipped default preset if there is none for it."""
    there = {DEFAULT_PRESET: find_preset(DEFAULT_PRESET), **usable(stem.maker)}
    programs = {name: told for name, path in there.items() if (told := read_programs(path))}
    programs = {name: programs[name] for name in sorted(programs, key=lambda name: (len(programs[name]), name))}
    return preset_at(there[covering(stem.program, programs) or DEFAULT_PRESET])


def by_program(piece: Piece) -> list[Preset]:
    """The presets that `rtsep render` chooses by itself, stem by stem."""
    routing = by_track(piece.score)
    programs = stem_programs(routing, piece.score, np.zeros(len(piece.score.seconds), np.uint32))
    return list(choose(parse_wish([]), routing, programs).presets)


# --- pieces -----------------------------------------------------------------------------------------------------------


def songs(given: Given, role: str, performances: int = 1) -> list[Piece]:
    """The songs of a role, all told, with a preset for each stem, and this many performances of each."""
    found = []
    for seed in range(performances):
        for piece in pieces(role, seed, given):
            presets = [preset_for(stem) for stem in stems_of(piece).values()]
            found.append(replace(piece, preset=presets, name=f"{piece.name}{AGAIN}{seed + 1}" if seed else piece.name))
    return found


def song_of(piece: Piece) -> Song:
    """The song of which a piece is a performance."""
    return next(song for song in SONGS if song.name == piece.name.partition(AGAIN)[0])


def stems_of(piece: Piece) -> dict[str, Stem]:
    """The instrument and maker of each stem of a song."""
    return dict(zip(by_track(piece.score).names, song_of(piece).stems, strict=True))


def one_told(piece: Piece) -> Piece:
    """The piece with only its first, leading stem told; the other stems are the truth of the residual."""
    first = next(iter(piece.truths))
    others = np.sum([sound for stem, sound in piece.truths.items() if stem != first], axis=0, dtype=np.float32)
    score = only_tracks(piece.score, [piece.score.track_names[by_track(piece.score).names.index(first)]])
    presets = [preset_for(stems_of(piece)[first])]
    return replace(piece, truths={first: piece.truths[first], "residual": others}, score=score, preset=presets)


def pianos(given: Given, role: str, beside: str = "") -> list[Piece]:
    """The unheard pianos, each as one stem, beside one of COMPANIES; without a name, beside each of them in turn."""
    return [company(given.shared)[beside or COMPANIES[place % len(COMPANIES)]](one_part(piece))
            for place, piece in enumerate(piano_pieces(role, given, UNHEARD_PLAYERS))]


def one_part(piece: Piece) -> Piece:
    """The piece with both hands as one stem, and as one part of the score."""
    messages = piece.score.messages.copy()
    messages[:, 0] = 0
    programs = {(0, channel): program for (_, channel), program in piece.score.programs.items()}
    score = replace(piece.score, track_names=("piano",), messages=messages, programs=programs, ports=())
    return replace(piece, truths={"piano": np.sum([*piece.told.values()], axis=0, dtype=np.float32)}, score=score)


def with_presets(alter: Callable[[Piece], Piece]) -> Callable[[Piece], Piece]:
    """A function that alters a piece with `alter`, and chooses a preset for a stem that it adds, by the stem's program."""
    def altered(piece: Piece) -> Piece:
        found = alter(piece)
        if len(found.score.track_names) == len(piece.score.track_names):
            return found
        known = [piece.preset] if isinstance(piece.preset, Preset) else list(piece.preset or ())
        return replace(found, preset=[*known, *by_program(found)[len(known) :]])
    return altered
