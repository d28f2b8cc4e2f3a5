"""Three synthetic drums: single hits to learn from, and a groove with its true sounds."""

from __future__ import annotations

import mido
import numpy as np

from rtsep.training.isolated import Notes

RATE = 44100
HITS = (("kick", 36, 0.25), ("snare", 38, 0.15), ("hihat", 42, 0.1))


def hit(pitch, velocity, rng, seconds=0.5):
    """A drum whose sound begins as noise and ends as its own tone or colour."""
    t = np.arange(round(seconds * RATE)) / RATE
    noise = rng.standard_normal(len(t))
    if pitch == 36:
        sound = np.sin(2 * np.pi * (50 + 100 * np.exp(-30 * t)) * t) * np.exp(-8 * t) + 0.2 * noise * np.exp(-t / 0.004)
    elif pitch == 38:
        sound = 0.4 * np.sin(2 * np.pi * 190 * t) * np.exp(-15 * t) + 0.3 * noise * np.exp(-t / 0.05)
    else:
        sound = 0.3 * np.convolve(noise, [1, -2, 1], "same") / 2 * np.exp(-t / 0.04)
    return (0.4 * (velocity / 127) ** 1.5 * sound).astype(np.float32)


def hits_of(rng, velocities=(50, 80, 110, 50, 80, 110), gap_s=0.7):
    """All drums struck one by one."""
    struck = [(pitch, velocity) for _, pitch, _ in HITS for velocity in velocities]
    sound = np.zeros(round(gap_s * len(struck) * RATE), np.float32)
    onset_s = gap_s * np.arange(len(struck)) + 0.01
    for at, (pitch, velocity) in zip(onset_s, struck, strict=True):
        begin = round(at * RATE)
        sound[begin : begin + RATE // 2] += hit(pitch, velocity, rng)
    pitches, velocity = np.array(struck).T
    return Notes(sound, RATE, onset_s, onset_s + 0.5, pitches, velocity)


def groove(rng, seconds=4.0):
    """True sounds {name: [sample]} and (onset, pitch, velocity) of a groove whose drums often coincide."""
    truths, struck = {name: np.zeros(round((seconds + 1) * RATE), np.float32) for name, _, _ in HITS}, []
    for name, pitch, every in HITS:
        for at in np.arange(0.1, seconds, 4 * every / 1.6):
            velocity = int(rng.integers(50, 111))
            begin = round(at * RATE)
            truths[name][begin : begin + RATE // 2] += hit(pitch, velocity, rng)
            struck.append((at, pitch, velocity))
    return truths, sorted(struck)


def write_hits(path, struck, channel=9):
    """A MIDI file of hits (onset_s, pitch, velocity), each 50 ms long."""
    file, track, last = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack(), 0
    changes = [(at, "note_on", pitch, velocity) for at, pitch, velocity in struck]
    changes += [(at + 0.05, "note_off", pitch, 0) for at, pitch, _ in struck]
    for at, kind, pitch, velocity in sorted(changes):
        tick = round(at * 960)
        track.append(mido.Message(kind, note=pitch, velocity=velocity, channel=channel, time=tick - last))
        last = tick
    file.tracks.append(track)
    file.save(path)
