"""SoundFonts (.sf2, .sf3): fluidsynth plays their notes one by one into a file, and templates are learnt from that file."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.sound import read_sound
from rtsep.training.isolated import Notes

RATE = 44100  # fluidsynth plays at this sample rate, in Hz.
PITCHES = range(21, 109, 3)  # These MIDI pitches are played; the pitches between them are filled from their neighbours.
DRUMS = range(35, 82)  # These keys of drum kits are played: those of General MIDI.
VELOCITIES = (40, 80, 120)  # Every pitch is played at these velocities.
HELD_S, PAUSE_S = 1.5, 1.0  # A note is held this many seconds, and the next follows after this pause.
LEAD_S = 0.5  # The first note begins after this many seconds.
QUIETEST = 1e-4  # If the peak of a note is lower than this, the instrument does not have the note.
GAIN = "0.5"  # The synthesiser plays with this gain (a factor): loud notes do not clip.
# The bank of drum kits in SoundFonts, the program that stands for them, and their MIDI channel, from 0.
DRUM_BANK, DRUM_PROGRAM, DRUM_CHANNEL = 128, 128, 9
PATIENCE_S = 600  # The synthesiser has at most this many seconds.
MOST_NAMED = 4  # At most this many instruments are named in a message.
PRESET_BYTES = 38  # A preset's header in a SoundFont has this many bytes.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Choice:
    """Which instrument of a SoundFont to take: a General MIDI program, 128 for drum kits, or None; drums: a kit."""

    program: int | None = None
    drums: bool = False


@dataclass(frozen=True)
class Instrument:
    """An instrument (preset) in a SoundFont."""

    bank: int
    program: int
    name: str


def instruments(path: Path) -> list[Instrument]:
    """The instruments of a SoundFont, by bank and program. RtsepError: it is no SoundFont, or broken."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give a SoundFont") from error
    at = content.rfind(b"phdr")
    if content[:4] != b"RIFF" or content[8:12] != b"sfbk" or at < 0 or len(content) < at + 8:
        raise RtsepError(f"{path} is not a SoundFont: give an .sf2 or .sf3 file")
    (length,) = struct.unpack("<I", content[at + 4 : at + 8])
    table = content[at + 8 : at + 8 + length]
    if len(table) < length or length < 2 * PRESET_BYTES:
        raise RtsepError(f"{path} is truncated or has no instrument: get the complete SoundFont")
    found = []
    for begin in range(0, length - 2 * PRESET_BYTES + 1, PRESET_BYTES):  # The last header only ends the table.
        name, program, bank = struct.unpack("<20sHH", table[begin : begin + 24])
        found.append(Instrument(bank, program, name.split(b"\0")[0].decode("latin-1").strip()))
    return sorted(found, key=lambda each: (each.bank, each.program))


def render_soundfont(path: Path, choice: Choice, progress: Progress) -> tuple[Notes, tuple[str, ...]]:
    """The notes of one instrument of a SoundFont, and messages. RtsepError: no fluidsynth, no such instrument."""
    every = instruments(path)
    chosen = _chosen(path, every, choice)
    said: tuple[str, ...] = ()
    if len(every) > 1 and choice.program is None and not choice.drums:
        said = (f"{path.name} has {len(every)} instruments: {chosen.name} (program {chosen.program}) is learnt; "
                "--program N chooses another",)
    synth = shutil.which("fluidsynth")
    if synth is None:
        raise RtsepError(f"{path} needs the synthesiser fluidsynth, which is not installed: install it (Debian, Ubuntu: sudo "
                         "apt install fluidsynth; macOS: brew install fluid-synth), or give the samples as a folder or .sfz")
    keys = DRUMS if chosen.bank == DRUM_BANK else PITCHES
    notes = [(pitch, velocity) for pitch in keys for velocity in VELOCITIES]
    progress("playing the SoundFont", 0, 1)
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        _write_score(score, chosen, notes)
        _play(synth, path, score, sound)
        played, rate = read_sound(sound)
    progress("playing the SoundFont", 1, 1)
    return _heard(path, chosen, played, rate, notes), said


def _chosen(path: Path, every: Sequence[Instrument], choice: Choice) -> Instrument:
    kits = [each for each in every if each.bank == DRUM_BANK]
    if choice.drums or choice.program == DRUM_PROGRAM:
        found = kits
    elif choice.program is None:
        found = [each for each in every if each.bank != DRUM_BANK] or kits
    else:
        found = [each for each in every if each.program == choice.program and each.bank != DRUM_BANK]
        found = found or ([*every] if len(every) == 1 else [])  # In that case --program is only the program of the new preset.
    if not found:
        named = ", ".join(f"{each.program} {each.name}" for each in every[:MOST_NAMED]) + (
            " ..." if len(every) > MOST_NAMED else "")
        asked = "no drum kit" if choice.drums or choice.program == DRUM_PROGRAM else f"no program {choice.program}"
        raise RtsepError(f"{path} has {asked}: it has {named}; give one of these with --program")
    return found[0]


def _write_score(path: Path, chosen: Instrument, notes: Sequence[tuple[int, int]]) -> None:
    """The notes as a MIDI file in which a tick is a millisecond."""
    channel = DRUM_CHANNEL if chosen.bank == DRUM_BANK else 0
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    if channel == 0:
        track.append(mido.Message("control_change", control=0, value=min(chosen.bank, 127)))
    track.append(mido.Message("program_change", channel=channel, program=min(chosen.program, 127)))
    wait = round(1000 * LEAD_S)
    for pitch, velocity in notes:
        track.append(mido.Message("note_on", channel=channel, note=pitch, velocity=velocity, time=wait))
        track.append(mido.Message("note_off", channel=channel, note=pitch, velocity=0, time=round(1000 * HELD_S)))
        wait = round(1000 * PAUSE_S)
    track.append(mido.MetaMessage("end_of_track", time=wait))
    mido.MidiFile(type=0, ticks_per_beat=500, tracks=[track]).save(path)


def _play(synth: str, font: Path, score: Path, sound: Path) -> None:
    """Let the synthesiser play the score into `sound`, without reverb and chorus. RtsepError: it fails."""
    # So it takes no other SoundFont instead.
    settings = ("synth.midi-bank-select=gs", f"synth.default-soundfont={font.resolve()}")
    command = [synth, "-ni", "-q", "-R", "0", "-C", "0", "-g", GAIN, "-r", str(RATE), *(f"-o{each}" for each in settings),
               "-T", "wav", "-O", "s16", "-F", str(sound), str(font.resolve()), str(score)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RtsepError(f"fluidsynth cannot play {font} ({type(error).__name__}): give the samples as a folder or "
                         ".sfz") from error
    if done.returncode or not sound.is_file() or "failed to load" in done.stderr.lower():
        reason = next((line.strip() for line in done.stderr.splitlines() if "error" in line.lower()), "it gives no reason")
        raise RtsepError(f"fluidsynth cannot play {font} ({reason}): get the SoundFont again, or a newer fluidsynth")


def _heard(path: Path, chosen: Instrument, played: npt.NDArray[np.float32], rate: int,
           notes: Sequence[tuple[int, int]]) -> Notes:
    """The notes that can be heard in the sound that was played."""
    onset_s: npt.NDArray[np.float64] = LEAD_S + (HELD_S + PAUSE_S) * np.arange(len(notes), dtype=np.float64)
    peaks = [np.abs(played[:, round(at * rate) : round((at + HELD_S) * rate)]).max(initial=0) for at in onset_s]
    heard = np.array(peaks) > QUIETEST
    if not heard.any():
        raise RtsepError(f"{path}: {chosen.name or 'its instrument'} cannot be heard when fluidsynth plays it: give another "
                         "instrument with --program, or a newer fluidsynth")
    pitch, velocity = np.array(notes, np.int64).T
    return Notes(played, float(rate), onset_s[heard], onset_s[heard] + HELD_S, pitch[heard], velocity[heard])
