"""The inputs of training: recordings with their notes, or isolated notes in several forms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound, read_sound
from rtsep.notes.moved import AS_WRITTEN, Timing, moved_notes
from rtsep.training.folders import Naming, folder_samples
from rtsep.training.isolated import Notes
from rtsep.training.samples import Samples, read_samples
from rtsep.training.scores import NoteArray, is_isolated, training_notes
from rtsep.training.sfz import sfz_samples
from rtsep.training.soundfonts import Choice, render_soundfont

KINDS = ("auto", "notes", "recording")
# Score and recording do not belong together if more than this share of the notes lies beyond the end of the sound.
MOST_LATE = 0.5
INSTRUMENTS = (".sfz", ".sf2", ".sf3")  # Endings of files that contain an instrument, and need no score.
SESSION = "session.mid"  # The file of notes that rtsep live --record writes.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Take:
    """A recording on disk and the notes that sound in it, NOTE [n] by onset; no note begins after its end.

    aligned: the notes were recorded together with the sound, so they need no check and no synchronisation.
    """

    path: Path
    sample_rate: int
    samples: int
    notes: NoteArray
    aligned: bool = False

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return self.samples / self.sample_rate


@dataclass(frozen=True)
class Given:
    """One input: a take, or samples of single notes. No result must replace its `files`."""

    name: str
    files: tuple[Path, ...]
    source: Take | Notes
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hints:
    """The user's hints about libraries of samples: how to read names, and which instrument of a SoundFont to take."""

    naming: Naming = field(default_factory=Naming)
    choice: Choice = field(default_factory=Choice)


def gather(
    inputs: Sequence[Path], scores: Sequence[Path], kind: str, progress: Progress, timing: Timing = AS_WRITTEN,
    hints: Hints | None = None,
) -> list[Given]:
    """Read the inputs.

    Each is a sound file (with the next of `scores`), a folder of `rtsep live --record`, an .sfz, .sf2 or .sf3 file, or a folder
    with one sound file per note. kind: "notes" or "recording"; "auto" takes recordings whose notes are separated by pauses as
    isolated notes. timing: when the notes of `scores` sound. RtsepError: something is missing, unknown, empty, or does not
    belong together.
    """
    hints = hints or Hints()
    sounds = [path for path in inputs if not _is_instrument(path)]
    if len(scores) != len(sounds):
        raise RtsepError(f"{len(sounds)} recordings and {len(scores)} --score: give every recording its score, in their "
                         "order (folders, SFZ files and SoundFonts need none)")
    left = iter(scores)
    given = []
    for path in inputs:
        if _is_instrument(path):
            given.append(_from_instrument(path, kind, progress, hints))
        else:
            score = next(left)
            given.append(_as_kind(_take(path, score, timing), (path, score), kind))
    return given


def _is_instrument(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in INSTRUMENTS


def _from_instrument(path: Path, kind: str, progress: Progress, hints: Hints) -> Given:
    if path.is_dir() and (path / SESSION).is_file():
        found = [file for file in sorted(path.glob("input.*")) if file.suffix in (".wav", ".flac")]
        if not found:
            raise RtsepError(f"{path} has {SESSION} but no input.wav: give the whole folder of rtsep live --record")
        take, warnings = _take(found[0], path / SESSION)
        return _as_kind((replace(take, aligned=True), warnings), (found[0], path / SESSION), kind)
    if kind == "recording":
        raise RtsepError(f"{path} has single notes, not a recording: leave out --as recording")
    if path.suffix.lower() in (".sf2", ".sf3") and not path.is_dir():
        notes, warnings = render_soundfont(path, hints.choice, progress)
        return Given(path.name, (path,), notes, warnings)
    is_sfz = path.suffix.lower() == ".sfz" and not path.is_dir()
    samples = sfz_samples(path) if is_sfz else _folder_or_sfz(path, hints.naming, progress)
    return Given(path.name, (path, *(sample.path for sample in samples.samples)), read_samples(samples.samples, progress),
                 samples.warnings)


def _folder_or_sfz(folder: Path, naming: Naming, progress: Progress) -> Samples:
    instruments = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".sfz" and not path.name.startswith("."))
    if len(instruments) > 1:
        raise RtsepError(f"{folder} has {len(instruments)} SFZ files: give one of them, such as {instruments[0]}")
    return sfz_samples(instruments[0]) if instruments else folder_samples(folder, naming, progress)


def _take(path: Path, score: Path, timing: Timing = AS_WRITTEN) -> tuple[Take, tuple[str, ...]]:
    """The recording with the notes that begin within it, and a warning about the others. RtsepError: most notes are others."""
    with open_sound(path, cut=True) as sound:
        written, odd = training_notes(score, sound.sample_rate)
        odd = (*sound.notes, *odd)
        notes = moved_notes(written, timing)
        take = Take(path, sound.sample_rate, sound.frames, notes)
    late = int((notes["onset_s"] >= take.seconds).sum())
    if late > MOST_LATE * len(notes):
        raise RtsepError(f"{late} of {len(notes)} notes of {score} lie beyond the end of {path} ({take.seconds:.1f} s): "
                         "they do not belong together (or --offset and --stretch bring them together)")
    warnings = (f"{late} of {len(notes)} notes of {score} lie beyond the end of {path.name} and were left out",) if late else ()
    return replace(take, notes=notes[notes["onset_s"] < take.seconds]), (*odd, *warnings)


def _as_kind(found: tuple[Take, tuple[str, ...]], files: tuple[Path, Path], kind: str) -> Given:
    take, warnings = found
    single = is_isolated(take.notes) if kind == "auto" else kind == "notes"
    return Given(take.path.name, files, isolated(take) if single else take, warnings)


def isolated(take: Take) -> Notes:
    """The take's notes as isolated notes, with their sound."""
    sound, rate = read_sound(take.path, cut=True)
    notes = take.notes
    return Notes(sound, float(rate), notes["onset_s"].copy(), np.minimum(notes["offset_s"], take.seconds),
                 notes["pitch"].astype(np.int64), notes["velocity"].astype(np.int64))


def joined(several: Sequence[Notes]) -> Notes:
    """All notes of one instrument, in a row. RtsepError: several sample rates."""
    rates = sorted({notes.sample_rate for notes in several})
    if len(rates) > 1:
        raise RtsepError(f"the recordings have {', '.join(f'{rate:g}' for rate in rates)} Hz: convert them to one rate")
    sounds = [np.atleast_2d(notes.sound) for notes in several]
    channels = max(len(sound) for sound in sounds)
    begins_s = np.cumsum([0, *(sound.shape[1] for sound in sounds)]) / rates[0]
    return Notes(
        np.concatenate([np.broadcast_to(sound, (channels, sound.shape[1])) for sound in sounds], axis=1), rates[0],
        np.concatenate([begin_s + notes.onset_s for begin_s, notes in zip(begins_s, several, strict=False)]),
        np.concatenate([begin_s + notes.offset_s for begin_s, notes in zip(begins_s, several, strict=False)]),
        np.concatenate([notes.pitch for notes in several]), np.concatenate([notes.velocities() for notes in several]),
        np.concatenate([notes.releases_s() for notes in several]),
    )
