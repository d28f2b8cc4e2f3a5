"""Renders isolated notes of a piano, the material presets are trained from: every key, soft and loud, one by one.

    python tools/isolated_notes.py --source salamander --out build/notes

writes salamander.flac and salamander.csv (onset, offset, pitch, velocity; one line per note, in seconds).
"""

import argparse
from pathlib import Path

import mido
import numpy as np
import soundfile
from sources import BUILD, NOTE, fetch_salamander, fit, layer_of, render, render_fluidr3

SAMPLE_RATE = 44100
PITCHES = range(21, 109)
VELOCITIES = (52, 96)
FIRST_ONSET_S, NOTE_S, GAP_S = 0.5, 2.0, 0.8
PEAK = 0.8


def isolated_notes(source, folder=BUILD / "notes"):
    """Isolated notes of a source ("salamander" or "fluidr3"), rendered at the first call and then read from `folder`.

    Returns audio float32 [n], sample rate, and a NOTE array (onset_s, offset_s, pitch, velocity) in order of time.
    """
    flac, csv = Path(folder) / f"{source}.flac", Path(folder) / f"{source}.csv"
    if not (flac.exists() and csv.exists()):
        write(flac, csv, render_source(source, Path(folder)))
    audio, rate = soundfile.read(flac, dtype="float32")
    return audio, rate, np.loadtxt(csv, delimiter=",", skiprows=1, dtype=NOTE)


def note_list():
    """Every pitch at every velocity, at regular times."""
    keys = [(pitch, velocity) for pitch in PITCHES for velocity in VELOCITIES]
    onsets = [round(FIRST_ONSET_S + i * (NOTE_S + GAP_S), 3) for i in range(len(keys))]
    return np.array([(t, t + NOTE_S, *key) for t, key in zip(onsets, keys, strict=True)], dtype=NOTE)


def render_source(source, folder):
    """Audio of the note list, its highest peak at PEAK."""
    folder.mkdir(parents=True, exist_ok=True)
    audio = SOURCES[source](note_list(), folder)
    audio = fit(audio, round((note_list()["offset_s"][-1] + GAP_S) * SAMPLE_RATE))
    return audio * np.float32(PEAK / np.abs(audio).max())


def from_salamander(notes, folder):
    """Notes from the sampler, pitch by pitch so that progress can be shown."""
    fetch_salamander({layer_of(velocity) for velocity in VELOCITIES})
    audio = np.zeros(round((notes["offset_s"][-1] + 60.0) * SAMPLE_RATE), np.float32)
    for pitch in PITCHES:
        print(f"\rsalamander: pitch {pitch} of {PITCHES[-1]}", end="", flush=True)
        group = notes[notes["pitch"] == pitch]
        first = round(group["onset_s"][0] * SAMPLE_RATE)
        for name in ("onset_s", "offset_s"):
            group[name] -= first / SAMPLE_RATE
        sound = render(group, SAMPLE_RATE)
        audio[first : first + len(sound)] += sound
    print()
    return audio


def from_fluidr3(notes, folder):
    """Notes from fluidsynth, by way of a MIDI file in the output folder."""
    print("fluidr3: rendering", flush=True)
    midi_path = folder / "fluidr3.mid"
    write_midi(midi_path, notes)
    return render_fluidr3(midi_path, SAMPLE_RATE)


SOURCES = {"salamander": from_salamander, "fluidr3": from_fluidr3}


def write_midi(path, notes):
    """A MIDI file of non-overlapping notes for the grand piano; one tick is a millisecond."""
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000), mido.Message("program_change", program=0)])
    now = 0
    for note in notes:
        for seconds, velocity in ((note["onset_s"], note["velocity"]), (note["offset_s"], 0)):
            tick = round(seconds * 1000)
            track.append(mido.Message("note_on", note=int(note["pitch"]), velocity=int(velocity), time=tick - now))
            now = tick
    mido.MidiFile(type=0, ticks_per_beat=500, tracks=[track]).save(path)


def write(flac, csv, audio):
    """Writes sound and notes; the names appear only when the files are complete."""
    lines = [f"{n['onset_s']:.3f},{n['offset_s']:.3f},{n['pitch']},{n['velocity']}\n" for n in note_list()]
    soundfile.write(flac.with_suffix(".partial"), audio, SAMPLE_RATE, format="FLAC", subtype="PCM_24")
    flac.with_suffix(".partial").replace(flac)
    csv.write_text("onset,offset,pitch,velocity\n" + "".join(lines))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", choices=sorted(SOURCES), required=True, help="where the sound comes from")
    parser.add_argument("--out", type=Path, default=BUILD / "notes", help="folder for NAME.flac and NAME.csv")
    arguments = parser.parse_args()
    audio, rate, notes = isolated_notes(arguments.source, arguments.out)
    print(f"{arguments.out / arguments.source}.flac: {len(notes)} notes, {len(audio) / rate:.1f} s")


if __name__ == "__main__":
    main()
