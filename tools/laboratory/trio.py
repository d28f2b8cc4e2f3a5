"""A trio for violin, cello and piano with true stems: Pachelbel's Canon in D, arranged here, and played by FluidR3.

Its files are violin.flac, cello.flac, piano.flac, all.mid (a track for each, with its General MIDI program) and stems.json.
Music and arrangement are in the public domain. It needs fluidsynth and fluid-soundfont-gm.
"""

import json
from pathlib import Path

import mido
import soundfile

from laboratory.sources import BUILD, fit, render_soundfont

SAMPLE_RATE = 44100
TICKS = 480  # per quarter
QUARTER_US = 650_000
TAIL_S = 2.0
PROGRAMS = {"violin": 40, "cello": 42, "piano": 0}
GROUND = (50, 45, 47, 42, 43, 38, 43, 45)  # in half notes, played three times
CHORDS = ((62, 66, 69, 74), (57, 61, 64, 69), (59, 62, 66, 71), (54, 57, 61, 66),
          (55, 59, 62, 67), (50, 57, 62, 66), (55, 59, 62, 67), (57, 61, 64, 69))  # broken into eighths
VIOLIN = (  # length of each note in beats, and the notes
    (2.0, (78, 76, 74, 73, 71, 69, 71, 73)),
    (1.0, (74, 78, 81, 79, 78, 74, 78, 76, 74, 71, 74, 81, 79, 83, 81, 79)),
    (0.5, (81, 78, 79, 81, 78, 79, 81, 69, 71, 73, 74, 76, 78, 79, 78, 74,
           76, 78, 66, 67, 69, 71, 69, 67, 69, 66, 67, 69, 67, 71, 69, 67)),
)
# how long a note is held, relative to its length: the piano's notes overlap
LEGATO = {"violin": 0.95, "cello": 0.95, "piano": 1.6}

Note = tuple[float, float, int, int]  # beat, beats, pitch, velocity


def notes_of(part: str) -> list[Note]:
    """The notes of one part, with an accent on the first beat of every bar."""
    if part == "cello":
        line = [(2.0 * i, 2.0, pitch) for i, pitch in enumerate(3 * GROUND)]
    elif part == "piano":
        line = [(2.0 * i + 0.5 * k, 0.5, pitch) for i, chord in enumerate(3 * CHORDS) for k, pitch in enumerate(chord)]
    else:
        line = [(16.0 * turn + beats * i, beats, pitch) for turn, (beats, pitches) in enumerate(VIOLIN)
                for i, pitch in enumerate(pitches)]
    return [(beat, beats * LEGATO[part], pitch, 88 if beat % 4 == 0 else 72) for beat, beats, pitch in line]


def score(parts: tuple[str, ...]) -> mido.MidiFile:
    """The MIDI file of these parts, each on its own channel."""
    file = mido.MidiFile(ticks_per_beat=TICKS)
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=QUARTER_US)]))
    for channel, part in enumerate(parts):
        moments = sorted((round(TICKS * beat), kind, pitch, velocity) for begin, beats, pitch, velocity in notes_of(part)
                         for beat, kind in ((begin, "note_on"), (begin + beats, "note_off")))
        track, last = mido.MidiTrack([mido.MetaMessage("track_name", name=part),
                                      mido.Message("program_change", channel=channel, program=PROGRAMS[part])]), 0
        for tick, kind, pitch, velocity in moments:
            track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=tick - last))
            last = tick
        file.tracks.append(track)
    return file


def build(folder: Path = BUILD / "trio") -> Path:
    """Write all files into `folder`, unless they exist; give the folder."""
    if (folder / "stems.json").exists():
        return folder
    whole = score(tuple(PROGRAMS))
    folder.mkdir(parents=True, exist_ok=True)
    samples = round((whole.length + TAIL_S) * SAMPLE_RATE)
    for part in PROGRAMS:
        score((part,)).save(folder / f"{part}.part")
        soundfile.write(folder / f"{part}.flac", fit(render_soundfont(folder / f"{part}.part"), samples), SAMPLE_RATE, "PCM_16")
        (folder / f"{part}.part").unlink()
    whole.save(folder / "all.mid")
    (folder / "stems.json").write_text(json.dumps({part: part for part in PROGRAMS}))
    return folder
