"""`rtsep live --check` through JACK, in real time: it measures what is wrong, and tells what to do."""

import subprocess
import sys

import mido
import numpy as np
import pytest
import soundfile
from jack_server import jack_server, needs_jack  # noqa: F401

from rtsep.commands.live_checkup import tuning_row
from rtsep.files.sound import read_sound
from rtsep.hosts.live_job import LiveJob
from rtsep.hosts.note_offset import note_offset_ms
from rtsep.notes.read import read_notes

RATE, PITCHES = 48000, (60, 64, 67, 72, 65, 62, 69, 71, 60, 64, 67)


def melody(cents=0.0, level=0.2):
    """A tone with partials every half second, and the times at which they begin."""
    sound, t = np.zeros(round((1 + len(PITCHES) / 2) * RATE)), np.arange(round(0.45 * RATE)) / RATE
    onsets = [0.5 + 0.5 * number for number in range(len(PITCHES))]
    for onset, pitch in zip(onsets, PITCHES, strict=True):
        hz = 440 * 2 ** ((pitch - 69 + cents / 100) / 12)
        tone = sum(np.sin(2 * np.pi * m * hz * t) / m for m in range(1, 7)) * np.minimum(t / 0.004, 1) * np.exp(-4 * t)
        sound[round(onset * RATE) :][: len(t)] += tone * np.minimum((0.45 - t) / 0.01, 1)
    return (level / np.abs(sound).max() * sound).astype(np.float32), onsets


@pytest.mark.parametrize("ms", [-60, -20, 0, 35, 100])
def test_notes_ahead_or_behind_are_measured(ms):
    sound, onsets = melody()
    notes = [(onset - ms / 1000, pitch) for onset, pitch in zip(onsets, PITCHES, strict=True)]
    assert note_offset_ms(sound, RATE, notes) == pytest.approx(ms, abs=5)
    assert note_offset_ms(0 * sound, RATE, notes) is None and note_offset_ms(sound, RATE, notes[:3]) is None


def write_song(tmp_path, ms, cents, level):
    sound, onsets = melody(cents, level)
    soundfile.write(tmp_path / "song.wav", sound, RATE, subtype="FLOAT")
    file = mido.MidiFile(ticks_per_beat=1000)
    track, now = file.add_track("piano"), 0
    notes = zip(onsets, PITCHES, strict=True)
    times = sorted((round((onset - ms / 1000 + shift) * 2000), kind, pitch) for onset, pitch in notes
                   for kind, shift in (("note_on", 0), ("note_off", 0.4)))
    for tick, kind, pitch in times:
        track.append(mido.Message(kind, note=pitch, velocity=80, time=tick - now))
        now = tick
    file.save(tmp_path / "song.mid")


def check(server, tmp_path, ms, cents, level):
    write_song(tmp_path, ms, cents, level)
    done = subprocess.run(
        [sys.executable, "-m", "rtsep", "live", "--check", "--jack", "--play", tmp_path / "song.wav", "--play-midi",
         tmp_path / "song.mid", "--mode", "live", "--set", "window_samples=1024", "--seconds", "6"], env=server.environment,
        capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr and done.returncode in (0, 1), done.stderr
    rows = {line[6:14].strip(): line for line in done.stdout.splitlines()}
    assert list(rows) == ["level", "notes", "tuning", "computer", "disk"] and max(map(len, rows.values())) < 200, rows
    assert (done.returncode == 0) == all(line.startswith("ok") for line in rows.values())
    return rows


@needs_jack
def test_what_is_well_is_told(jack_server, tmp_path):  # noqa: F811
    rows = check(jack_server, tmp_path, 0, 0, 0.2)
    assert all(rows[name].startswith("ok") for name in ("level", "notes", "tuning", "disk")), rows
    assert "mode live" in rows["computer"] and "room for" in rows["disk"]


@needs_jack
def test_what_is_off_is_told_with_what_to_do(jack_server, tmp_path):  # noqa: F811
    rows = check(jack_server, tmp_path, 50, 30, 1.2)
    assert "clipped" in rows["level"] and "turn the input down" in rows["level"]
    offset = int(rows["notes"].split("--midi-offset-ms ")[1])
    assert "ahead of their sound" in rows["notes"] and offset == pytest.approx(50, abs=6)


def test_tuning_is_told_in_cents_against_the_preset(tmp_path):
    """The partials of the tones are harmonic and those of a piano are not, so only the difference of two tunings is checked."""
    cents = []
    for given in (0, 30):
        write_song(tmp_path, 0, given, 0.2)
        sound, rate = read_sound(tmp_path / "song.wav")
        row = tuning_row(sound, rate, read_notes(tmp_path / "song.mid", rate).notes(), LiveJob(presets=("piano",)))
        cents.append(float(row.found.split()[0]))
    assert "piano" in row.found and f"tuning_cents={cents[1]:.0f}" in row.advice
    assert cents[1] - cents[0] == pytest.approx(30, abs=6) and abs(cents[0]) < 15
