"""What a separation needs to know before the first sample: sizes, templates, routing, and the parameters in use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rtsep.engine.design import Plan
from rtsep.kernels.memory import SLOTS
from rtsep.methods.estimators import ESTIMATORS
from rtsep.notes.followed import FollowedScore
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
    hands: tuple[int, int] | None  # the stems of the left and right hand, whose notes are divided while they are played
    score: FollowedScore  # whose parts the notes get; without notes: none
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
    log_weight: float  # natural logarithm of the background's sparsity weight where others play
    envelope: Floats  # [stem, pitch, 2, point]: natural logarithms at ENVELOPE_VELOCITY, and per step of velocity
    envelope_later_s: float  # by which frames hear a note later than those of the envelopes
    prediction: float  # how much what is expected counts
    most_boost: float  # the most that a new note may count more
    unseen: float  # 0 to 1: how surely others play while nothing can be seen
    sought: tuple[int, int]  # between which bins evidence of others is sought
    comb: Integers  # [pitch, bin]: may a note of this pitch have a partial there?
    combed: Integers  # [stem]: have its notes combs?
    band: Integers  # [bin]: the lower of the two bands of colour that it lies between
    band_part: Floats  # [bin]: how far it lies from that towards the next
    power: float  # of the masks
    suppression: float
    residual_net: Floats  # [INPUTS + 3, UNITS]
    panning: bool  # do two channels tell stems apart?
    rolls_back: bool  # does the background take back what it learnt of late notes?
    background_learns: bool
    background_memory_s: float
    adapt_hold_s: float
    adapt_memory_s: float
    lag: Sequence[tuple[float, float]] = ()  # of each stem, before the first sample

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
    plan: Plan, value: Callable[[str], Value], lag: Sequence[tuple[float, float]] = ()
) -> Setup:
    """The setup of a plan (`rtsep.engine.design.design`); `value` gives the parameters, as `Separator.value` does.

    lag: of each stem before the first sample, s that its sound is ahead of its MIDI, and how sure that is.
    """
    values, bins = plan.values, plan.values["bins"]
    W = values["W"][:, :bins].astype(np.float64)
    first, count = values["first_row"], values["row_count"]
    same = ("overlap", "hop", "latency", "lead", "taps", "filter_floor", "stems", "row_age", "route", "reach", "release",
            "decay", "choke", "instrument", "drums", "early", "open_limit", "lead_in", "iterations", "relaxation", "log_weight",
            "envelope_later_s", "prediction", "suppression", "unseen", "combed")
    return Setup(
        **{name: values[name] for name in same},
        size=values["window_size"],
        hands=(values["left_stem"], values["right_stem"]) if values["by_hands"] else None,
        score=FollowedScore(*(values[name] for name in ("chord_s", "note_chord", "note_pitch", "note_part"))),
        sample_rate=values["hop"] / values["hop_s"],
        W=W[: values["rows"]],
        background=W[values["rows"] :],
        rows={key: list(range(first[key], first[key] + count[key])) for key in np.ndindex(first.shape)},
        gated=bool(values["gated"]),
        estimator=list(ESTIMATORS)[values["method"]],
        E=values["E"][:, :bins].astype(np.float64),
        envelope=values["envelope"].astype(np.float64),
        most_boost=float(values["boost"][0]),
        sought=(values["first_bin"], values["last_bin"]),
        comb=values["comb"],
        band=values["band"][:bins],
        band_part=values["band_part"][:bins].astype(np.float64),
        power=values["power_halves"] / 2,
        residual_net=values["residual_net"].astype(np.float64),
        panning=bool(values["panning"]),
        rolls_back=bool(values["rolls_back"]),
        background_learns=bool(values["background_learns"]),
        background_memory_s=float(value("background_memory_s")),
        adapt_hold_s=values["adapt_hold"],
        adapt_memory_s=float(value("adapt_memory_s")),
        lag=tuple(lag),
    )
