"""Renders isolated notes, from which presets are trained: every pitch of a sound, soft and loud, one by one.

A sound has two files, such as fluidr3_program_42.flac and .csv (onset, offset, pitch, velocity; one line per note, in seconds).
"""

from pathlib import Path

import mido
import numpy as np
import soundfile

from laboratory import sampled
from laboratory.sources import BUILD, NOTE, drum_hit, fetch_salamander, fit, layer_of, render, render_soundfont

SAMPLE_RATE = 44100
FIRST_ONSET_S = 0.5
PEAK = 0.8
DRUM_CHANNEL = 9
PEDAL = 64
"""The controller number of the sustain pedal."""
SOFT, LOUD = 52, 96  # velocities of samples without a velocity


def isolated_notes(sound, folder=BUILD / "notes"):
    """Isolated notes of a Sound: the first call renders them, and later calls read them from `folder`.

    It gives audio float32 [n], the sample rate, and a NOTE array (onset_s, offset_s, pitch, velocity) in order of time.
    """
    flac, csv = Path(folder) / f"{sound.name}.flac", Path(folder) / f"{sound.name}.csv"
    notes = note_list(sound)
    lines = [f"{n['onset_s']:.3f},{n['offset_s']:.3f},{n['pitch']},{n['velocity']}\n" for n in notes]
    text = "onset,offset,pitch,velocity\n" + "".join(lines)
    if not (flac.exists() and csv.exists() and csv.read_text() == text):
        write(flac, render_sound(sound, notes, Path(folder)))
        csv.write_text(text)
    audio, rate = soundfile.read(flac, dtype="float32")
    return audio, rate, notes


def note_list(sound):
    """The notes: every pitch at every velocity, or every sample, at regular times."""
    keys = [(pitch, velocity) for pitch in sound.pitches for velocity in sound.velocities]
    if sound.samples:
        keys = [(pitch, SOFT if name.endswith("soft") else LOUD) for pitch, names in sound.samples for name in names]
    onsets = [round(FIRST_ONSET_S + i * (sound.note_s + sound.gap_s), 3) for i in range(len(keys))]
    return np.array([(t, round(t + sound.note_s, 3), *key) for t, key in zip(onsets, keys, strict=True)], dtype=NOTE)


def render_sound(sound, notes, folder):
    """The audio of `notes`, with its highest peak at PEAK."""
    folder.mkdir(parents=True, exist_ok=True)
    audio = PLAYERS[sound.collection.name](sound, notes, folder)
    audio = fit(audio, round((notes["offset_s"][-1] + sound.gap_s) * SAMPLE_RATE))
    return audio * np.float32(PEAK / np.abs(audio).max())


def by_salamander(sound, notes, folder):
    """Notes played by the sampler, pitch by pitch."""
    fetch_salamander({layer_of(velocity) for velocity in sound.velocities})
    audio = np.zeros(round((notes["offset_s"][-1] + 60.0) * SAMPLE_RATE), np.float32)
    for pitch in sound.pitches:
        group = notes[notes["pitch"] == pitch]
        first = round(group["onset_s"][0] * SAMPLE_RATE)
        for name in ("onset_s", "offset_s"):
            group[name] -= first / SAMPLE_RATE
        tones = render(group, SAMPLE_RATE)
        audio[first : first + len(tones)] += tones
    return audio


def by_fluidr3(sound, notes, folder):
    """Notes played by fluidsynth, from a MIDI file in the output folder."""
    midi_path = folder / f"{sound.name}.mid"
    write_midi(midi_path, [(notes, sound.program, DRUM_CHANNEL if sound.drums else 0)])
    return render_soundfont(midi_path)


def by_package(sound, notes, folder):
    """Notes played with the npm package that has the sound's program."""
    instrument = next(each for each in sampled.INSTRUMENTS.values() if sound.program in each.programs)
    return sampled.play(notes, instrument, SAMPLE_RATE)


def from_samples(sound, notes, folder):
    """Hits of sonic-pi-samples, unchanged; each starts just before it can be heard."""
    audio = np.zeros(round((notes["offset_s"][-1] + sound.gap_s) * SAMPLE_RATE), np.float32)
    names = [name for _, names in sound.samples for name in names]
    for name, note in zip(names, notes, strict=True):
        hit = fit(drum_hit(name, SAMPLE_RATE), round(sound.note_s * SAMPLE_RATE))
        first = round(note["onset_s"] * SAMPLE_RATE)
        audio[first : first + len(hit)] = hit
    return audio


PLAYERS = {"salamander": by_salamander, "fluidr3": by_fluidr3, "tonejs": by_package,
           "sonicpi": from_samples}


def write_midi(path, parts):
    """Write a MIDI file with a track for each part (the arguments of midi_track); one tick is a millisecond."""
    tracks = [midi_track(*part) for part in parts]
    mido.MidiFile(type=1, ticks_per_beat=500, tracks=tracks).save(path)


def midi_track(notes, program, channel, name="", pedals=()):
    """A track of notes at 120 beats per minute, with 500 ticks per beat; `pedals`: spans (down_s, up_s) of the pedal."""
    events = sorted([(round(note["offset_s"] * 1000), 0, "note_on", int(note["pitch"])) for note in notes]
                    + [(round(note["onset_s"] * 1000), int(note["velocity"]), "note_on", int(note["pitch"])) for note in notes]
                    + [(round(time * 1000), value, "control_change", PEDAL) for span in pedals
                       for time, value in zip(span, (127, 0), strict=True)])
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)] if name else [])
    track += [mido.MetaMessage("set_tempo", tempo=500_000), mido.Message("program_change", channel=channel, program=program)]
    now = 0
    for tick, value, kind, number in events:
        fields = {"note": number, "velocity": value} if kind == "note_on" else {"control": number, "value": value}
        track.append(mido.Message(kind, channel=channel, time=tick - now, **fields))
        now = tick
    return track


def write(flac, audio):
    """Write the sound; its name appears only when the file is complete."""
    partial = flac.with_suffix(".partial")
    soundfile.write(partial, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_24")
    partial.replace(flac)
