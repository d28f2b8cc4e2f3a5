"""Random single lines with known notes, by many instruments: repeated, legato and detached notes, vibrato, slides, rests."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from laboratory.isolated_notes import SAMPLE_RATE
from laboratory.makers import MAKERS
from laboratory.sources import BUILD, NOTE, SOUNDFONT, fit, render_soundfont
from laboratory.study import SHARED

SECONDS, LEVEL = 16.0, 0.05
"""The length of a line, and its RMS."""
SCALE = (0, 2, 4, 5, 7, 9, 11)
LOWEST = {40: 57, 41: 50, 42: 40, 43: 29, 53: 57, 56: 56, 57: 43, 60: 43, 65: 53, 68: 60, 70: 41, 71: 52, 73: 62}
"""The lowest pitch of the line of each General MIDI program, from 0; the highest one lies about two octaves above it."""
PRESETS = {40: "violin", 41: "viola", 42: "cello", 43: "double-bass", 53: "flute", 56: "trumpet", 57: "trombone",
           60: "french-horn", 65: "saxophone", 68: "oboe", 70: "bassoon", 71: "clarinet", 73: "flute"}
FONTS = {"fluidr3": SOUNDFONT, "timgm": SOUNDFONT.parent / "TimGM6mb.sf2"}


@dataclass(frozen=True)
class Player:
    """A soundfont or a maker, and a General MIDI program of it."""

    maker: str
    program: int

    @property
    def preset(self) -> str:
        """The name of the preset for the instrument."""
        return PRESETS[self.program]


TUNING = (*(Player("fluidr3", program) for program in (40, 42, 43, 53, 56, 60, 65, 68, 71, 73)),
          *(Player("timgm", program) for program in (40, 42, 56, 65, 73)), Player("tonejs-cello", 42),
          Player("tonejs-flute", 73), Player("tonejs-trumpet", 56), Player("tonejs-violin", 40))
REPORTING = (*(Player("timgm", program) for program in (41, 43, 57, 60, 68, 70, 71)), Player("tonejs-saxophone", 65),
             Player("tonejs-clarinet", 71), Player("tonejs-trombone", 57))


@dataclass(frozen=True)
class Line:
    """Sound, float32 [sample] at SAMPLE_RATE, and its notes (NOTE array)."""

    player: Player
    sound: np.ndarray
    notes: np.ndarray


def lines(players: tuple[Player, ...], seed: int) -> Iterator[Line]:
    """A line by each player, always the same ones for the same seed."""
    for number, player in enumerate(players):
        rng = np.random.default_rng([seed, number])
        notes = random_notes(rng, LOWEST[player.program])
        sound = fit(played(player, notes, rng), round(SECONDS * SAMPLE_RATE))
        yield Line(player, (sound * (LEVEL / np.sqrt(np.mean(sound**2)))).astype(np.float32), notes)


def random_notes(rng: np.random.Generator, lowest: int) -> np.ndarray:
    """A walk over two octaves of a major scale, with a tempo of its own."""
    pulse, key, step, onset, found = rng.choice([0.16, 0.22, 0.3, 0.4]), rng.integers(5), rng.integers(4, 10), 0.3, []
    while onset < SECONDS - 1.5:
        length = pulse * rng.choice([1, 1, 1, 2, 2, 3, 4])
        move = 0 if rng.random() < 0.12 else rng.choice([-4, -3, -2, -1, -1, 1, 1, 2, 3, 4])
        step = np.clip(step + move, 0, 13)
        touch = rng.choice([1.0, 0.97, 0.85, 0.6], p=[0.35, 0.3, 0.25, 0.1])
        sounds = length * (touch if move else min(touch, 0.9))
        found.append((onset, onset + sounds, lowest + key + 12 * (step // 7) + SCALE[step % 7], rng.integers(50, 118)))
        onset += length + (pulse * rng.choice([1, 2, 4]) if rng.random() < 0.08 else 0)
    return np.array(found, NOTE)


def played(player: Player, notes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The notes by a player, float32 [sample]. A soundfont has vibrato and slides; samples have what was recorded."""
    if player.maker not in FONTS:
        return MAKERS[player.maker].play(player.program, notes, SHARED)
    path = BUILD / "lines" / "line.mid"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_line(path, notes, player.program, rng)
    return render_soundfont(path, FONTS[player.maker], SAMPLE_RATE)


def write_line(path: Path, notes: np.ndarray, program: int, rng: np.random.Generator) -> None:
    """A MIDI file with vibrato on long notes, a slide into every fifth one, and small bends of the others."""
    placed = []
    for onset_s, offset_s, pitch, velocity in notes.tolist():
        onset, offset = round(onset_s * 1000), round(offset_s * 1000)
        vibrato = int(rng.integers(100)) if offset - onset > 350 else 0
        slides = rng.random() < 0.2
        bend = int(rng.integers(-2500, 2500)) if slides else int(rng.integers(-400, 400))
        placed.append((onset, 1, mido.Message("control_change", control=1, value=vibrato)))
        for part in range(5):
            at = onset + round(part * min(120, (offset - onset) / 2) / 5)
            placed.append((at, 2, mido.Message("pitchwheel", pitch=round(bend * (1 - part / 4)) if slides else bend)))
        placed += [(onset, 3, mido.Message("note_on", note=pitch, velocity=velocity)),
                   (offset, 0, mido.Message("note_off", note=pitch))]
    track, now = mido.MidiTrack([mido.Message("program_change", program=program)]), 0
    for tick, _, message in sorted(placed, key=lambda each: each[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    mido.MidiFile(ticks_per_beat=500, tracks=[track]).save(path)
