"""A development set on which nothing was tuned: instruments, pianos and players that the shipped presets have never heard.

`pieces(role)` are songs, trios and quartets (see songs.py). `piano_pieces(role)` are pianos alone, with each hand as a stem.
The first call builds them in `build/unheard`, 20 s each; later calls read them from there.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from laboratory import performance, scores
from laboratory.isolated_notes import write, write_midi
from laboratory.makers import MAKERS
from laboratory.mixes import RATE
from laboratory.pieces import Piece, excerpt, load_piece
from laboratory.songs import PIANO, RANGES, SINGING, SONGS, Song, Stem
from laboratory.sources import BUILD, fit, hold_by_pedal
from laboratory.study import SHARED, Given

FOLDER = BUILD / "unheard"
SECONDS, TAIL_S, LEAD_IN_S = 20.0, 2.0, 0.3
"""Seconds of a score that are played, additional seconds of sound, and seconds of silence at the beginning."""
LEVEL = 0.05
"""The RMS of a stem before it is made louder or softer."""
LEVEL_DB = 4.0
"""A stem is at most this many dB louder or softer than LEVEL."""
PEAK = 0.9
"""The largest sample of a mix."""
VELOCITY = {True: 82, False: 68}
"""The mean velocity (MIDI, 1 to 127) of the first stem, which leads, and of the others."""
PEDAL_BEATS = 2.0
"""A piano's pedal changes after this many beats; if a beat is a second, after half as many."""


def pieces(role: str, seed: int = 0, given: Given | None = None) -> list[Piece]:
    """The songs, trios and quartets of a role ("tuning" or "reporting"); another `seed` gives another performance.

    With `given`, pieces whose makers are missing are left out and noted; without it, they raise MissingError.
    """
    songs = [song for song in SONGS if song.role == role and (given is None or not given.pieces or song.name in given.pieces)]
    if given is None:
        return [built(song, seed) for song in songs]
    return given.there(lambda song: excerpt(built(song, seed, given.shared), given.seconds), songs)


def built(song: Song, seed: int = 0, shared: Path = SHARED) -> Piece:
    """A piece, which is built unless it exists for the same song. MissingError if its score or a maker lacks something."""
    folder = FOLDER / f"{song.name.replace(' ', '_')}-{seed}"
    made_of = folder / "made_of.txt"
    if not (made_of.exists() and made_of.read_text(encoding="utf-8") == repr(song)):
        build(song, seed, folder, shared)
        made_of.write_text(repr(song), encoding="utf-8")
    return replace(load_piece(folder, "unheard"), role=song.role, name=song.name)


def build(song: Song, seed: int, folder: Path, shared: Path) -> None:
    """Write the sound of each stem, all.mid and stems.json into `folder`."""
    rng = np.random.default_rng([seed, zlib.crc32(song.name.encode())])
    played = performed(song, rng, shared)
    names = song.stem_names()
    sounds = []
    for stem, (notes, spans) in zip(song.stems, played, strict=True):
        sound = MAKERS[stem.maker].play(stem.program, hold_by_pedal(notes, spans), shared)
        sounds.append(fit(sound, round((SECONDS + TAIL_S + LEAD_IN_S) * RATE)))
    tracks = [(notes, stem.program, place, name, spans) for place, (stem, name, (notes, spans))
              in enumerate(zip(song.stems, names, played, strict=True))]
    save(folder, balanced(sounds, rng), {name.replace(" ", "_"): name for name in names},
         lambda path: write_midi(path, tracks))


def save(folder: Path, sounds: Sequence[np.ndarray], tracks: dict[str, str], write_score: Callable[[Path], object]) -> None:
    """Write a piece: sounds [sample], named by the keys of `tracks` (sound -> track), and its score."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, sound in zip(tracks, sounds, strict=True):
        write(folder / f"{name}.flac", sound)
    write_score(folder / "all.mid")
    (folder / "stems.json").write_text(json.dumps(tracks))


def balanced(sounds: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """The sounds [sample], each within LEVEL_DB of the same RMS; all are made softer if the mix would exceed PEAK."""
    gains = 10 ** (rng.uniform(-LEVEL_DB, LEVEL_DB, len(sounds)) / 20)
    levelled = [sound * (LEVEL * gain / np.sqrt(np.mean(sound**2))) for sound, gain in zip(sounds, gains, strict=True)]
    peak = max(np.abs(np.sum(levelled, axis=0)).max(), *(np.abs(sound).max() for sound in levelled))
    return [(sound * min(1, PEAK / peak)).astype(np.float32) for sound in levelled]


# --- playing ----------------------------------------------------------------------------------------------------------


@cache
def score_of(name: str, shared: Path) -> tuple[np.ndarray, ...]:
    """The parts of a score: from music21's corpus, or from a MIDI file in the shared recordings."""
    return tuple(scores.midi_parts(shared / name) if name.endswith(".mid") else scores.corpus_parts(name))


def performed(song: Song, rng: np.random.Generator, shared: Path) -> list[tuple[np.ndarray, list[tuple[float, float]]]]:
    """For each stem its notes (NOTE array), and the spans of its pedal in seconds."""
    beats = SECONDS * song.bpm / 60
    whole = [arranged(stem, score_of(song.score, shared)) for stem in song.stems]
    begin = scores.dense_place(whole, beats, song.bar)
    tempo = performance.drifting(beats, song.bpm, rng)
    tempo = performance.Tempo(tempo.seconds + LEAD_IN_S)
    played = []
    for place, (stem, part) in enumerate(zip(song.stems, whole, strict=True)):
        notes = performance.perform(scores.section(part, begin, beats), tempo, rng, VELOCITY[place == 0], song.bar,
                                    bound=stem.program in SINGING)
        length = PEDAL_BEATS / 2 if song.score.endswith(".mid") else PEDAL_BEATS
        played.append((notes, performance.pedals(np.arange(0, beats, length), tempo) if stem.program == PIANO else []))
    return played


def arranged(stem: Stem, parts: Sequence[np.ndarray]) -> np.ndarray:
    """The notes of a score that a stem plays, as a BEAT array within the instrument's range."""
    part = scores.together([parts[number] for number in stem.parts])
    if stem.way:
        part = {"broken": scores.broken_chords, "bass": scores.bass_line}[stem.way](part)
    if stem.program in SINGING:
        part = scores.one_voice(part)
    return scores.within(part, *RANGES[stem.program])
