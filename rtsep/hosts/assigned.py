"""Offline: which stem each note of a score belongs to, and which instrument plays the stem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.notes.drum_maps import read_drum_map
from rtsep.notes.folded import fold
from rtsep.notes.groups import with_groups
from rtsep.notes.hints import drum_keys, routing_hints
from rtsep.notes.routing import (
    MAX_STEMS,
    Routing,
    by_channel,
    by_drum,
    by_family,
    by_hands,
    by_split,
    by_track,
    count_stems,
    everything,
    keyboards,
    only_voice,
    with_voice,
)
from rtsep.notes.score import EVENT, Score
from rtsep.notes.score_parts import by_score
from rtsep.notes.told_melody import with_melody
from rtsep.presets.instruments import programs_by_name, stem_programs

if TYPE_CHECKING:
    from rtsep.hosts.render import Job


def route(job: Job, score: Score | None, name: str) -> Routing:
    """The routing of notes to stems; without MIDI all templates are one stem called `name`, or two at the split."""
    if score is not None and job.by != "track" and any(score.stems):
        raise RtsepError(f"--midi FILE@STEM says already what makes a stem: leave out --by {job.by}, or leave out @STEM")
    if job.score is not None and score is not None and not job.aligns:
        return _by_score(job, score)
    if job.by == "split":
        return by_split(score, job.split_pitch)
    if job.by == "drum":
        return by_drum(score, read_drum_map(job.drum_map))
    if score is None:
        if job.by in ("channel", "family", "hands"):
            raise RtsepError(f"--by {job.by} needs the notes: give --midi FILE or --listen, or use --by split")
        return everything(name)
    if job.by == "hands":
        told = job.aligns and len(score.track_names) == 2  # The score says which hand plays a note.
        return by_track(score) if told else by_hands(score)
    if job.by == "all":
        return everything("rest" if job.groups else name, score)
    if job.by == "family" or count_stems(score, job.by) > MAX_STEMS:
        return by_family(score)
    return by_channel(score) if job.by == "channel" else by_track(score)


def _by_score(job: Job, score: Score) -> Routing:
    """The parts of --score as stems, or its hands."""
    if job.by not in ("track", "hands"):
        raise RtsepError(f"--score and --by {job.by} do not go together: leave out --by, or give --by hands")
    return by_score(str(job.score), job.by, score)


@dataclass(frozen=True)
class Played:
    """The notes to play: events EVENT [n], stems, and the General MIDI program of each stem."""

    routing: Routing
    events: npt.NDArray[np.void]
    programs: list[int]
    drum_keys: Mapping[int, int] = field(default_factory=dict)  # Keys of drums, and the keys that stand in for them.
    hints: tuple[str, ...] = ()


def assign(job: Job, score: Score | None, name: str, sample_rate: float, melody: Score | None = None) -> Played:
    """Assign every note to a stem. A single stem without its own name gets the name `name`. melody: the voice's notes."""
    if score is None and melody is not None:
        routing, events, played = with_melody(only_voice(job.voice), np.zeros(0, EVENT), melody.events(sample_rate))
        events, table = fold(events, routing.table, played)
        return Played(replace(routing, table=table), events, [0])
    routing = route(job, score, name)
    if score is None:
        routing = with_voice(routing, job.voice) if job.voice else routing
        return Played(routing, np.zeros(0, EVENT), programs_by_name(routing))
    grouped = with_groups(job.groups, score, routing)
    events = score.events(sample_rate)
    events["stem"] = grouped.own
    programs = stem_programs(grouped.routing, score, grouped.own)
    if job.by == "drum":  # Pads can play on any channel.
        programs[: len(routing.names)] = programs_by_name(routing)
    routing, played = grouped.routing, keyboards(score)
    if job.voice:
        routing, programs = with_voice(routing, job.voice), [*programs, 0]
    if melody is not None:
        routing, events, more = with_melody(routing, events, melody.events(sample_rate))
        played += more
    events, table = fold(events, routing.table, played)
    hints = (*score.warnings, *routing_hints(score, "hands" if job.score is not None and job.midi else job.by))
    return Played(replace(routing, table=table), events, programs, drum_keys(score, job.by, job.drum_map), hints)
