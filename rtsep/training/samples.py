"""Instruments with one sound file per note: a folder whose file names contain the notes, or an SFZ file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound
from rtsep.training.isolated import Notes

ENDINGS = (".wav", ".flac", ".aif", ".aiff", ".ogg", ".mp3")
LONGEST_S = 4.0  # At most this many seconds of each note are learnt.
READ_S = 30.0  # This many seconds of each file are read to find where its note begins.
BEGIN_DB, END_DB = -40.0, -60.0  # A note begins and ends at these levels, in dB against its peak.
LEAD_S = 0.005  # A note is taken from this many seconds before it is loud enough to be found.
GAP_S = 0.5  # Seconds between two notes, longer than any window.
RELEASE_S = 0.1  # Release, in seconds, of a sample without its own.
LEVEL_S = 0.01  # Levels are measured at steps of this many seconds.
DYNAMICS = {"ppp": 16, "pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112, "fff": 127}
STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
NOTE_NAME = re.compile(r"(?<![a-z])([a-g])(#|s|b)?(-1|\d)(?!\d)", re.IGNORECASE)
HEADERS = ("control", "global", "master", "group", "region")
OPCODE = re.compile(r"(\w+)=(.*?)(?=\s+\w+=|\s*$)", re.MULTILINE)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Sample:
    """A sound file with one note of this MIDI pitch, after `skip` samples."""

    path: Path
    pitch: int
    velocity: int
    release_s: float = RELEASE_S
    skip: int = 0


def folder_samples(folder: Path) -> list[Sample]:
    """The sound files in `folder`; each name has its note (`Piano_C#4_v80.wav`, `A0v12.flac`, `flute-mf-Bb5.aiff`, `60.wav`).

    C4 is 60. A number after v or vel, or pp to ff, is the dynamics. RtsepError: no sound files, a name without a note.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith("."))
    if not paths:
        raise RtsepError(f"{folder} holds no sound files: give a folder with a file per note, or one of rtsep live --record")
    return [Sample(path, _named_pitch(path), _named_velocity(path.stem)) for path in paths]


def _named_pitch(path: Path) -> int:
    """The one note in the file's name, such as C#4, else a MIDI number."""
    names = {_pitch(*name) for name in NOTE_NAME.findall(path.stem)}
    numbers = re.findall(r"(?<![\dv])\d+(?!\d)", path.stem.lower().replace("vel", "v")) if not names else []
    found = [*names, *(int(number) for number in numbers[:1])]
    if len(found) != 1 or not 0 <= found[0] <= 127:
        raise RtsepError(f"{path}: which note is it? A name must hold one note such as C#4 (C4 is 60), or its number 0 to 127")
    return found[0]


def _named_velocity(stem: str) -> int:
    number = re.search(r"v(?:el)?[-_]?(\d{1,3})(?!\d)", stem, re.IGNORECASE)
    if number:
        return min(max(int(number[1]), 1), 127)
    words = [word for word in re.split(r"[^a-z]+", stem.lower()) if word in DYNAMICS]
    return DYNAMICS[words[0]] if words else 64


def sfz_samples(path: Path) -> list[Sample]:
    """The recorded notes of an SFZ instrument: those that its regions play at their original pitch.

    Understood: <control> default_path; in <global>, <master>, <group>, <region>: sample, key, lokey, hikey, pitch_keycenter,
    pitch_keytrack, lovel, hivel, trigger, offset, ampeg_release; everything else is ignored. Samples that sound only
    when a key is released are left out. RtsepError: unreadable, #include or #define, without regions, a file that is missing.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise RtsepError(f"cannot read {path}: {error.strerror}; give an SFZ file") from error
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
    if re.search(r"^\s*#(include|define)", text, re.MULTILINE):
        raise RtsepError(f"{path} uses #include or #define, which are not understood here: give a folder with a file per note")
    found = [sample for opcodes in _regions(text) for sample in _region_samples(path, opcodes)]
    if not found:
        raise RtsepError(f"{path} has no <region> with a sample: give an SFZ instrument")
    for sample in found:
        if not sample.path.is_file():
            raise RtsepError(f"{path} names {sample.path}, which is not there: get the whole instrument")
    return sorted(set(found), key=lambda sample: (sample.pitch, sample.velocity, str(sample.path)))


def _regions(text: str) -> Iterator[dict[str, str]]:
    """The opcodes of every region, including those of the headers above it."""
    held: list[dict[str, str]] = [{} for _ in HEADERS]
    for header, body in re.findall(r"<(\w+)>([^<]*)", text):
        if header in HEADERS:
            level = HEADERS.index(header)
            opcodes = {key: value.strip() for key, value in OPCODE.findall(body)}
            held[level] = {**held[0], **opcodes} if header == "control" else opcodes
            held[level + 1 :] = [{} for _ in HEADERS[level + 1 :]]
        if header == "region":
            yield {key: value for part in held for key, value in part.items()}


def _region_samples(path: Path, opcodes: dict[str, str]) -> list[Sample]:
    """Usually one sample; one per key if its pitch does not follow the keys (drums); none for a generator or a release."""
    name = opcodes.get("sample", "*").replace("\\", "/")
    if name.startswith("*") or opcodes.get("trigger", "attack") not in ("attack", "first", "legato"):
        return []
    key = opcodes.get("key")
    try:
        low, high, centre = (_key(opcodes.get(each, key or usual)) for each, usual in
                             (("lokey", "0"), ("hikey", "127"), ("pitch_keycenter", "60")))
        velocity = (float(opcodes.get("lovel", 1)) + float(opcodes.get("hivel", 127))) / 2
        release_s, skip = float(opcodes.get("ampeg_release", RELEASE_S)), int(float(opcodes.get("offset", 0)))
        fixed = float(opcodes.get("pitch_keytrack", 100)) == 0
    except ValueError as error:
        raise RtsepError(f"{path}: the region of {name} is broken ({error})") from error
    if low < 0 or high < low:
        return []
    pitches = range(low, high + 1) if fixed else [centre]
    file = path.parent / (opcodes.get("default_path", "").replace("\\", "/") + name)
    return [Sample(file, pitch, min(max(round(velocity), 1), 127), max(release_s, 0.0), max(skip, 0))
            for pitch in pitches if 0 <= pitch <= 127]


def _key(text: str) -> int:
    """A key as SFZ writes it: 60, c4, c#4, db4; -1 is none."""
    name = NOTE_NAME.fullmatch(text)
    if not name:
        return int(text)
    return _pitch(*name.groups(default=""))


def _pitch(step: str, sign: str, octave: str) -> int:
    return 12 * (int(octave) + 1) + STEPS[step.lower()] + {"#": 1, "s": 1, "b": -1, "": 0}[sign.lower()]


def read_samples(samples: Sequence[Sample], progress: Progress) -> Notes:
    """The samples in a row, each trimmed to its note. RtsepError: unreadable, silent, several rates."""
    sounds, onsets, offsets, rates, at = list[npt.NDArray[np.float32]](), list[float](), list[float](), set[int](), 0
    for number, sample in enumerate(samples):
        note, rate = _read_note(sample)
        rates.add(rate)
        if len(rates) > 1:
            raise RtsepError(f"{sample.path} has {rate} Hz and others {min(rates - {rate})}: convert them to one rate")
        gap = np.zeros(round(GAP_S * rate), np.float32)
        onsets.append((at + len(gap)) / rate)
        offsets.append((at + len(gap) + len(note)) / rate)
        at += len(gap) + len(note)
        sounds += [gap, note]
        progress("reading", number + 1, len(samples))
    return Notes(np.concatenate([*sounds, gap]), float(rate), np.array(onsets), np.array(offsets),
                 np.array([sample.pitch for sample in samples], np.int64),
                 np.array([sample.velocity for sample in samples], np.int64),
                 np.array([sample.release_s for sample in samples]))


def _read_note(sample: Sample) -> tuple[npt.NDArray[np.float32], int]:
    """The note in a file, float32 [sample], channels averaged, and its rate."""
    with open_sound(sample.path) as sound:
        rate = sound.sample_rate
        whole = next(sound.blocks(sample.skip + round(READ_S * rate))).mean(axis=0)[sample.skip :]
    step = round(LEVEL_S * rate)
    level = np.abs(whole[: len(whole) // step * step].reshape(-1, step)).max(axis=1, initial=0)
    if not (len(level) and 0 < level.max() < np.inf):
        raise RtsepError(f"{sample.path} is silent: take it out")
    first = int(np.argmax(level > level.max() * 10 ** (BEGIN_DB / 20)))
    quiet = np.flatnonzero(level > level.max() * 10 ** (END_DB / 20))[-1] + 1
    begin = max(first * step - round(LEAD_S * rate), 0)
    return whole[begin : min(quiet * step, begin + round(LONGEST_S * rate))], rate
