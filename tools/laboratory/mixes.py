"""Mixes of a piano, whose notes are told, and a band, whose notes are not; the band is -6 to 6 dB louder.

The pianos: the scores of the bundled clip and of `piano_and_others`, as recorded, played by programs of FluidR3, and played
with the samples of `piano_notes`; the presets know some of them. The bands: the cellos of `piano_and_others`, and random lines
of one or two programs of FluidR3, some with drums. `two_hands` and `backgrounds`, on which results are reported, are not used.
"""

import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import mido
import numpy as np
import soxr

from laboratory.pieces import Piece, all_pieces
from laboratory.sources import BUILD, fit, render_soundfont
from laboratory.study import SHARED, Given, need_file
from rtsep.files.sound import read_sound

RATE, SECONDS = 44100, 20
"""The sample rate, and the length of each mix in seconds."""
ALL = ("grand-piano", "gm-piano", "piano")
KINDS = {"own": ALL, "gm0": ALL, "gm1": ("grand-piano", "gm-piano"), "gm3": ("grand-piano", "piano"),
         "splendid": ("grand-piano", "gm-piano"), "upright_kw": ("piano", "gm-piano"), "old_fb": ("grand-piano", "piano"),
         "salamander": ("grand-piano",)}
LINES = {21: 55, 24: 48, 32: 34, 40: 60, 42: 45, 48: 48, 52: 55, 53: 58, 54: 58, 56: 58, 61: 48, 65: 52, 66: 48, 68: 60,
         71: 55, 73: 65, 80: 60}  # programs, and the lowest pitch of their lines of two octaves
TICKS = 960  # per second: 480 per beat, 120 beats per minute
KICK, SNARE, HIHAT, DRUMS = 36, 38, 42, 9


def sound_at(path: Path) -> np.ndarray:
    """A sound file, in mono at RATE."""
    sound, rate = read_sound(path)
    return soxr.resample(sound.mean(axis=0), rate, RATE) if rate != RATE else sound.mean(axis=0)


def recorded(piece: Piece, others: bool) -> np.ndarray:
    """The piano of a piece, or the other instruments in it, repeated."""
    parts = [truth[0] for stem, truth in piece.truths.items() if (stem == "residual") == others]
    sound = soxr.resample(np.sum(parts, axis=0), piece.sample_rate, RATE)
    return fit(np.tile(sound, -(-SECONDS * RATE // len(sound))) if others else sound, SECONDS * RATE)


def played(tracks: Sequence[mido.MidiTrack]) -> np.ndarray:
    """The sound of tracks, played by FluidR3."""
    path = BUILD / "rest" / "line.mid"
    path.parent.mkdir(parents=True, exist_ok=True)
    mido.MidiFile(tracks=[*tracks], ticks_per_beat=TICKS // 2).save(path)
    return fit(render_soundfont(path), SECONDS * RATE)


def by_program(piece: Piece, program: int) -> np.ndarray:
    """The piece's notes, played by a program of FluidR3."""
    track, last = mido.MidiTrack([mido.Message("program_change", program=program)]), 0
    for second, (_, status, first, second_byte) in zip(piece.score.seconds, piece.score.messages.tolist(), strict=True):
        tick = round(second * TICKS)
        track.append(mido.Message.from_bytes([status & 0xF0, first, second_byte], time=tick - last))
        last = tick
    return played([track])


@cache
def samples_of(name: str, folder: Path = SHARED / "piano_notes") -> tuple[np.ndarray, np.ndarray]:
    """The sound of isolated notes, and [onset, offset, pitch, velocity] of each. MissingError if they are missing."""
    table = np.loadtxt(need_file(folder / f"{name}.csv"), delimiter=",", skiprows=1)
    return sound_at(folder / f"{name}.flac"), table


def by_samples(piece: Piece, name: str) -> np.ndarray:
    """The piece's notes, played with the samples of a piano; no note is longer than its sample."""
    sound, table = samples_of(name)
    result = np.zeros((SECONDS + 3) * RATE, np.float32)
    for note in piece.score.notes():
        if note["onset_s"] < SECONDS:
            tone = sampled_tone(note, sound, table)
            at = int(note["onset_s"] * RATE)
            result[at : at + len(tone)] += tone
    return fit(result, SECONDS * RATE)


def sampled_tone(note: np.void, sound: np.ndarray, table: np.ndarray) -> np.ndarray:
    """A note, played with the samples of `samples_of`, float32 [sample] at RATE, damped at its end."""
    near = np.abs(table[:, 2] - note["pitch"]) * 1000 + np.abs(table[:, 3] - note["velocity"])
    onset, offset, _, velocity = table[near.argmin()]
    tone = sound[int(onset * RATE) : int((offset + 0.35) * RATE)].copy()
    held = int(max(note["offset_s"] - note["onset_s"], 0.05) * RATE)
    tone[held:] *= np.exp(-np.arange(max(len(tone) - held, 0)) / (0.08 * RATE))
    return tone * (np.minimum(np.arange(len(tone), 0, -1) / 400, 1) * (note["velocity"] / velocity) ** 1.5).astype(np.float32)


def random_line(rng: np.random.Generator, channel: int, program: int) -> mido.MidiTrack:
    """A line with vibrato, swells, and sometimes a slide into a note."""
    track, tick, gap = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)]), 0, 0
    lowest, slow = LINES[program], rng.choice([0.25, 0.5, 1.0])
    pitch = lowest + int(rng.integers(12))
    while tick < SECONDS * TICKS:
        length = int(TICKS * slow * rng.choice([0.5, 1, 1, 2, 3]))
        pitch = int(np.clip(pitch + rng.choice([-7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7]), lowest, lowest + 24))
        bend = int(rng.integers(-3000, 3000)) if rng.random() < 0.3 else 0
        track += [mido.Message("control_change", channel=channel, control=1, value=int(rng.integers(90)), time=gap),
                  mido.Message("control_change", channel=channel, control=11, value=int(rng.integers(70, 127))),
                  mido.Message("pitchwheel", channel=channel, pitch=bend),
                  mido.Message("note_on", channel=channel, note=pitch, velocity=int(rng.integers(50, 120)))]
        track += [mido.Message("pitchwheel", channel=channel, pitch=int(bend * (1 - part / 5)), time=length // 12)
                  for part in range(1, 6)]
        track.append(mido.Message("note_off", channel=channel, note=pitch, time=length - 5 * (length // 12)))
        gap = int(TICKS * slow * rng.choice([0, 0, 0, 1, 2]))
        tick += length + gap
    return track


def random_drums(rng: np.random.Generator) -> mido.MidiTrack:
    """Kick and snare in turn, with a hi-hat on each."""
    track = mido.MidiTrack()
    for beat in range(SECONDS * 2):
        for key, wait in ((SNARE if beat % 2 else KICK, 0), (HIHAT, TICKS // 2)):
            track += [mido.Message("note_on", channel=DRUMS, note=key, velocity=int(rng.integers(50, 110))),
                      mido.Message("note_off", channel=DRUMS, note=key, time=wait)]
    return track


def band(rng: np.random.Generator, pieces: Sequence[Piece]) -> np.ndarray:
    """The band beside the piano: in one of eight cases a cello of `pieces`, in two cases two lines, one of these with drums."""
    kind = rng.integers(8)
    if kind == 0:
        return recorded(pieces[rng.integers(len(pieces))], others=True)
    programs = rng.choice(list(LINES), 2 if kind > 5 else 1, replace=False)
    lines = [random_line(rng, channel, int(program)) for channel, program in enumerate(programs)]
    return played([*lines, random_drums(rng)] if kind == 7 else lines)


def mixes() -> Iterator[tuple[str, np.ndarray, np.ndarray, Piece, str]]:
    """Name, piano and band (float32 [sample]), the piece whose notes are told, and the preset of each mix."""
    pieces = [piece for piece in all_pieces(Given()) if piece.group in ("demo", "piano_and_others")]
    with_cello = [piece for piece in pieces if piece.group == "piano_and_others"]
    for piece in pieces:
        for kind, presets in KINDS.items():
            for preset in presets:
                name = f"{piece.name}.{kind}.{preset}"
                rng = np.random.default_rng(zlib.crc32(name.encode()))
                piano = (recorded(piece, others=False) if kind == "own"
                         else by_program(piece, int(kind[2:])) if kind.startswith("gm") else by_samples(piece, kind))
                other = band(rng, with_cello)
                level = np.sqrt((piano**2).mean() / (other**2).mean()) * 10 ** (rng.uniform(-6, 6) / 20)
                yield name, piano.astype(np.float32), (level * other).astype(np.float32), piece, preset
