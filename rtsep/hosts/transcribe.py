"""`rtsep transcribe`: sound files become MIDI files."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtsep.errors import RtsepError
from rtsep.files.pipes import STANDARD_INPUT, seekable
from rtsep.files.results import Results
from rtsep.files.sound import open_sound
from rtsep.hosts.transcription import Hearing, hearing_of, transcribed
from rtsep.notes.routing import struck
from rtsep.notes.score import Score

ENDINGS = (".mid", ".midi")


@dataclass(frozen=True)
class Job:
    """The options of `rtsep transcribe`. out: a MIDI file, or, for several sources, a folder."""

    sources: Sequence[Path]
    out: Path
    presets: tuple[str, ...] = ()
    line: bool | None = None  # Hear a single line; None: if the preset plays one.
    span: tuple[int, int] | None = None  # The lowest and the highest pitch of the line; None: those of the preset.
    overwrite: bool = False


def transcribe(job: Job, progress: Callable[[str, int, int], None] = lambda what, done, total: None) -> dict[str, Any]:
    """Write a MIDI file for each source. Returns the report.

    RtsepError: anything that the user can correct; then no file is left behind.
    """
    names = _names(job)
    hearing = hearing_of(job.presets, job.line, job.span)
    folder = job.out if len(names) > 1 else job.out.parent
    results = Results(folder, names, job.overwrite, [path for path in job.sources if path != STANDARD_INPUT])
    try:
        files = [_one(source, hearing, results, name, progress) for source, name in zip(job.sources, names, strict=True)]
        results.commit()
    finally:
        results.abort()
    return {"preset": ", ".join(preset.name for preset in hearing.presets), "line": hearing.line, "heard_with": str(hearing),
            "files": files, "notes": sum(file["notes"] for file in files),
            "warnings": [text for file in files for text in file["warnings"]]}


def _names(job: Job) -> list[str]:
    """The names of the MIDI files."""
    if len(job.sources) == 1:
        if job.out.suffix.lower() not in ENDINGS:
            raise RtsepError(f"--out {job.out}: give a name that ends in {' or '.join(ENDINGS)}")
        return [job.out.name]
    if job.out.suffix.lower() in ENDINGS:
        raise RtsepError(f"--out {job.out}: for several sound files, give a folder")
    names = [f"{source.stem}.mid" for source in job.sources]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise RtsepError(f"two sound files would both become {twice}: transcribe them one by one, or rename one of them")
    return names


def _one(source: Path, hearing: Hearing, results: Results, name: str,
         progress: Callable[[str, int, int], None]) -> dict[str, Any]:
    began = time.perf_counter()
    with seekable(source) as path, open_sound(path, cut=True) as sound:
        found = transcribed(sound, hearing, lambda done, total: progress(source.name, done, total))
        seconds, notes = sound.frames / sound.sample_rate, list(sound.notes)
    results.add(name, found.midi())
    score = found.score
    warnings = notes if score.note_count else [*notes, f"{source}: no notes were found"]
    return {"source": str(source), "out": str(results.folder / name), "seconds": round(seconds, 3), **_described(score),
            "realtime_factor": round(seconds / max(time.perf_counter() - began, 1e-9), 2), "warnings": warnings}


def _described(score: Score) -> dict[str, Any]:
    """How many notes there are, their range, and their mean velocity; None without notes."""
    strikes = score.messages[struck(score)]
    if not len(strikes):
        return {"notes": 0, "lowest": None, "highest": None, "mean_velocity": None}
    return {"notes": len(strikes), "lowest": int(strikes[:, 2].min()), "highest": int(strikes[:, 2].max()),
            "mean_velocity": round(float(strikes[:, 3].mean()), 1)}
