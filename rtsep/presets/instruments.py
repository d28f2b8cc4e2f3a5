"""Chooses the preset of each stem: the given one (NAME, NAME@STEM), else by its General MIDI program, else the piano."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtsep.errors import RtsepError
from rtsep.notes.drum_maps import DRUM_GROUPS
from rtsep.notes.names import find_stem
from rtsep.notes.programs import DRUMS, FAMILY_SIZE, describe, family
from rtsep.notes.routing import Routing, struck
from rtsep.notes.score import Score
from rtsep.presets.library import bundled_presets, find_preset, user_presets
from rtsep.presets.preset import Preset, load_preset, read_programs
from rtsep.presets.stand_ins import with_stand_ins
from rtsep.presets.voice import no_templates
from rtsep.presets.wish import DEFAULT, Wish


@dataclass(frozen=True)
class Instruments:
    """presets: one for each stem, in the routing's order; at least one. warnings: what does not fit exactly."""

    presets: tuple[Preset, ...]
    warnings: tuple[str, ...] = ()


def stem_programs(routing: Routing, score: Score, own: NDArray[np.uint32]) -> list[int]:
    """The General MIDI program that plays the most notes of each stem; 0, a piano, if none is given.

    Stems whose notes are divided only while playing share one program.

    own: uint32 [message], EVENT's field `stem`.
    """
    votes = [Counter[int]() for _ in routing.names]
    for at in np.flatnonzero(struck(score)):
        part, status, pitch, _velocity = score.messages[at].tolist()
        channel = status & 0x0F
        stem = int(own[at]) - 1 if own[at] else int(routing.table[part, channel, pitch])
        if stem >= 0:
            votes[stem][score.programs.get((part, channel), 0)] += 1
    if shared := routing.told_while_played:
        together = sum((votes[stem] for stem in shared), Counter[int]())
        votes[: len(votes)] = [together if stem in shared else vote for stem, vote in enumerate(votes)]
    return [vote.most_common(1)[0][0] if vote else 0 for vote in votes]


def covering(program: int, catalogue: Mapping[str, tuple[int, ...]]) -> str | None:
    """The first preset in the catalogue {name: programs} for the program, else the nearest one of its family."""
    def distance(name: str) -> int:
        return min((abs(program - each) for each in catalogue[name] if family(each) == family(program)), default=FAMILY_SIZE)

    best = min(catalogue, key=distance, default=None)  # The first one among equals.
    return None if best is None or distance(best) == FAMILY_SIZE else best


def read_catalogue() -> dict[str, tuple[int, ...]]:
    """The programs of all presets that have some: first the user's presets; in each group the most specific first."""
    catalogue: dict[str, tuple[int, ...]] = {}
    for paths in (user_presets(), bundled_presets()):
        told = {path.stem: programs for path in paths if (programs := _programs_of(path))}
        for name in sorted(told, key=lambda name: (len(told[name]), name)):
            catalogue.setdefault(name, told[name])
    return catalogue


def _programs_of(path: Path) -> tuple[int, ...]:
    """The programs of a file; none if it cannot be read, so that a bad file does not hide the others."""
    try:
        return read_programs(path)
    except RtsepError:
        return ()


def choose(
    wish: Wish, routing: Routing, programs: Sequence[int], drum_keys: Mapping[int, int] | None = None
) -> Instruments:
    """The preset of each stem of `routing`, whose General MIDI programs are `programs`. RtsepError: unknown stems.

    drum_keys: keys that drums play -> keys that sound like them, for presets that lack the former.
    """
    try:
        told = {find_stem(selector, routing.names): name for selector, name in wish.by_stem.items()}
    except RtsepError as error:
        raise RtsepError(f"--preset NAME@STEM: {error}") from None
    if len(told) < len(wish.by_stem):
        raise RtsepError(f"--preset: of {', '.join(wish.by_stem)} two mean the same stem; give one preset for each stem")
    names, warnings = list[str](), list[str]()
    catalogue = {} if wish.plain or not routing.names else read_catalogue()
    for stem, program in enumerate(programs):
        if stem == routing.voice:
            names.append(DEFAULT)
            continue
        name = told.get(stem, wish.plain) or covering(program, catalogue) or DEFAULT
        names.append(name)
        if stem not in told and not wish.plain and not _suits(program, name, catalogue):
            warnings.append(f"no preset plays General MIDI {describe([program])}: {routing.names[stem]} is played with {name}; "
                            f"give --preset NAME@{routing.names[stem]}")
    names = names or [wish.plain or DEFAULT]
    warnings += _fixed_hands(routing, names)
    kits = {name for name, program in zip(names, programs, strict=False) if program == DRUMS}
    loaded = {name: _loaded(name, drum_keys if drum_keys and name in kits else {}) for name in dict.fromkeys(names)}
    return Instruments(tuple(no_templates() if stem == routing.voice else loaded[name] for stem, name in enumerate(names)),
                       tuple(warnings))


def _fixed_hands(routing: Routing, names: Sequence[str]) -> list[str]:
    """A warning if two hands have different presets."""
    if routing.hands is None or len({names[stem] for stem in routing.hands}) < 2:
        return []
    told = " and ".join(f"{routing.names[stem]} plays {names[stem]}" for stem in routing.hands)
    return [f"{told}: every note stays with the hand that it began with, since only hands of one preset can exchange notes"]


def _loaded(name: str, drum_keys: Mapping[int, int]) -> Preset:
    return with_stand_ins(load_preset(find_preset(name)), drum_keys)


def _suits(program: int, name: str, catalogue: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the preset is made for the program; the default preset suits every piano."""
    return program in catalogue.get(name, ()) or (name == DEFAULT and program < FAMILY_SIZE)


def programs_by_name(routing: Routing) -> list[int]:
    """Programs from the stems' names alone: groups of drums and channel 10 are drums, all others pianos."""
    return [DRUMS if name in ("channel_10", *DRUM_GROUPS) else 0 for name in routing.names]
