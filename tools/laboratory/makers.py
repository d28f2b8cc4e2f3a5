"""Makers of instruments: what they have, how to play them, and whether presets learnt from them may be distributed.

The shipped presets are learnt from Salamander, from some programs of FluidR3 and from some npm packages. Training has heard
these makers, and no others. MuseScore_General counts as FluidR3, except for its piano and its string ensembles. A maker that a
shipped preset has heard is played to other presets, which have not: see without.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from laboratory import sampled, sources
from laboratory.isolated_notes import write_midi
from laboratory.mixes import RATE, sampled_tone, samples_of
from laboratory.shipped import FLUIDR3, INSTRUMENTS, SALAMANDER, TONEJS, Collection
from laboratory.sources import BUILD, SOUNDFONT, render_soundfont

ALL = tuple(range(128))
PIANOS = (0, 1)


def learnt_from(collection: Collection) -> tuple[int, ...]:
    """The General MIDI programs, from 0, of a collection from which shipped presets were learnt."""
    return tuple(sorted({sound.program for preset in INSTRUMENTS for sound in preset.all_sounds
                         if sound.collection is collection and not sound.drums}))


HEARD = tuple(sorted({1, *learnt_from(FLUIDR3)}))
"""The programs of FluidR3 from which shipped presets were learnt, and the bright variant of its piano."""
FREE = ("CC0", "public domain", "MIT", "CC BY 3.0")
"""The beginnings of licences under which recordings, and presets learnt from them, may be distributed."""

TIMGM = Collection("timgm", "TimGM6mb, Debian package timgm6mb-soundfont, played by fluidsynth", "GPL 2", "Tim Brechbill")
MUSESCORE = Collection("musescore", "MuseScore_General, Debian package musescore-general-soundfont, played by fluidsynth",
                       "MIT", "S. Christian Collins, Frank Wen, Michael Cowgill")
OLD_FB = Collection("old_fb", "piano_notes/old_fb of the shared recordings", "CC0", "")
UPRIGHT_KW = Collection("upright_kw", "piano_notes/upright_kw of the shared recordings", "CC0", "")
SPLENDID = Collection("splendid", "piano_notes/splendid of the shared recordings", "public domain", "AKAI")
CELLO = Collection("cello", "other_notes/cello of the shared recordings", "CC0", "")

Play = Callable[[int, np.ndarray, Path], np.ndarray]


@dataclass(frozen=True)
class Maker:
    """A maker's instruments.

    play(program, notes, shared) gives float32 mono [sample] at RATE for a NOTE array, until all is silent; `shared` is the
    folder of the shared recordings. It raises MissingError if the recordings are missing. programs: General MIDI programs, from
    0. heard: those from which the shipped presets were learnt.
    """

    name: str
    collection: Collection
    programs: tuple[int, ...]
    play: Play
    heard: tuple[int, ...] = ()
    confirmed: bool = True

    @property
    def ships(self) -> bool:
        """Whether presets learnt from it may be distributed: its licence is free, and the licence of its sources is known."""
        return self.confirmed and self.collection.licence.startswith(FREE)


def by_soundfont(path: Path) -> Play:
    """A function that plays notes by fluidsynth with this soundfont, without reverb and chorus."""
    def play(program: int, notes: np.ndarray, _: Path) -> np.ndarray:
        midi = BUILD / "unheard" / "part.mid"
        midi.parent.mkdir(parents=True, exist_ok=True)
        write_midi(midi, [(notes, program, 0)])
        return render_soundfont(midi, path, RATE)
    return play


def by_package(name: str) -> Play:
    """A function that plays notes by the sampler with the samples of an npm package."""
    return lambda _, notes, __: sampled.play(notes, sampled.INSTRUMENTS[name], RATE)


def by_isolated_notes(name: str, folder: str, held: bool = False) -> Play:
    """A function that plays notes with isolated notes of the shared recordings; `held`: they are looped for longer notes."""
    def play(_: int, notes: np.ndarray, shared: Path) -> np.ndarray:
        sound, table = samples_of(name, shared / folder)
        tone = held_tone if held else sampled_tone
        return sampled.add_tones(notes, lambda note: tone(note, sound, table), RATE)
    return play


def held_tone(note: np.void, sound: np.ndarray, table: np.ndarray) -> np.ndarray:
    """A note made from isolated notes, float32 [sample] at RATE, of the note's length."""
    near = np.abs(table[:, 2] - note["pitch"]) * 1000 + np.abs(table[:, 3] - note["velocity"])
    onset, offset, _, velocity = table[near.argmin()]
    held = round(float(note["offset_s"] - note["onset_s"]) * RATE)
    tone = sampled.prolonged(sound[int(onset * RATE) : int(offset * RATE)], held + RATE // 4, RATE)
    return sources.damp(tone * np.float32((note["velocity"] / velocity) ** 1.2), held, 0.07 * RATE)


MAKERS = {maker.name: maker for maker in (
    Maker("fluidr3", FLUIDR3, ALL, by_soundfont(SOUNDFONT), HEARD),
    Maker("timgm", TIMGM, ALL, by_soundfont(SOUNDFONT.parent / "TimGM6mb.sf2")),
    Maker("musescore", MUSESCORE, ALL, by_soundfont(SOUNDFONT.parents[1] / "sf3" / "MuseScore_General_Full.sf3"),
          tuple(program for program in ALL if program not in (*PIANOS, 44, 45, 48, 49))),
    Maker("salamander", SALAMANDER, PIANOS, lambda _, notes, __: sources.render(notes, RATE), PIANOS),
    Maker("old_fb", OLD_FB, PIANOS, by_isolated_notes("old_fb", "piano_notes")),
    Maker("upright_kw", UPRIGHT_KW, PIANOS, by_isolated_notes("upright_kw", "piano_notes")),
    Maker("splendid", SPLENDID, PIANOS, by_isolated_notes("splendid", "piano_notes")),
    Maker("cello", CELLO, (42,), by_isolated_notes("cello", "other_notes", held=True)),
    *(Maker(f"tonejs-{name}", TONEJS, each.programs, by_package(name),
            tuple(program for program in each.programs if program in learnt_from(TONEJS)), each.confirmed)
      for name, each in sampled.INSTRUMENTS.items()),
)}


def unheard_makers(program: int) -> list[Maker]:
    """The makers that have this program, and from which no shipped preset of it was learnt."""
    return [maker for maker in MAKERS.values() if program in maker.programs and program not in maker.heard]


def shipping_makers(program: int) -> list[Maker]:
    """The unheard makers from which presets may be learnt and distributed."""
    return [maker for maker in unheard_makers(program) if maker.ships]


def lines(programs: dict[int, str]) -> Iterator[str]:
    """A Markdown table: for each of these programs its unheard makers, and those whose presets may be distributed."""
    yield "| program | instrument | unheard makers | may be passed on |"
    yield "| --- | --- | --- | --- |"
    for program, instrument in programs.items():
        found = (unheard_makers(program), shipping_makers(program))
        names = [", ".join(maker.name for maker in makers) or "none" for makers in found]
        yield f"| {program} | {instrument} | {names[0]} | {names[1]} |"
