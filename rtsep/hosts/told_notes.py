"""Offline: the notes of a recording: told, heard or brought into line, and the melody of its voice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rtsep.errors import RtsepError
from rtsep.files.sound import SoundReader
from rtsep.hosts.aligned import Aligned, align_score
from rtsep.hosts.transcription import presets_to_hear, transcribed
from rtsep.notes.merged import read_scores
from rtsep.notes.moved import AS_WRITTEN, moved_score
from rtsep.notes.score import Score
from rtsep.notes.told_melody import take_melody

if TYPE_CHECKING:
    from rtsep.hosts.render import Job


class ToldNotes(NamedTuple):
    """The notes of the stems, the melody of the voice, and how the score was brought into line; None: there are none."""

    score: Score | None
    melody: Score | None
    aligned: Aligned | None


def told_notes(job: Job, sound: SoundReader) -> ToldNotes:
    """The notes of `job`, whose times are those of the sound."""
    aligned = _aligned(job, sound) if job.aligns else None
    score = _score_of(job, sound) if aligned is None else aligned.score
    score, melody = take_melody(job.melody, score, sound.sample_rate) if job.melody else (score, None)
    if score is not None and not job.listen:
        score = moved_score(score, job.timing)
    return ToldNotes(score, None if melody is None else moved_score(melody, job.timing), aligned)


def _aligned(job: Job, sound: SoundReader) -> Aligned:
    """The score in line with the sound."""
    if job.mosaic is not None or job.timing != AS_WRITTEN:
        other = "--mosaic" if job.mosaic is not None else "--offset or --stretch"
        raise RtsepError(f"--score without --midi, and {other}, do not go together: give the notes with --midi")
    return align_score(Path(str(job.score)), job.by, sound)


def _score_of(job: Job, sound: SoundReader) -> Score | None:
    """The notes that are told, at the times of their files, or heard; None: all templates are open."""
    if job.listen:
        if job.midi:
            raise RtsepError("--listen hears the notes, and --midi tells them: leave out one of them")
        return transcribed(sound, presets_to_hear(job.presets))
    return read_scores(job.midi, sound.sample_rate) if job.midi else None
