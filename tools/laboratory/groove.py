"""A groove made here: kick, snare and hi-hat of Debian's sonic-pi-samples (CC0); every call gives the same one."""

import tempfile
from pathlib import Path

import numpy as np

from laboratory.isolated_notes import DRUM_CHANNEL, SAMPLE_RATE, write_midi
from laboratory.pieces import Piece
from laboratory.sources import NOTE, drum_hit, fit
from rtsep.notes.score import read_midi

SECONDS, SIXTEENTH_S, RING_S = 16.0, 0.145, 1.0
KICKS, SNARES, OPEN = (0, 3, 8, 10), (4, 12, 15), 14  # sixteenths of a bar; closed hi-hats on all even ones
NAMES = {36: ("kick", "drum_bass_soft", "drum_bass_hard"), 38: ("snare", "drum_snare_soft", "drum_snare_hard"),
         42: ("hihat", "drum_cymbal_closed", "drum_cymbal_closed"), 46: ("hihat", "drum_cymbal_open", "drum_cymbal_open")}
HARD = 90
"""The least velocity of a hard hit."""
UNSTEADY_S = 0.006
"""The standard deviation of a drummer's onsets, in seconds."""


def strokes() -> np.ndarray:
    """NOTE [n]: bars with the velocities and the uneven timing of a drummer."""
    rng, found = np.random.default_rng(16), []
    for i in range(round(SECONDS / SIXTEENTH_S)):
        step = i % 16
        hat = [46 if step == OPEN else 42] if step % 2 == 0 else []
        for pitch in [36] * (step in KICKS) + [38] * (step in SNARES) + hat:
            onset = max(0.02 + i * SIXTEENTH_S + rng.normal(0, UNSTEADY_S), 0.0)
            found.append((onset, onset + 0.05, pitch, rng.integers(60, 120)))
    return np.sort(np.array(found, NOTE), order="onset_s")


def groove() -> Piece:
    """The piece with the sound of the strokes, drum by drum; a hi-hat ends the one before."""
    notes, samples = strokes(), round((SECONDS + RING_S) * SAMPLE_RATE)
    truths = {name: np.zeros((1, samples), np.float32) for name, _, _ in NAMES.values()}
    for note in notes:
        name, soft, hard = NAMES[int(note["pitch"])]
        first, level = round(note["onset_s"] * SAMPLE_RATE), (note["velocity"] / 127) ** 1.5
        hit = fit(drum_hit(hard if note["velocity"] >= HARD else soft, SAMPLE_RATE), round(RING_S * SAMPLE_RATE))
        if name == "hihat":
            truths[name][0, first:] = 0
        truths[name][0, first : first + len(hit)] += 0.5 * level * hit[: samples - first]
    with tempfile.TemporaryDirectory() as folder:
        write_midi(Path(folder) / "groove.mid", [(notes, 0, DRUM_CHANNEL)])
        return Piece("groove", "drums", "reporting", SAMPLE_RATE, truths, read_midi(Path(folder) / "groove.mid"))
