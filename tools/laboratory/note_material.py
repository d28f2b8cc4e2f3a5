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

from laboratory.hand_pieces import CHOSEN_BY, COMPOSERS, FOLDER, REPORTED, composer_of
from laboratory.makers import MAKERS
from laboratory.mixes import RATE
from laboratory.note_company import others
from laboratory.note_sound import at_speed, coloured, compressed, resized, responses
from laboratory.rooms import convolved
from laboratory.sources import NOTE
from laboratory.study import SHARED, need_file
from rtsep.notes.programs import is_held
from rtsep.notes.score import read_midi

GROUP, FIRST_SEED = 30, 101
"""The number of passages in a group, and the seed of the first group."""
SECONDS, TAIL_S = 16.0, 1.0
"""Seconds of a performance that are played, and seconds of sound after them."""
LEAST_NOTES = 20
"""A clip has at least this many notes."""
PIANISTS = (("fluidr3", 0), ("fluidr3", 1), ("fluidr3", 3), ("musescore", 0), ("old_fb", 0), ("upright_kw", 0),
            ("splendid", 0), ("tonejs-piano", 0))
"""The pianos from which the ear learns: maker and General MIDI program, from 0."""
OTHERS = (4, 5, 6, 11, 19, 24, 25, 40, 42, 46, 48, 56, 60, 65, 68, 71, 73)
"""Other General MIDI programs, by FluidR3."""
PRESETS = {4: "electric-piano", 5: "electric-piano", 6: "harpsichord", 11: "vibraphone", 19: "organ", 24: "nylon-guitar",
           25: "steel-guitar", 40: "violin", 42: "cello", 48: "strings", 56: "trumpet", 60: "french-horn", 65: "saxophone",
           68: "oboe", 71: "clarinet", 73: "flute"}
"""The presets of these programs."""
PIANO_PRESETS = ("piano", "gm-piano", "grand-piano")
TUNING_PIANO = "timgm"
"""The piano of tuning clips."""
VARIANTS = 3
"""Each passage becomes this many clips."""
SHARE_OTHERS, SHARE_ROOMS, SHARE_COMPANY, SHARE_SAME_ROOM = 0.2, 0.45, 0.5, 0.7
"""Shares of the passages that other instruments than pianos play, of the clips that are in a room and that have company, and of
the company in a room that is in the same one."""
SHARE_RESIZED, RESIZED, DETUNED = 0.5, 3.0, 0.08
"""The share of instruments that become smaller or larger, by at most so many semitones, and how much they are out of tune."""
COLOUR_DB, SHARE_COMPRESSED = 3.0, 0.25
"""How much tone colour varies, and the share of clips that are compressed."""
COMPANY_DB, NOISE_DB = (-6.0, 12.0), (40.0, 80.0)
"""The instrument is louder than its company, and its peak louder than noise, by a number of decibels in these ranges."""


@dataclass(frozen=True)
class Clip:
    """Sound, float32 [sample] at RATE; its notes (NOTE array, as they sound with the pedal), and the preset for them.

    held: the instrument sounds while a key is held.
    """

    sound: np.ndarray
    notes: np.ndarray
    preset: str
    held: bool = False


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


def clip_makers(rng: np.random.Generator, tuning: bool) -> tuple[str, int, str]:
    """A maker, its General MIDI program, and the preset for it."""
    if tuning:
        return TUNING_PIANO, 0, str(rng.choice(PIANO_PRESETS))
    if rng.random() < SHARE_OTHERS:
        program = int(rng.choice(OTHERS))
        return "fluidr3", program, PRESETS.get(program, "")
    return *PIANISTS[int(rng.integers(len(PIANISTS)))], str(rng.choice(PIANO_PRESETS))


def clips_of(path: Path, rng: np.random.Generator, tuning: bool = False, shared: Path = SHARED) -> Iterator[Clip]:
    """A passage of a performance, as an instrument plays it in VARIANTS places, with or without company."""
    notes, samples = passage(path, rng), round((SECONDS + TAIL_S) * RATE)
    maker, program, preset = clip_makers(rng, tuning)
    semitones = rng.uniform(-RESIZED, RESIZED) if not tuning and rng.random() < SHARE_RESIZED else 0.0
    semitones = round(semitones) + rng.normal(0, DETUNED) * (not tuning)
    played, speed = resized(notes, semitones)
    dry = at_speed(MAKERS[maker].play(program, played, shared), speed, samples)
    for _ in range(VARIANTS):
        sound = placed(coloured(dry, rng, COLOUR_DB), rng, samples, tuning, shared)
        yield Clip(sound, notes, preset if preset not in PIANO_PRESETS else str(rng.choice(PIANO_PRESETS)), is_held(program))


def placed(sound: np.ndarray, rng: np.random.Generator, samples: int, tuning: bool, shared: Path) -> np.ndarray:
    """The sound somewhere: perhaps compressed, in a room, in company; with noise."""
    if rng.random() < SHARE_COMPRESSED:
        sound = compressed(sound, rng.uniform(0.1, 0.4))
    room = responses()[int(rng.integers(len(responses())))] if rng.random() < SHARE_ROOMS else None
    if room is not None:
        sound = convolved(sound, room[:1])[0]
    if rng.random() < SHARE_COMPANY:
        beside = others(rng, samples, tuning, shared)
        if room is not None and rng.random() < SHARE_SAME_ROOM:
            beside = convolved(beside, room[1:])[0]
        level = np.sqrt(np.mean(sound**2) / max(np.mean(beside**2), 1e-12)) * 10 ** (-rng.uniform(*COMPANY_DB) / 20)
        sound = sound + level * beside
    noise = rng.normal(0, 10 ** (-rng.uniform(*NOISE_DB) / 20) * np.abs(sound).max(), samples)
    return (sound + noise).astype(np.float32)


def clips(count: int, seed: int, tuning: bool = False, shared: Path = SHARED) -> Iterator[Clip]:
    """The clips of `count` passages, the same ones for the same seed."""
    paths = works(tuning, shared)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        yield from clips_of(paths[int(rng.integers(len(paths)))], rng, tuning, shared)


def clips_for_training(groups: int, shared: Path = SHARED) -> Iterator[Clip]:
    """The clips from which the net learns, in groups of GROUP passages."""
    for seed in range(groups):
        yield from clips(GROUP, FIRST_SEED + seed, shared=shared)
