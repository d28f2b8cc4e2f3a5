"""From inputs to a preset: chooses the kind of training, fills pitches that were not played, and reports what was done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound
from rtsep.fit.check import Fit, check_fit
from rtsep.notes.moved import AS_WRITTEN, Timing
from rtsep.params import Value
from rtsep.presets.preset import PROVENANCE, ROWS_PER_PITCH, Preset
from rtsep.training.combine import stack
from rtsep.training.drums import choke_groups, train_drums
from rtsep.training.fill import fill, fill_range
from rtsep.training.inputs import Given, Take, joined
from rtsep.training.isolated import Notes, Progress, Settings, Templates, train
from rtsep.training.music import Music, train_music
from rtsep.training.sync import check_installed, synchronised

ROWS_AT_EASE = 4  # With more rows per pitch than this, the engine needs more open rows than its default.
NOTES_AT_ONCE = 16  # The preset's default of open rows has room for this many notes at a time.
# Default of `prediction` if levels were measured in music: 1 costs 0.3 dB (docs/measurements/experiments.md).
MUSIC_TRUST = 0.2
# Default of the background's sparsity weight for drums: a lower one gives the background what templates explain imperfectly
# (docs/measurements/drums.md).
DRUMS_HANDICAP = 0.3
# Default of `adapt_hold_s` for drums, in s: drums differ more than pianos, and triggers tell which one sounds
# (docs/measurements/drums.md).
DRUMS_HOLD_S = 0.1

SYNC = "; --sync may help if only the timing differs"


@dataclass(frozen=True)
class Job:
    """What to do with the inputs.

    stacked: each input is a separate instrument. fill_low, fill_high: the range in which pitches that were not played are
    filled; None: near played ones. filled: False fills none. sync: align the notes with the sound. check: refuse scores that do
    not fit (False: only warn). timing: how the notes were moved already, for the messages.
    """

    settings: Settings
    stacked: bool = False
    filled: bool = True
    fill_low: int | None = None
    fill_high: int | None = None
    sync: bool = False
    check: bool = True
    timing: Timing = AS_WRITTEN


@dataclass(frozen=True)
class About:
    """A preset's description of itself: see `rtsep.presets.preset.Preset`."""

    name: str
    title: str
    provenance: Mapping[str, str]
    programs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Learnt:
    """A trained preset, its takes and its report. music: one for each instrument that was learnt from music."""

    preset: Preset
    templates: Templates
    music: tuple[Music, ...]
    takes: tuple[Take, ...]
    report: dict[str, Any]

    @property
    def interrupted(self) -> bool:
        """Whether training was interrupted."""
        return self.templates.reason == "interrupted"


def check_job(job: Job) -> None:
    """Raise RtsepError for errors that can be seen before anything is read."""
    if job.settings.templates * job.settings.levels > ROWS_PER_PITCH:
        raise RtsepError(f"{job.settings.templates} templates for each of {job.settings.levels} levels are more than "
                         f"{ROWS_PER_PITCH} per pitch: lower --templates or --levels")
    if job.sync:
        check_installed()


Trained = tuple[Templates, Music | None]
Train = Callable[[Sequence[Take | Notes], Settings, Progress], Trained]


def learn(given: Sequence[Given], job: Job, about: About, progress: Progress, train_group: Train | None = None) -> Learnt:
    """Train on everything in `given`; `train_group` trains one instrument (None: here).

    KeyboardInterrupt ends training with the result so far (`Learnt.interrupted`); it is raised if there is none.
    RtsepError: inputs that cannot be trained on together, scores that do not fit.
    """
    began = time.monotonic()
    ready, fits, warnings = [], list[Fit | None](), list[str]()
    for each in given:
        source, fit = (each.source, None) if isinstance(each.source, Notes) else aligned(each.source, job, progress)
        ready.append(source)
        fits.append(fit)
        warnings += [*each.warnings, *judged(each.name, fit, job)]
    groups = [[source] for source in ready] if job.stacked else [ready]
    learnt = [(train_group or _train)(group, job.settings, progress) for group in groups]
    templates = stack([templates for templates, _ in learnt])
    played = np.unique(templates.row_pitch).astype(np.int64)
    missing = fill_range(played, job.fill_low, job.fill_high) if job.filled else np.zeros(0, np.int64)
    whole = fill(templates, missing)
    inputs = [_about(each.name, source, fit) for each, source, fit in zip(given, ready, fits, strict=True)]
    music = tuple(music for _, music in learnt if music)
    report = {**_report(whole, played, missing), "inputs": inputs, "warnings": warnings,
              "tuning_cents": [each.tuning_cents for each in music],
              "seconds": round(time.monotonic() - began, 2)}
    return Learnt(_preset(whole, missing, about, bool(music)), whole, music,
                  tuple(source for source in ready if isinstance(source, Take)), report)


def judged(name: str, fit: Fit | None, job: Job) -> list[str]:
    """Warnings about how the notes of an input fit it. RtsepError: they do not."""
    hint = SYNC if fit and fit.uneven else ""
    warnings = [f"{name}: {fit.doubt()}{hint}"] if fit and fit.doubt() else []
    if fault := fit.fault(job.timing) if fit else "":
        if job.check:
            raise RtsepError(f"{name}: {fault}{hint} (--no-check trains in spite of this)")
        warnings.append(f"{name}: {fault}")
    return warnings


def aligned(take: Take, job: Job, progress: Progress) -> tuple[Take, Fit | None]:
    """The take with aligned notes, and how well they fit; a recorded session needs no check."""
    if take.aligned:
        return take, None
    progress(f"aligning {take.path.name}", 0, 1, None)
    if job.sync:
        take = replace(take, notes=synchronised(take))
    with open_sound(take.path, cut=True) as sound:
        fit = check_fit(sound, take.notes)
    progress(f"aligning {take.path.name}", 1, 1, None)
    return take, fit


def _train(sources: Sequence[Take | Notes], settings: Settings, progress: Progress) -> Trained:
    """Train one instrument on music or on isolated notes."""
    takes = [source for source in sources if isinstance(source, Take)]
    notes = [source for source in sources if isinstance(source, Notes)]
    if takes and notes:
        raise RtsepError(f"{takes[0].path.name} is music and other inputs are isolated notes: train on one kind, or on "
                         "recordings with --as recording")
    if takes and settings.drums:
        raise RtsepError(f"{takes[0].path.name} looks like music, but drums are learnt from single hits: give --as notes if it "
                                 "has single hits")
    if not takes:
        return train_drums(joined(notes), progress) if settings.drums else train(joined(notes), settings, progress), None
    music = train_music(takes, settings, progress)
    return music.templates, music


def _preset(templates: Templates, missing: Any, about: About, from_music: bool) -> Preset:
    filled = np.zeros(128, bool)
    filled[missing] = True
    rows = int(np.bincount(templates.row_pitch).max())
    framing, age_s = templates.framing, templates.row_age_s
    defaults: dict[str, Value] = {"max_open_rows": NOTES_AT_ONCE * rows} if rows > ROWS_AT_EASE else {}
    if from_music and templates.envelope_db is not None:
        defaults["prediction"] = MUSIC_TRUST
    if age_s is not None:
        defaults |= {"window_samples": framing.window_size, "background_handicap": DRUMS_HANDICAP, "adapt_hold_s": DRUMS_HOLD_S}
    preset = Preset(
        about.name, about.title, templates.sample_rate, framing.window_size, framing.overlap, templates.W, templates.row_pitch,
        templates.row_role, templates.release_s, templates.decay_s, {key: about.provenance[key] for key in PROVENANCE},
        defaults, filled=filled, programs=about.programs, encoder=templates.encoder, envelope_db=templates.envelope_db,
    )
    return preset if age_s is None else replace(preset, row_age_s=age_s, choke=choke_groups())


def _report(templates: Templates, played: Any, missing: Any) -> dict[str, Any]:
    """The report of the training."""
    return {
        "pitches_trained": [int(pitch) for pitch in played],
        "pitches_filled": [int(pitch) for pitch in missing],
        "rows": len(templates.W),
        "sample_rate": templates.sample_rate,
        "frames": templates.frames,
        "updates": len(templates.losses) - 1,
        "losses": [float(loss) for loss in templates.losses],
        "reason": templates.reason,
    }


def _about(name: str, source: Take | Notes, fit: Fit | None) -> dict[str, Any]:
    if isinstance(source, Notes):
        return {"name": name, "kind": "isolated notes", "notes": len(source.pitch),
                "seconds": round(source.sound.shape[-1] / source.sample_rate, 3)}
    return {"name": name, "kind": "recording", "notes": len(source.notes), "seconds": round(source.seconds, 3),
            "alignment": asdict(fit) if fit else None}
