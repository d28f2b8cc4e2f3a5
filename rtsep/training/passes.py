"""The passes of a training over recordings that are worked on somewhere else, and what is kept after each of them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rtsep.training.descent import Course, Schedule, improve
from rtsep.training.envelopes import music_envelopes
from rtsep.training.frames import memory_s
from rtsep.training.inputs import Take
from rtsep.training.isolated import RELEASE_DB, Floats, Notes, Progress, Settings, Templates
from rtsep.training.music import HOP, ITERATIONS, Floats32, Music, one_rate, templates_of
from rtsep.training.nmf import POWERS, Factors, multiplicative_steps, normalised
from rtsep.training.problem import power_below, scaled_by
from rtsep.training.ringing import Alone, Ringing, notes_alone, ringing_of
from rtsep.training.rows import keyed, rows_of
from rtsep.training.spread import Ended, Part, Reach, State, Store, added, end, file_of, listen_to, ring, update
from rtsep.training.start import first_templates
from rtsep.training.updates import LEAST_MODEL
from rtsep.windows import choose_framing, window_pair

CHECKPOINT = "checkpoint.npz"  # The file of templates and losses after the last whole pass.
TASKS = 4  # In each pass every worker gets about so many groups of recordings, so that none waits long for the last one.

# From function, what tasks share, and tasks, to each task's number and result.
Do = Callable[[Callable[[Any, Any], Any], Any, Sequence[Any]], Iterator[tuple[int, Any]]]


@dataclass(frozen=True)
class Workers:
    """Who works on recordings. do(function, shared, tasks): calls function(shared, task) for each, in any order."""

    do: Do
    count: int
    reach: Reach
    store: Store

    def all(self, function: Callable[[Any, Any], Any], shared: Any, tasks: Sequence[Any]) -> list[Any]:
        """All results in the order of the tasks."""
        found = dict(self.do(function, shared, tasks))
        return [found[number] for number in range(len(tasks))]


class _SpreadRun:
    """As `descent.Run`: W in this process, H with the recordings. After each update a checkpoint is kept."""

    def __init__(self, workers: Workers, state: State, parts: Sequence[Part], losses: list[float], token: str) -> None:
        self._workers, self.state, self._losses, self._token = workers, state, losses, token
        groups = np.array_split(np.arange(len(parts)), min(len(parts), TASKS * workers.count))
        self._groups = [[parts[number] for number in group] for group in groups]
        self._parts = parts
        self._next: State | None = None
        self._sums: tuple[Floats, Floats] = (np.zeros(0), np.zeros(0))
        self.ended: list[Ended] = []
        scaled = scaled_by(np.zeros((0, state.W.shape[1]), np.float32), state.loudest,
                           usual_floor=LEAST_MODEL.get(state.divergence))
        self.gain, self._step = scaled.gain, multiplicative_steps(state.divergence, scaled)

    @property
    def factors(self) -> tuple[Floats32, Floats32]:
        """W, and for H what one frame of ones would be."""
        return self.state.W, np.ones((1, len(self.state.W)), np.float32)

    def unscaled(self) -> Factors:
        """W with rows that sum to 1; H holds the scale of the activations in the store."""
        W, H = self.factors
        balance = self.state.balance
        course = Course(np.zeros(0), np.zeros(0, np.int64), "")
        return normalised(Factors(W * balance[:, None], H / balance / self.gain, course.losses, course.updates, ""))

    def measure(self) -> float:
        """The loss, and what the recordings give at the end."""
        self.ended = self._workers.all(end, (self.state, self.unscaled().H), self._parts)
        return sum(each.loss for each in self.ended)

    def prepare(self, name: str, measured: bool) -> float:
        """Update H with the recordings, or W here by their sums."""
        if name == "W":
            new = np.empty_like(self.state.W)
            numerator, denominator = (each.astype(np.float32) for each in self._sums)
            self._step("W", slice(None), self.state.W, numerator, denominator, new)
            self._next = replace(self.state, W=new, count=self.state.count + 1)
            return 0.0
        found = self._workers.all(update, self.state, self._groups)
        self._sums = sum(each[0] for each in found), sum(each[1] for each in found)
        loss = float(sum(each[2] for each in found))
        self._losses.append(loss)
        self._next = None
        return loss

    def accept(self) -> None:
        """Go on with what was prepared."""
        if self._next is not None:
            self.state, self._next = self._next, None
            data = io.BytesIO()
            np.savez(data, W=self.state.W, losses=np.array(self._losses), token=np.array(self._token))
            self._workers.store.save(CHECKPOINT, data.getvalue())


def _resumed(workers: Workers, state: State, token: str) -> tuple[State, list[float]]:
    """The state and the losses of the last checkpoint of the same training, if there is one."""
    kept = workers.store.load(CHECKPOINT)
    if kept is None:
        return state, []
    with np.load(io.BytesIO(kept), allow_pickle=False) as found:
        if str(found["token"]) != token:
            return state, []
        losses = [float(loss) for loss in found["losses"]]
        return replace(state, W=found["W"], count=len(losses)), losses


def _token(parts: Sequence[Part], settings: Settings, W: Floats32) -> str:
    """What tells whether a checkpoint belongs to a training."""
    digest = hashlib.sha256(repr((settings, [(part.sound, part.samples) for part in parts])).encode() + W.tobytes())
    for part in parts:
        digest.update(part.notes.tobytes())
    return digest.hexdigest()


def train_spread(
    takes: Sequence[Take | Notes], sounds: Sequence[str], settings: Settings, workers: Workers, progress: Progress
) -> tuple[Templates, Music]:
    """As `train_music`, of takes whose sounds are at these addresses.

    KeyboardInterrupt: the checkpoint stays, and the same call goes on from there. RtsepError: as there.
    """
    music = [take for take in takes if isinstance(take, Take)]
    rate = one_rate(take.sample_rate for take in music)
    notes = keyed([take.notes for take in music], settings.levels)
    rows = rows_of(notes, settings.templates)
    parts = [Part(i, sound, take.sample_rate, take.samples, take.notes, of_take)
             for i, (take, sound, of_take) in enumerate(zip(music, sounds, notes, strict=True))]
    progress("listening", 0, 1, None)
    listened = workers.all(listen_to, (workers.reach, rows), parts)
    progress("listening", 1, 1, None)
    heard, loudest = added([each for each, _ in listened]), max(most for _, most in listened)
    W, tuning_cents = first_templates(heard, rows, rate / choose_framing("live", rate).window_size)
    balance = power_below(W.max(axis=1, initial=0))
    token = _token(parts, settings, W)
    begin = State(workers.reach, workers.store, rows, settings.divergence, W / balance[:, None], balance, loudest)
    state, losses = _resumed(workers, begin, token)
    run, course = _improved(_SpreadRun(workers, state, parts, losses, token), settings, progress)
    factors = run.unscaled()
    W = factors.W[: len(rows.pitch)]
    ringing = _ringing(workers, parts, W, state)
    most = np.max([each.most for each in run.ended], axis=0)
    envelopes = music_envelopes(np.unique(rows.pitch), [note for each in run.ended for note in each.heard], ringing.decay_s)
    known = (most > 0) & (W.max(axis=1) > 0)
    templates = replace(templates_of(W, known, rows, float(rate), ringing, envelopes), losses=course.losses,
                        frames=heard.frames, reason=course.reason)
    _clear(workers.store, parts, run.state.count)
    return templates, Music(templates, np.zeros((0, int(known.sum())), np.float32), np.zeros(0), tuning_cents)


def _improved(run: _SpreadRun, settings: Settings, progress: Progress) -> tuple[_SpreadRun, Course]:
    updates = settings.iterations or ITERATIONS["nmf"]
    scale = float(run.gain) ** -POWERS[settings.divergence]
    schedule = Schedule(updates, 0, progress=lambda done, loss: progress("training", done, updates, loss))
    before = [loss * scale for loss in run._losses]
    _, course = improve(run, ("H", "W"), schedule, scale, before)
    if course.reason == "interrupted":
        raise KeyboardInterrupt
    return run, course


def _ringing(workers: Workers, parts: Sequence[Part], W: Floats32, state: State) -> Ringing:
    """How long notes ring, measured on the longest notes of each pitch, wherever they are."""
    pitches = np.unique(state.rows.pitch)
    end_s = [(np.arange(part.samples // HOP) + 1) * HOP / part.sample_rate for part in parts]
    alone = notes_alone(pitches, [part.notes for part in parts], [part.samples / part.sample_rate for part in parts], end_s)
    of_part: dict[int, list[Alone]] = {}
    for note in alone:
        of_part.setdefault(note.take, []).append(note)
    tasks = [(parts[number], notes) for number, notes in of_part.items()]
    times = [each for found in workers.all(ring, (state.reach, W, state.rows), tasks) for each in found]
    window, _ = window_pair(choose_framing("live", parts[0].sample_rate))
    return ringing_of(pitches, times, memory_s(window, parts[0].sample_rate, RELEASE_DB))


def _clear(store: Store, parts: Sequence[Part], count: int) -> None:
    """Remove what was kept."""
    for part in parts:
        store.remove(file_of(part, count))
        store.remove(file_of(part, count - 1))
    store.remove(CHECKPOINT)


