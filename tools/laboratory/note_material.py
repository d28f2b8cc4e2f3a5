"""Sound with known notes from which the ear learns: performances of `hands`, by many instruments, in rooms and in company.

Only makers take part whose sounds may be used for what rtsep ships. Salamander does not: it plays the pieces of `two_hands`, on
which results are reported. Clips for tuning come from other composers than clips to learn from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from laboratory import mixes
from laboratory.hand_pieces import CHOSEN_BY, COMPOSERS, FOLDER, REPORTED, composer_of
from laboratory.makers import MAKERS
from laboratory.mixes import RATE
from laboratory.rooms import Room, convolved, impulse_responses
from laboratory.sources import NOTE, fit
from laboratory.study import SHARED, need_file
from rtsep.notes.score import read_midi

GROUP, FIRST_SEED = 50, 101
"""The number of clips in a group, and the seed of the first group."""
SECONDS, TAIL_S = 16.0, 1.0
"""Seconds of a performance that are played, and seconds of sound after them."""
LEAST_NOTES = 20
"""A clip has at least this many notes."""
PIANISTS = (("fluidr3", 0), ("fluidr3", 1), ("old_fb", 0), ("upright_kw", 0), ("splendid", 0), ("tonejs-piano", 0))
"""The pianos from which the ear learns: maker and General MIDI program, from 0."""
OTHERS = (4, 5, 6, 11, 19, 24, 25, 40, 42, 46, 48, 56, 60, 65, 68, 71, 73)
"""Other General MIDI programs, by FluidR3."""
PRESETS = {4: "electric-piano", 5: "electric-piano", 6: "harpsichord", 11: "vibraphone", 19: "organ", 24: "nylon-guitar",
           25: "steel-guitar", 40: "violin", 42: "cello", 48: "strings", 56: "trumpet", 60: "french-horn", 65: "saxophone",
           68: "oboe", 71: "clarinet", 73: "flute"}
"""The presets of these programs."""
PIANO_PRESETS = ("piano", "gm-piano", "grand-piano")
ROOMS = 12
"""The number of rooms."""
SHARE_OTHERS, SHARE_ROOMS, SHARE_COMPANY = 0.2, 0.45, 0.4
"""Shares of the clips that other instruments than pianos play, that are in a room, and that have company."""
COMPANY_DB = (-3.0, 12.0)
"""The instrument is louder than its company by a number of decibels in this range."""


@dataclass(frozen=True)
class Clip:
    """Sound, float32 [sample] at RATE; its notes (NOTE array, as they sound with the pedal), and the preset for them."""

    sound: np.ndarray
    notes: np.ndarray
    preset: str


def works(tuning: bool, shared: Path = SHARED) -> list[Path]:
    """The performances for tuning, or those to learn from."""
    composers = set(CHOSEN_BY) if tuning else set(COMPOSERS.values()) - set(CHOSEN_BY) - set(REPORTED)
    return [path for path in sorted(need_file(shared / FOLDER).glob("*.mid")) if composer_of(path.stem) in composers]


@cache
def all_notes(path: Path) -> np.ndarray:
    """The notes of a performance, as they sound with the pedal."""
    told = read_midi(path).notes()
    notes = np.zeros(len(told), NOTE)
    for name in NOTE.names:
        notes[name] = told[name]
    return notes


def passage(path: Path, rng: np.random.Generator) -> np.ndarray:
    """A passage of a performance, transposed, and with another tempo and touch."""
    whole = all_notes(path)
    while True:
        begin = rng.uniform(0, max(whole["onset_s"].max() - SECONDS, 0.1))
        notes = whole[(whole["onset_s"] >= begin) & (whole["onset_s"] < begin + SECONDS)].copy()
        if len(notes) >= LEAST_NOTES:
            break
    factor = rng.uniform(0.9, 1.3)
    for name in ("onset_s", "offset_s"):
        notes[name] = (notes[name] - begin) * factor + 0.2
    notes["pitch"] = np.clip(notes["pitch"] + rng.integers(-5, 6), 24, 104)
    notes["velocity"] = np.clip(notes["velocity"] * rng.uniform(0.7, 1.2) + rng.normal(0, 4, len(notes)), 8, 124)
    notes["offset_s"] = np.clip(notes["offset_s"], notes["onset_s"] + 0.05, SECONDS * factor + 0.2)
    return struck_anew(notes[notes["onset_s"] < SECONDS])


def struck_anew(notes: np.ndarray) -> np.ndarray:
    """The notes, without those that begin at the same time as another one of the pitch; each ends when it is struck anew."""
    kept = []
    for pitch in np.unique(notes["pitch"]):
        mine = notes[notes["pitch"] == pitch]
        mine = mine[np.concatenate([[True], np.diff(mine["onset_s"]) > 0.04])]
        mine["offset_s"][:-1] = np.minimum(mine["offset_s"][:-1], mine["onset_s"][1:])
        kept.append(mine)
    return np.sort(np.concatenate(kept), order=("onset_s", "pitch"))


@cache
def responses() -> list[np.ndarray]:
    """Impulse responses [sample] of ROOMS rooms."""
    rng, found = np.random.default_rng(11), []
    for rt60_s in np.geomspace(0.15, 1.1, ROOMS):
        size = rng.uniform(0.8, 1.3, 3) * np.array([5.0, 4.0, 2.8]) * (1 + 1.6 * rt60_s)
        found.append(impulse_responses(Room(tuple(size), float(rt60_s), rng.uniform(0.6, 3)), 1, 1, RATE)[0, 0])
    return [response[max(int(np.abs(response).argmax()) - 40, 0):] for response in found]


@cache
def recordings(shared: Path = SHARED) -> list[np.ndarray]:
    """Recordings of others: those for tuning."""
    return [mixes.sound_at(path) for path in sorted(need_file(shared / "backgrounds_more").glob("*.flac"))]


def others(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Sound of others who play or sing along, float32 [sample]."""
    if rng.random() < 0.4:
        sound = recordings()[int(rng.integers(len(recordings())))]
    else:
        programs = rng.choice([*mixes.LINES], int(rng.integers(0, 3)), replace=False)
        tracks = [mixes.random_line(rng, channel, int(program)) for channel, program in enumerate(programs)]
        sound = mixes.played([*tracks, mixes.random_drums(rng)] if not tracks or rng.random() < 0.5 else tracks)
    sound = np.roll(np.tile(sound, -(-samples // len(sound))), int(rng.integers(len(sound))))
    return sound[:samples].astype(np.float32)


def clip(path: Path, rng: np.random.Generator, shared: Path = SHARED) -> Clip:
    """A passage of a performance, as an instrument plays it somewhere, with or without company."""
    notes, samples = passage(path, rng), round((SECONDS + TAIL_S) * RATE)
    if rng.random() < SHARE_OTHERS:
        maker, program = "fluidr3", int(rng.choice(OTHERS))
        preset = PRESETS.get(program, "")
    else:
        maker, program = PIANISTS[int(rng.integers(len(PIANISTS)))]
        preset = str(rng.choice(PIANO_PRESETS))
    sound = fit(MAKERS[maker].play(program, notes, shared), samples)
    if rng.random() < SHARE_ROOMS:
        sound = convolved(sound, responses()[int(rng.integers(ROOMS))][None])[0]
    if rng.random() < SHARE_COMPANY:
        beside = others(rng, samples)
        level = np.sqrt(np.mean(sound**2) / max(np.mean(beside**2), 1e-12)) * 10 ** (-rng.uniform(*COMPANY_DB) / 20)
        sound = sound + level * beside
    noise = rng.normal(0, 10 ** (-rng.uniform(50, 80) / 20) * np.abs(sound).max(), samples)
    return Clip((sound + noise).astype(np.float32), notes, preset)


def clips(count: int, seed: int, tuning: bool = False, shared: Path = SHARED) -> Iterator[Clip]:
    """`count` clips, the same ones for the same seed."""
    paths = works(tuning, shared)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        yield clip(paths[int(rng.integers(len(paths)))], rng, shared)


def clips_for_training(groups: int, shared: Path = SHARED) -> Iterator[Clip]:
    """The clips from which the net learns, in groups of GROUP."""
    for seed in range(groups):
        yield from clips(GROUP, FIRST_SEED + seed, shared=shared)
