"""Training on music where each recording is worked on somewhere else: every pass sums what the recordings give.

Multiplicative updates need of each recording only its numerators and denominators of W; its activations stay with it, in a
store of files. The factorisation, its loop and its rules are those of `rtsep.training.music`; sums are made in another order.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rtsep.training.envelopes import HeardNote, heard_notes
from rtsep.training.frames import Spectrogram, open_spectrogram
from rtsep.training.inputs import Given, Take, gather
from rtsep.training.learn import Job, aligned, judged
from rtsep.training.music import HOP, MOST_BYTES, Floats32
from rtsep.training.nmf import PlainRun, multiplicative_steps
from rtsep.training.problem import loudest_of, scaled_by
from rtsep.training.ringing import Alone, Times, ring_of
from rtsep.training.rows import Rows, gates_of
from rtsep.training.start import Listened, first_activations, listen
from rtsep.training.updates import LEAST_MODEL, TERMS, Floats, Frames
from rtsep.windows import choose_framing, window_pair

Reach = Callable[[str], AbstractContextManager[Path]]  # The file at an address, on this computer, while `with` lasts.


class Store(Protocol):
    """Files by name, which all workers reach; they appear whole or not at all."""

    def load(self, name: str) -> bytes | None:
        """The content; None: there is no such file."""

    def save(self, name: str, data: bytes) -> None:
        """Write a file."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""


@dataclass(frozen=True)
class Recording:
    """The addresses of a recording and of its notes."""

    sound: str
    score: str


@dataclass(frozen=True)
class Part:
    """A recording as workers get it: its number, address, rate and length, its notes, and these as gates take them."""

    number: int
    sound: str
    sample_rate: int
    samples: int
    notes: npt.NDArray[np.void]
    keyed: npt.NDArray[np.void]


@dataclass(frozen=True)
class State:
    """What all recordings share in a pass. count: the updates that have been made.

    W [row, bin] and the activations in the store are scaled as in a `Problem`: `loudest` is V's largest value, `balance` [row].
    """

    reach: Reach
    store: Store
    rows: Rows
    divergence: str
    W: Floats32
    balance: Floats32
    loudest: float
    count: int = 0


@dataclass(frozen=True)
class Ended:
    """What a recording gives at the end: its loss, the largest activation of each row, and its notes with their levels."""

    loss: float
    most: Floats32
    heard: tuple[HeardNote, ...]


def look(shared: tuple[Reach, Job], recording: Recording) -> Given:
    """The recording with its notes aligned and checked. RtsepError: it cannot be learnt from."""
    reach, job = shared
    with reach(recording.sound) as sound, reach(recording.score) as score:
        given = gather([sound], [score], "recording", lambda what, done, total: None, job.timing)[0]
        assert isinstance(given.source, Take)
        take, fit = aligned(given.source, job, lambda what, done, total, loss: None)
        more = judged(given.name, fit, job)
    take = replace(take, path=Path(recording.sound), aligned=True)
    return Given(given.name, (), take, (*given.warnings, *more))


@contextmanager
def _opened(reach: Reach, part: Part) -> Iterator[tuple[Spectrogram, Frames]]:
    """The spectrogram of one recording, and the same in memory if it is small."""
    window, _ = window_pair(choose_framing("live", part.sample_rate))
    with reach(part.sound) as path:
        take = Take(path, part.sample_rate, part.samples, part.notes)
        with open_spectrogram([take], window, HOP) as frames:
            yield frames, frames[:] if frames.shape[0] * frames.shape[1] * 4 <= MOST_BYTES else frames


def listen_to(shared: tuple[Reach, Rows], part: Part) -> tuple[Listened, float]:
    """What the start needs to know of a recording, without the single frames, and its largest value."""
    reach, rows = shared
    with _opened(reach, part) as (frames, V):
        heard = listen(V, gates_of(rows, part.keyed, frames.ends_s(0)), rows)
        return replace(heard, energy=np.zeros(0)), loudest_of(V)


def update(state: State, parts: Sequence[Part]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Update the activations of these recordings, keep them, and give the sums of numerators, denominators and losses."""
    sums: tuple[Any, Any, float] = (0.0, 0.0, 0.0)
    for part in parts:
        with _opened(state.reach, part) as (frames, V):
            G = gates_of(state.rows, part.keyed, frames.ends_s(0))
            run = _run(state, V, _activations(state, part, V, G))
            loss = run.prepare("H", True)
            run.accept()
            numerator, denominator, _ = run.gather(False)
        _keep(state, part, run.factors[1][G])
        sums = (sums[0] + numerator.astype(np.float64), sums[1] + denominator.astype(np.float64), sums[2] + loss)
    return sums


def _run(state: State, V: Frames, H: Floats32) -> PlainRun:
    scaled = scaled_by(V, state.loudest, usual_floor=LEAST_MODEL.get(state.divergence))
    return PlainRun(scaled, TERMS[state.divergence](scaled), multiplicative_steps(state.divergence, scaled), state.W, H)


def file_of(part: Part, count: int) -> str:
    """The file of a recording's activations after so many updates."""
    return f"activations-{part.number:06}-{count:04}.npy"


def _activations(state: State, part: Part, V: Frames, G: npt.NDArray[np.bool_]) -> Floats32:
    """H [frame, row], scaled: as it was kept, or the start."""
    if state.count == 0:
        energy = listen(V, G, state.rows).energy
        gain = scaled_by(V, state.loudest).gain
        start: Floats32 = first_activations(energy, G) * state.balance * gain
        return start
    kept = state.store.load(file_of(part, state.count))
    if kept is None:
        raise FileNotFoundError(f"the activations of {part.sound} after {state.count} updates are gone")
    H = np.zeros(G.shape, np.float32)
    H[G] = np.load(io.BytesIO(kept))
    return H


def _keep(state: State, part: Part, opened: Floats) -> None:
    """Keep the activations where the gates are open; those before the last pass are not needed any more."""
    data = io.BytesIO()
    np.save(data, opened.astype(np.float32))
    state.store.save(file_of(part, state.count + 1), data.getvalue())
    state.store.remove(file_of(part, state.count - 1))


def end(shared: tuple[State, Floats32], part: Part) -> Ended:
    """The loss of a recording and what its activations say, in the scale [row] of templates that sum to 1."""
    state, scale = shared
    with _opened(state.reach, part) as (frames, V):
        end_s = frames.ends_s(0)
        H = _activations(state, part, V, gates_of(state.rows, part.keyed, end_s))
        loss = _run(state, V, H).measure()
    H = (H * scale)[:, : len(state.rows.pitch)]
    most: Floats32 = H.max(axis=0, initial=0)
    return Ended(loss, most, tuple(heard_notes(H, state.rows.pitch, end_s, part.notes)))


def ring(shared: tuple[Reach, Floats32, Rows], task: tuple[Part, Sequence[Alone]]) -> list[Times]:
    """The times of the chosen notes of a recording, with the templates W [row, bin]."""
    (reach, W, rows), (part, notes) = shared, task
    with _opened(reach, part) as (_, V):
        return [ring_of(V, note, W, rows.pitch, 0) for note in notes]


def added(heard: Sequence[Listened]) -> Listened:
    """The sums over recordings."""
    return Listened(np.zeros(0), sum(each.total for each in heard), sum(each.frames for each in heard),
                    sum((each.by_row for each in heard), np.zeros(())), sum((each.quiet for each in heard), np.zeros(())),
                    sum(each.silent for each in heard))
