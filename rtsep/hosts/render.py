"""Offline rendering: the streaming engine separates a sound file with its MIDI, block by block, into stems.

Memory is bounded for any length of sound; the engine's latency is removed from the files.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.engine.separator import Output, Separator
from rtsep.engine.streaming import Engine
from rtsep.errors import RtsepError
from rtsep.files.sound import SoundReader, StemWriter, open_sound
from rtsep.hosts.keep import Keeper
from rtsep.hosts.picture import Trace, draw
from rtsep.hosts.report import Clock, collect_warnings, make_report
from rtsep.notes.groups import with_groups
from rtsep.notes.moved import AS_WRITTEN, Timing, moved_score
from rtsep.notes.routing import Routing, by_channel, by_drum, by_split, by_track, everything
from rtsep.notes.score import EVENT, Score, read_midi
from rtsep.params import Value, param_of, parse_params
from rtsep.presets.instruments import choose, parse_wish, programs_by_name, stem_programs
from rtsep.reference.separator import ReferenceSeparator, refuse_with_reference

LARGEST_BLOCK = 65536  # Largest block, in samples, that --block allows.
WRITE_SAMPLES = 32768  # Files are written in portions of this many samples per channel.


@dataclass(frozen=True)
class Job:
    """What to render, and how: the options of `rtsep render`."""

    mix: Path
    out: Path
    midi: Path | None = None
    presets: tuple[str, ...] = ()  # NAME or NAME@STEM; other stems get one by General MIDI program.
    groups: tuple[str, ...] = ()  # NAME=SELECTION
    by: str = "track"
    split_pitch: int = 60
    params: Mapping[str, Value] = field(default_factory=dict)
    block: int | None = None  # None: one hop
    format: str = "wav"
    bits: str | None = None
    overwrite: bool = False
    picture: bool = False
    mosaic: Path | None = None  # Remake the sound from this file's frames instead of separating it.
    keep: tuple[str, ...] = ()  # FILE or FILE@STEM: presets to write
    keep_background: bool = False
    made_by: str = ""
    reference: bool = False  # by rtsep.reference: slow, and without a compiler
    timing: Timing = AS_WRITTEN  # when the notes sound


def route(job: Job, score: Score | None, name: str) -> Routing:
    """The routing of notes to stems; without MIDI all templates are one stem called `name`, or two at the split."""
    if job.by == "split":
        return by_split(score, job.split_pitch)
    if job.by == "drum":
        return by_drum(score)
    if score is None:
        if job.by == "channel":
            raise RtsepError("--by channel needs the notes: give --midi FILE, or use --by split")
        return everything(name)
    if job.by == "all":
        return everything("rest" if job.groups else name)
    return by_channel(score) if job.by == "channel" else by_track(score)


@dataclass(frozen=True)
class Played:
    """The notes to play: events EVENT [n], stems, and the General MIDI program of each stem."""

    routing: Routing
    events: npt.NDArray[np.void]
    programs: list[int]


def assign(job: Job, score: Score | None, name: str, sample_rate: float) -> Played:
    """Assign every note to a stem. A single stem without its own name is called `name`."""
    routing = route(job, score, name)
    if score is None:
        return Played(routing, np.zeros(0, EVENT), programs_by_name(routing))
    grouped = with_groups(job.groups, score, routing)
    events = score.events(sample_rate)
    events["stem"] = grouped.own
    programs = stem_programs(grouped.routing, score, grouped.own)
    if job.by == "drum":  # Pads may play on any channel.
        programs[: len(routing.names)] = programs_by_name(routing)
    return Played(grouped.routing, events, programs)


def outputs(
    sound: SoundReader, engine: Engine, events: npt.NDArray[np.void], block: int, clock: Clock
) -> Iterator[Output]:
    """Process the whole sound, and `latency` zeros after it, block by block; `events` count from its start."""
    starts = events["sample"].tolist()
    position = used = 0
    for piece in _pieces(sound, engine.latency, block):
        first, end = used, position + piece.shape[1]
        while used < len(starts) and starts[used] < end:
            used += 1
        due = events[first:used].copy()
        due["sample"] -= position
        with clock.block(position, piece.shape[1]):
            output = engine.process(piece, due)
        position += piece.shape[1]
        yield output


class _Collected:
    """Collects output for files: joins small blocks into large writes, and drops the latency."""

    def __init__(self, writer: StemWriter, latency: int, mixdown: bool) -> None:
        self.written = 0
        self._writer = writer
        self._skip = latency
        self._mixdown = mixdown
        self._stems: list[npt.NDArray[np.float32]] = []
        self._mix: list[npt.NDArray[np.float32]] = []
        self._pending = 0

    def add(self, output: Output) -> bool:
        """Keep a block of output; gives whether it was time to write."""
        skip = min(self._skip, output.mix.shape[1])
        self._skip -= skip
        self._stems.append(output.stems[:, :, skip:].copy())
        self._mix.append(output.mix[:, skip:].copy())
        self._pending += output.mix.shape[1] - skip
        if self._pending < WRITE_SAMPLES:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Write all pending output."""
        if self._pending:
            sounds = [*np.concatenate(self._stems, axis=2)]
            if self._mixdown:
                sounds.append(np.concatenate(self._mix, axis=1))
            for index, sound in enumerate(sounds):
                self._writer.write(index, sound)
        self.written += self._pending
        self._stems, self._mix, self._pending = [], [], 0


def _pieces(sound: SoundReader, latency: int, block: int) -> Iterator[npt.NDArray[np.float32]]:
    """The sound and `latency` zeros after it, `block` samples at a time, only the last one shorter."""
    ahead = max(LARGEST_BLOCK // block, 1) * block
    pending = np.zeros((sound.channels, 0), np.float32)
    for chunk in chain(sound.blocks(ahead), [np.zeros((sound.channels, latency), np.float32)]):
        pending = np.concatenate([pending, chunk], axis=1)
        whole = pending.shape[1] // block * block
        for begin in range(0, whole, block):
            yield pending[:, begin : begin + block]
        pending = pending[:, whole:]
    if pending.shape[1]:
        yield pending


def render(job: Job, progress: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Any]:
    """Render `job`; gives its report, which is also written as report.json. `progress(samples done, samples in all)`.

    RtsepError for anything that the user can correct; then nothing is left behind.
    """
    params = parse_params(job.params)
    if job.mosaic is None and "latency_samples" not in params:
        params.setdefault("mode", "quality")  # The latency is removed, so use the best mode.
    if job.block is not None and not 1 <= job.block <= LARGEST_BLOCK:
        raise RtsepError(f"--block {job.block}: allowed is 1 to {LARGEST_BLOCK} samples")
    with open_sound(job.mix) as sound:
        score = None if job.midi is None else moved_score(read_midi(job.midi), job.timing)
        if score is None and params.setdefault("gate", False):
            raise RtsepError("--set gate=on needs the notes: give --midi FILE")
        choose_engine = _mosaic if job.mosaic is not None else _separator
        if job.reference:
            refuse_with_reference({"--mosaic": job.mosaic, "--save-preset": job.keep, "--save-background": job.keep_background})
        engine, events, warnings = choose_engine(job, sound, score, params)
        return _render(job, sound, score, engine, events, warnings, progress)


Chosen = tuple[Engine, npt.NDArray[np.void], tuple[str, ...]]  # An engine with its events and warnings.


def _separator(job: Job, sound: SoundReader, score: Score | None, params: Mapping[str, Value]) -> Chosen:
    wish = parse_wish(job.presets)
    if job.groups and not params.get("gate", True):
        raise RtsepError("--group needs to know which notes sound: give --midi FILE, and not --set gate=off")
    played = assign(job, score, wish.name, sound.sample_rate)
    instruments = choose(wish, played.routing, played.programs)
    kind = ReferenceSeparator if job.reference else Separator
    return kind(instruments.presets, played.routing, params), played.events, instruments.warnings


def _mosaic(job: Job, sound: SoundReader, score: Score | None, params: Mapping[str, Value]) -> Chosen:
    from rtsep.grains.engine import Mosaic, refuse_with_mosaic  # Imported only for mosaics.
    from rtsep.grains.source import load_source

    refuse_with_mosaic({"--preset": job.presets, "--group": job.groups, "--by": job.by != "track", "--picture": job.picture})
    events = np.zeros(0, EVENT) if score is None else score.events(sound.sample_rate)
    return Mosaic(load_source(Path(str(job.mosaic))), params), events, ()


def _render(
    job: Job, sound: SoundReader, score: Score | None, engine: Engine, events: npt.NDArray[np.void],
    warnings: tuple[str, ...], progress: Callable[[int, int], None]
) -> dict[str, Any]:
    names = list(engine.stem_names)
    mixdown = any(param_of(name).live for name in engine.params)
    if mixdown:
        names.append("mixdown")
    extras = ("report.json", "picture.png") if job.picture else ("report.json",)
    inputs = [path for path in (job.mix, job.midi, job.mosaic) if path is not None]
    keeper = Keeper(engine, job.keep, job.overwrite, job.keep_background, job.made_by)
    with StemWriter(job.out, names, sound.sample_rate, sound.channels, job.format, job.bits, job.overwrite,
                    inputs, extras, sound.frames) as writer:
        engine.prepare(sound.sample_rate, sound.channels, LARGEST_BLOCK)  # Compiles the first time.
        clock = Clock(engine.framing.hop)
        shown = engine if job.picture and isinstance(engine, Separator | ReferenceSeparator) else None
        trace = None if shown is None else Trace(shown, sound.sample_rate, sound.frames)
        started = time.perf_counter()
        collected = _Collected(writer, engine.latency, mixdown)
        hop = engine.framing.hop
        block = min(job.block or hop, hop) if trace is not None else job.block or hop  # Pictures need all.
        for output in outputs(sound, engine, events, block, clock):
            if trace is not None:
                trace.add(output)
            if collected.add(output):
                progress(collected.written, sound.frames)
        collected.flush()
        clock.total_s = time.perf_counter() - started
        report = make_report(engine, sound, clock, dict(zip(names, writer.files, strict=True)))
        report["clipped_samples"] = writer.clipped_samples
        report["warnings"] = [*warnings, *collect_warnings(report, engine, sound, score, job.timing)]
        if trace is not None:
            trace.finish()
            writer.add_file("picture.png", draw(trace, score, f"{job.mix.name}: {report['mode']}, "
                                                f"{report['latency_ms']:.1f} ms, preset {report['preset']}"))
        report["saved_presets"] = [str(path) for path in keeper.keep_all(engine)]
        writer.add_file("report.json", json.dumps(report, indent=2) + "\n")
        writer.commit()
    return report
