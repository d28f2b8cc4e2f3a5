"""Offline rendering: the streaming engine separates a sound file with its MIDI, block by block, into stems.

Memory is bounded for any length of sound. The latency of the engine is removed from the files.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.errors import RtsepError
from rtsep.files.pipes import seekable
from rtsep.files.sound import SoundReader, StemWriter, open_sound
from rtsep.hosts.assigned import assign
from rtsep.hosts.keep import Keeper
from rtsep.hosts.output import Delivery, Outlet, check_delivery, choose_layout, describe_stems
from rtsep.hosts.passing import LARGEST_BLOCK, Collected, outputs
from rtsep.hosts.picture import Trace, draw
from rtsep.hosts.ranges import choose_range
from rtsep.hosts.report import Clock, add_levels, collect_warnings, make_report, silent_warnings
from rtsep.hosts.sung import Listener, files_of, names_of
from rtsep.hosts.told_notes import ToldNotes, names_of_notes, told_notes
from rtsep.notes.folded import fold
from rtsep.notes.merged import split_stem
from rtsep.notes.moved import AS_WRITTEN, Timing
from rtsep.notes.routing import everything, keyboards
from rtsep.notes.score import EVENT
from rtsep.notes.told_melody import ALONE, melody_file
from rtsep.params import Value, param_of, parse_params
from rtsep.presets.bent import all_with_bends
from rtsep.presets.instruments import choose
from rtsep.presets.wish import parse_wish
from rtsep.reference.separator import ReferenceSeparator, refuse_with_reference


@dataclass(frozen=True)
class Job:
    """What to render, and how: the options of `rtsep render`."""

    mix: Path
    out: Path
    midi: tuple[str, ...] = ()  # FILE or FILE@STEM
    presets: tuple[str, ...] = ()  # NAME or NAME@STEM; other stems get a preset by their General MIDI program.
    groups: tuple[str, ...] = ()  # NAME=SELECTION
    by: str = "track"
    split_pitch: int = 60
    params: Mapping[str, Value] = field(default_factory=dict)
    block: int | None = None  # Samples; None: one hop.
    format: str = "wav"
    bits: str | None = None
    overwrite: bool = False
    picture: bool = False
    mosaic: Path | None = None  # Remake the sound from this file's frames instead of separating it.
    keep: tuple[str, ...] = ()  # FILE or FILE@STEM: presets to write
    keep_background: bool = False
    made_by: str = ""
    reference: bool = False  # Use rtsep.reference: slow, but without a compiler.
    drum_map: Path | None = None  # Groups of drums by key, see `rtsep.notes.drum_maps`.
    delivery: Delivery = field(default_factory=Delivery)
    timing: Timing = AS_WRITTEN  # How the times of the notes are moved.
    score: Path | None = None  # With notes: what is played, its parts or hands are the stems. Alone: notes to bring into line.
    listen: bool = False  # Hear the notes in the sound.
    line: bool | None = None  # Hear a single line; None: if the preset plays one.
    span: tuple[int, int] | None = None  # The lowest and the highest pitch of the line; None: those of the preset.
    voice: str = ""  # Name of the stem of a voice; empty: there is none.
    melody: str = ""  # The notes of the voice: FILE, FILE@TRACK, or TRACK of the notes.

    @property
    def aligns(self) -> bool:
        """Whether the score is brought into line with the recording."""
        return self.score is not None and not self.midi and not self.listen


def render(job: Job, progress: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Any]:
    """Render `job`. Returns its report, which is also written as report.json. `progress(samples done, samples in all)`.

    RtsepError: anything that the user can correct; then no file is left behind.
    """
    params = parse_params(job.params)
    if job.mosaic is None and "latency_samples" not in params:
        params.setdefault("mode", "quality")  # The latency is removed, so the best mode costs none.
    if job.block is not None and not 1 <= job.block <= LARGEST_BLOCK:
        raise RtsepError(f"--block {job.block}: allowed is 1 to {LARGEST_BLOCK} samples")
    check_delivery(job.delivery)
    with seekable(job.mix) as mix, open_sound(mix, cut=True) as sound:
        job = replace(job, mix=mix)
        notes = told_notes(job, sound)
        if notes.none and params.setdefault("gate", False):
            raise RtsepError("--set gate=on needs the notes: give --midi FILE, --score FILE or --listen")
        if notes.score is None and notes.melody is not None:
            params = {**ALONE, **params}
        choose_engine = _mosaic if job.mosaic is not None else _separator
        if job.reference:
            refuse_with_reference({"--mosaic": job.mosaic, "--save-preset": job.keep, "--save-background": job.keep_background})
        engine, events, warnings = choose_engine(job, sound, notes, params)
        return _render(job, sound, notes, engine, events, warnings, progress)


Chosen = tuple[Engine, npt.NDArray[np.void], tuple[str, ...]]  # An engine with its events and warnings.


def _separator(job: Job, sound: SoundReader, notes: ToldNotes, params: Mapping[str, Value]) -> Chosen:
    wish = parse_wish(job.presets)
    if job.groups and not params.get("gate", True):
        raise RtsepError("--group needs to know which notes sound: give --midi FILE, and leave out --set gate=off")
    played = assign(job, notes.score, wish.name, sound.sample_rate, notes.melody)
    instruments = choose(wish, played.routing, played.programs, played.drum_keys)
    kind = ReferenceSeparator if job.reference else Separator
    bends = notes.heard is not None and notes.heard.line and not job.keep  # Presets that are kept have no bent rows.
    presets = all_with_bends(instruments.presets) if bends else instruments.presets
    return kind(presets, played.routing, params), played.events, (*played.hints, *instruments.warnings)


def _mosaic(job: Job, sound: SoundReader, notes: ToldNotes, params: Mapping[str, Value]) -> Chosen:
    from rtsep.grains.engine import Mosaic, refuse_with_mosaic  # Imported only for mosaics.
    from rtsep.grains.source import load_source

    refuse_with_mosaic({"--preset": job.presets, "--group": job.groups, "--by": job.by != "track", "--score": job.score,
                        "--picture": job.picture, "--listen": job.listen, "--voice": job.voice})
    events, warnings = np.zeros(0, EVENT), tuple[str, ...]()
    if notes.score is not None:
        table = everything("mosaic", notes.score).table
        events, _ = fold(notes.score.events(sound.sample_rate), table, keyboards(notes.score))
        warnings = notes.score.warnings
    return Mosaic(load_source(Path(str(job.mosaic))), params), events, warnings


def _render(
    job: Job, sound: SoundReader, notes: ToldNotes, engine: Engine, events: npt.NDArray[np.void], warnings: tuple[str, ...],
    progress: Callable[[int, int], None]
) -> dict[str, Any]:
    wish = job.delivery
    mixdown = wish.loudness_lufs is not None or any(param_of(name).live for name in engine.params)
    layout = choose_layout(wish, engine.stem_names, mixdown, sound.channels)
    part = choose_range(sound, wish.start_s, wish.end_s, notes.score, bool(engine.value("learn_background_s")))
    rate = wish.rate or sound.sample_rate
    extras = ("report.json", *["picture.png"] * job.picture, *names_of_notes(job),
              *names_of("" if job.reference else job.voice))
    given = (job.mix, *(split_stem(text)[0] for text in job.midi), job.mosaic, job.score, melody_file(job.melody))
    inputs = [path for path in given if path is not None]
    keeper = Keeper(engine, job.keep, job.overwrite, job.keep_background, job.made_by)
    with StemWriter(job.out, layout.files, rate, layout.file_channels, job.format, job.bits, job.overwrite, inputs, extras,
                    part.frames * rate // sound.sample_rate + 1, part.begin * rate // sound.sample_rate) as writer:
        engine.prepare(sound.sample_rate, sound.channels, LARGEST_BLOCK)  # The first time, this compiles.
        clock = Clock(engine.framing.hop)
        shown = engine if job.picture and isinstance(engine, Separator | ReferenceSeparator) else None
        trace = None if shown is None else Trace(shown, sound.sample_rate, part.frames, part.lead, part.begin)
        voice = Listener(engine, part.first / sound.sample_rate) if job.voice and isinstance(engine, Separator) else None
        started = time.perf_counter()
        with Outlet(writer, job.out, wish, layout, sound.sample_rate, part.frames) as outlet:
            collected = Collected(outlet, engine.latency + part.lead, mixdown)
            hop = engine.framing.hop
            block = min(job.block or hop, hop) if trace is not None else job.block or hop  # Pictures need every hop.
            for output in outputs(part, engine, part.events(events), block, clock):
                if trace is not None:
                    trace.add(output)
                if voice is not None:
                    voice.listen()
                if collected.add(output):
                    progress(collected.written, part.frames)
            collected.flush()
            told = outlet.finish()
        clock.total_s = time.perf_counter() - started
        report = make_report(engine, part, clock, partial(describe_stems, layout, writer.files)) | told
        add_levels(report, collected.energies, part.frames * part.channels)
        report["clipped_samples"] = writer.clipped_samples
        timed = None if notes.heard else notes.score  # Heard notes fit the sound.
        report["warnings"] = [*warnings, *collect_warnings(report, engine, sound, timed, job.timing), *notes.warnings(),
                              *silent_warnings(engine, part.events(events), collected.energies)]
        report |= notes.report()
        sung = None if voice is None else voice.found().at_steps(part.begin / sound.sample_rate, part.end / sound.sample_rate)
        found = {} if sung is None else files_of(sung, job.voice)
        for name, content in (*notes.files(f"{job.mix.name} and {job.score}").items(), *found.items()):
            writer.add_file(name, content)
        if trace is not None:
            trace.finish()
            writer.add_file("picture.png", draw(trace, notes.score, f"{job.mix.name}: {report['mode']}, "
                                                f"{report['latency_ms']:.1f} ms, preset {report['preset']}", job.voice, sung))
        report["saved_presets"] = [str(path) for path in keeper.keep_all(engine)]
        writer.add_file("report.json", json.dumps(report, indent=2) + "\n")
        writer.commit()
    return report
