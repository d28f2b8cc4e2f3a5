"""Which notes a rendering is told: from MIDI, from a score that is brought into line, or heard in the sound; and a melody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtsep.errors import RtsepError
from rtsep.files.reading import SoundReader
from rtsep.hosts.aligned import Aligned, align_score
from rtsep.hosts.path_picture import draw_path
from rtsep.hosts.transcription import Transcription, hearing_of, transcribed
from rtsep.notes.merged import read_scores
from rtsep.notes.moved import AS_WRITTEN, moved_score
from rtsep.notes.score import Score
from rtsep.notes.told_melody import take_melody
from rtsep.notes.written import written_midi

if TYPE_CHECKING:
    from rtsep.hosts.render import Job


BY_PRESET = "this preset plays one note at a time, so rtsep heard a single line: --no-line hears chords"


@dataclass(frozen=True, eq=False)
class ToldNotes:
    """The notes of a rendering. score: None: all templates are open. melody: the notes of the voice, if they are told.

    aligned: how the score was brought into line. heard: the notes that were heard in the sound. hints: for the user.
    """

    score: Score | None
    melody: Score | None
    aligned: Aligned | None = None
    heard: Transcription | None = None
    hints: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether no notes are told."""
        return self.score is None and self.melody is None

    def report(self) -> Mapping[str, Any]:
        """What report.json says of them."""
        if self.heard is not None and self.score is not None:
            return {"heard_notes": self.score.note_count}
        return {} if self.aligned is None else self.aligned.report

    def warnings(self) -> list[str]:
        """What the user should know of them."""
        return [*self.hints, *(() if self.aligned is None else self.aligned.warnings())]

    def files(self, title: str) -> Mapping[str, bytes]:
        """The contents of the files that `names_of_notes` names. title: of the picture."""
        files = dict[str, bytes]()
        if self.score is not None and (self.heard is not None or self.aligned is not None):
            files["notes.mid"] = written_midi(self.score, () if self.heard is None else self.heard.bends)
        if self.aligned is not None:
            files["path.png"] = draw_path(self.aligned, title)
        return files


def names_of_notes(job: Job) -> list[str]:
    """The files that tell which notes were found."""
    return ["notes.mid"] * (job.listen or job.aligns) + ["path.png"] * job.aligns


def told_notes(job: Job, sound: SoundReader) -> ToldNotes:
    """The notes of `job`, whose sound is `sound`. RtsepError: they cannot be read or found, or options do not go together."""
    if job.listen and job.midi:
        raise RtsepError("--listen hears the notes, and --midi tells them: leave out one of them")
    if job.timing != AS_WRITTEN and (job.listen or job.aligns):
        raise RtsepError(f"{'--listen' if job.listen else '--score without --midi'}, and --offset or --stretch, do not go "
                         "together: give the notes with --midi")
    if job.aligns and job.mosaic is not None:
        raise RtsepError("--score without --midi, and --mosaic, do not go together: give the notes with --midi")
    aligned = align_score(Path(str(job.score)), job.by, sound) if job.aligns else None
    heard = transcribed(sound, hearing_of(job.presets, job.line, job.span)) if job.listen else None
    score = heard.score if heard is not None else _score(job, sound) if aligned is None else aligned.score
    score, melody = take_melody(job.melody, score, sound.sample_rate) if job.melody else (score, None)
    score, melody = (None if each is None else moved_score(each, job.timing) for each in (score, melody))
    hints = (BY_PRESET,) if heard is not None and heard.line and job.line is None else ()
    return ToldNotes(score, melody, aligned, heard, hints)


def _score(job: Job, sound: SoundReader) -> Score | None:
    return read_scores(job.midi, sound.sample_rate) if job.midi else None
