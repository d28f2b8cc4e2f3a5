"""Short duets with a piano: the instrument of a shipped preset and broken chords, equally loud."""

from pathlib import Path

import numpy as np

from laboratory.isolated_notes import DRUM_CHANNEL, SAMPLE_RATE, write_midi
from laboratory.pieces import Piece
from laboratory.shipped import Instrument
from laboratory.sources import NOTE, fit, render_soundfont
from rtsep.notes.score import read_midi

DUET_S, BEAT_S, TAIL_S = 12.0, 0.5, 1.0
CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))  # semitones above middle C, each for two seconds
WHITE = (0, 2, 4, 5, 7, 9, 11)
LEVEL = 0.05  # RMS of each part


def accompaniment() -> np.ndarray:
    """Broken chords in eighth notes over a held bass note."""
    notes = []
    for bar in range(round(DUET_S / (4 * BEAT_S))):
        root, third, fifth = CHORDS[bar % len(CHORDS)]
        for quaver, step in enumerate((root - 12, root, third, fifth, third, fifth, third, root)):
            onset = (4 * bar + quaver / 2) * BEAT_S
            notes.append((onset, onset + (0.45 if quaver else 1.9), 60 + step, 64 if quaver else 74))
    return np.array(notes, NOTE)


def melody(pitches: set[int]) -> np.ndarray:
    """A random walk over the white keys around the middle of `pitches`; every call gives the same one."""
    rng = np.random.default_rng(7)
    scale = [pitch for pitch in sorted(pitches) if pitch % 12 in WHITE]
    lowest, highest = max(0, len(scale) // 2 - 10), min(len(scale) - 1, len(scale) // 2 + 10)
    notes, step, onset = [], len(scale) // 2, 0.0
    while onset < DUET_S - 2 * BEAT_S:
        length = rng.choice([0.5, 1, 1, 1.5, 2]) * BEAT_S
        notes.append((onset, onset + 0.95 * length, scale[step], rng.integers(56, 100)))
        step, onset = int(np.clip(step + rng.integers(-3, 4), lowest, highest)), onset + length
    return np.array(notes, NOTE)


def beat() -> np.ndarray:
    """A repeated bar of drums: hi-hat in eighth notes, kick, snare, and a tom or a cymbal at the end."""
    notes = []
    for onset in np.arange(0, DUET_S - BEAT_S, BEAT_S / 2):
        quaver = round(onset / BEAT_S * 2) % 8
        drums = {0: (36, 42), 2: (38, 42), 3: (36, 42), 4: (36, 42), 6: (38, 42), 7: (45, 46)}.get(quaver, (42,))
        notes += [(onset, onset + 0.1, drum, 70 + 10 * (quaver % 3)) for drum in drums]
    return np.array([*notes, (0.0, 0.1, 49, 90), (DUET_S / 2, DUET_S / 2 + 0.1, 51, 90)], NOTE)


def duet(instrument: Instrument, soundfont: Path, folder: Path) -> Piece:
    """The instrument (track_1) and a piano (track_2), played by `soundfont`."""
    middle = sorted(instrument.pitches)[len(instrument.pitches) // 2]
    sound = next(sound for sound in instrument.sounds if middle in sound.pitches)
    mine = beat() if sound.drums else melody(instrument.pitches)
    parts = [(mine, sound.program, DRUM_CHANNEL if sound.drums else 0), (accompaniment(), 0, 1)]
    truths = {}
    for name, part in zip(("track_1", "track_2"), parts, strict=True):
        write_midi(folder / "part.mid", [part])
        audio = fit(render_soundfont(folder / "part.mid", soundfont), round((DUET_S + TAIL_S) * SAMPLE_RATE))
        truths[name] = (audio * (LEVEL / np.sqrt((audio**2).mean())))[None]
    write_midi(folder / "duet.mid", parts)
    return Piece(instrument.name, "duets", "extra", SAMPLE_RATE, truths, read_midi(folder / "duet.mid"))
