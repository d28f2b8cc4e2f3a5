"""Synthetic instruments for the tests of training: notes as sound, files, and scores."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import mido
import numpy as np
import soundfile

from rtsep.notes.score import NOTE

RATE = 11025  # low, so that windows are short and tests are fast


def tone(pitch: float, seconds: float, rate: int = RATE, velocity: int = 96, decay_s: float = 2.0, bright: float = 1.0):
    """A plucked tone, float64 [sample]: partials of strength 1 / m^bright, -60 dB after `decay_s`, with a noisy attack."""
    time = np.arange(round(seconds * rate)) / rate
    f0 = 440 * 2 ** ((float(pitch) - 69) / 12)
    partials = [np.sin(2 * np.pi * m * f0 * time + m) / m**bright for m in range(1, 13) if m * f0 < 0.45 * rate]
    noise = np.random.default_rng(round(pitch)).standard_normal(len(time)) * np.exp(-time / 0.01)
    return velocity / 127 * 0.1 * (np.sum(partials, axis=0) + 0.5 * noise) * 10 ** (-3 * time / decay_s)


def sound_of(notes: np.ndarray, seconds: float, rate: int = RATE, release_s: float = 0.15, **timbre) -> np.ndarray:
    """The sound of notes, float32 [sample]: each is a tone that falls by 60 dB in `release_s` after its offset."""
    sound = np.zeros(round(seconds * rate))
    for note in notes:
        begin = round(note["onset_s"] * rate)
        held = note["offset_s"] - note["onset_s"]
        one = tone(note["pitch"], held + 1.5 * release_s, rate, note["velocity"], **timbre)
        time = np.arange(len(one)) / rate
        one *= 10 ** (-3 * np.maximum(time - held, 0) / release_s)
        sound[begin : begin + len(one)] += one[: max(len(sound) - begin, 0)]
    return sound.astype(np.float32)


def scale(pitches: Iterable[int], velocities: Iterable[int] = (50, 100), held_s: float = 0.6, pause_s: float = 0.4):
    """Single notes, NOTE [n]: each pitch at each velocity, one after the other."""
    keys = [(pitch, velocity) for pitch in pitches for velocity in velocities]
    onsets = [0.2 + i * (held_s + pause_s) for i in range(len(keys))]
    return np.array([(t, t + held_s, *key, 0, 0) for t, key in zip(onsets, keys, strict=True)], NOTE)


def chords(rng: np.random.Generator, pitches: Iterable[int], seconds: float, voices: int = 2):
    """Random music, NOTE [n]: `voices` notes of these pitches at a time, each 0.2 to 0.8 s long."""
    pitches, notes = list(pitches), []
    for voice in range(voices):
        at = 0.2 + 0.11 * voice
        while at < seconds - 1.2:
            held = rng.uniform(0.2, 0.8)
            notes.append((at, at + held, rng.choice(pitches[voice::voices]), rng.integers(60, 110), 0, 0))
            at += held + rng.uniform(0.02, 0.3)
    return np.sort(np.array(notes, NOTE), order=("onset_s", "pitch"))


def write_sound(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    """Write `sound`, [sample] or [channel, sample], as a WAV of floats."""
    soundfile.write(path, np.atleast_2d(sound).T, rate, subtype="FLOAT")
    return path


def write_csv(path: Path, notes: np.ndarray) -> Path:
    """Write the notes as a table."""
    lines = [f"{n['onset_s']:.4f},{n['offset_s']:.4f},{n['pitch']},{n['velocity']}" for n in notes]
    path.write_text("\n".join(["onset,offset,pitch,velocity", *lines]) + "\n")
    return path


def write_midi(path: Path, notes: np.ndarray) -> Path:
    """Write the notes as a MIDI file; one tick is a millisecond."""
    events = [(round(1000 * n["onset_s"]), 1, int(n["pitch"]), int(n["velocity"])) for n in notes]
    events += [(round(1000 * n["offset_s"]), 0, int(n["pitch"]), 0) for n in notes]
    track, now = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)]), 0
    for tick, _on, pitch, velocity in sorted(events):
        track.append(mido.Message("note_on", note=pitch, velocity=velocity, time=tick - now))
        now = tick
    mido.MidiFile(type=0, ticks_per_beat=500, tracks=[track]).save(path)
    return path


def write_tracks(path, tracks, ticks=480):
    """Write a MIDI file of format 1, with 1 s = 2 * ticks: tracks {name: [(onset_s, offset_s, pitch)]}."""
    file = mido.MidiFile(ticks_per_beat=ticks)
    for name, notes in tracks.items():
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        changes = [(on, "note_on", p) for on, _, p in notes] + [(off, "note_off", p) for _, off, p in notes]
        last = 0
        for at, kind, pitch in sorted(changes):
            tick = round(at * 2 * ticks)
            track.append(mido.Message(kind, note=pitch, velocity=64, time=tick - last))
            last = tick
        file.tracks.append(track)
    file.save(path)


def quiet(*_):
    """Ignore the progress."""
