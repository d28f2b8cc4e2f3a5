"""What a separation needs to know before the first sample: sizes, templates, routing, and the parameters in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from rtsep.engine.design import Plan
from rtsep.kernels.memory import SLOTS
from rtsep.methods.estimators import ESTIMATORS
from rtsep.params import Value
from rtsep.reference.analysis import windows
from rtsep.reference.passed import Floats, Integers


@dataclass
class Setup:
    """As the plan has it, in float64. Times are in samples where nothing else is said; the residual is the last stem."""

    size: int  # window
    overlap: int  # of the synthesis window; 0: causal filters
    hop: int
    sample_rate: float
    latency: int
    lead: int  # from a frame's end to what its filters are for
    taps: int  # of causal filters
    filter_floor: float  # power, the largest bin being 1
    stems: int  # with the residual
    W: Floats  # [row, bin]: the presets' templates, which sum to 1
    background: Floats  # [row, bin]: what the residual's templates start from
    rows: dict[tuple[int, int], list[int]]  # of (stem, pitch)
    row_age: Integers  # [row, 2]: from (with) and until (without) which age of its note a row is open
    route: Integers  # [part, channel, pitch] -> stem, or -1
    reach: Integers  # [stem, pitch]: can the stem play it at all?
    release: Integers  # [stem, pitch]: a gate outlasts its note by so much
    decay: Integers  # [stem, pitch]: the pedal alone keeps a gate open for so long
    choke: Integers  # [stem, pitch]: notes of one stem and number end each other; 0: none
    instrument: Integers  # [stem]: stems that play one preset share a number
    drums: Integers  # [stem]: are strokes looked for where they are not told, or too late?
    early: int  # so long after something was struck drums are open before they are told; 0: never
    gated: bool
    open_limit: int
    lead_in: int  # so many samples from the start are background alone
    estimator: str
    E: Floats  # [row, bin]: an encoder's product with a spectrum; no rows where there is none
    iterations: int
    relaxation: float
    sparsity: float  # factor of the background's activations in every update
    envelope: Floats  # [stem, pitch, 2, point]: natural logarithms at ENVELOPE_VELOCITY, and per step of velocity
    envelope_later_s: float  # by which frames hear a note later than those of the envelopes
    prediction: float  # how much what is expected counts
    most_boost: float  # the most that a new note may count more
    power: float  # of the masks
    suppression: float
    residual_net: Floats  # [INPUTS + 3, UNITS]
    panning: bool  # do two channels tell stems apart?
    rolls_back: bool  # does the background take back what it learnt of late notes?
    background_learns: bool
    background_memory_s: float
    adapt_hold_s: float
    adapt_memory_s: float
    lag: Mapping[int, tuple[float, float]] = field(default_factory=dict)  # of an instrument, before the first sample

    @property
    def bins(self) -> int:
        """Of a spectrum."""
        return self.size // 2 + 1

    @property
    def hop_s(self) -> float:
        """Seconds from frame to frame."""
        return self.hop / self.sample_rate

    @property
    def slot(self) -> int:
        """Samples from one piece of work to the next."""
        return self.hop // SLOTS

    @cached_property
    def windows(self) -> tuple[Floats, Floats]:
        """Analysis window [size] and synthesis window [overlap]."""
        return windows(self.size, self.overlap, self.hop)

    @cached_property
    def pitch_of(self) -> dict[int, int]:
        """The pitch of every row that any stem plays."""
        return {row: pitch for (_, pitch), rows in self.rows.items() for row in rows}


def setup_of(
    plan: Plan, value: Callable[[str], Value], lag: Mapping[int, tuple[float, float]] | None = None
) -> Setup:
    """The setup of a plan (`rtsep.engine.design.design`); `value` gives the parameters, as `Separator.value` does.

    lag: of each instrument before the first sample, s that its sound is ahead of its MIDI, and how sure that is.
    """
    values, bins = plan.values, plan.values["bins"]
    W = values["W"][:, :bins].astype(np.float64)
    first, count = values["first_row"], values["row_count"]
    same = ("overlap", "hop", "latency", "lead", "taps", "filter_floor", "stems", "row_age", "route", "reach", "release",
            "decay", "choke", "instrument", "drums", "early", "open_limit", "lead_in", "iterations", "relaxation", "sparsity",
            "envelope_later_s", "prediction", "suppression")
    return Setup(
        **{name: values[name] for name in same},
        size=values["window_size"],
        sample_rate=values["hop"] / values["hop_s"],
        W=W[: values["rows"]],
        background=W[values["rows"] :],
        rows={key: list(range(first[key], first[key] + count[key])) for key in np.ndindex(first.shape)},
        gated=bool(values["gated"]),
        estimator=list(ESTIMATORS)[values["method"]],
        E=values["E"][:, :bins].astype(np.float64),
        envelope=values["envelope"].astype(np.float64),
        most_boost=float(values["boost"][0]),
        power=values["power_halves"] / 2,
        residual_net=values["residual_net"].astype(np.float64),
        panning=bool(values["panning"]),
        rolls_back=bool(values["rolls_back"]),
        background_learns=bool(values["background_learns"]),
        background_memory_s=float(value("background_memory_s")),
        adapt_hold_s=values["adapt_hold"],
        adapt_memory_s=float(value("adapt_memory_s")),
        lag=dict(lag or {}),
    )
