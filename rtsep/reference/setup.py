"""What a separation needs before the first sample: sizes, templates, routing, and the parameters in use."""

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
    """The values of a plan, in float64. Times are in samples unless stated otherwise; the residual is the last stem."""

    size: int  # window
    overlap: int  # of the synthesis window; 0: causal filters
    hop: int
    sample_rate: float
    latency: int  # without the lookahead
    ahead: int  # by which the sound is later than its notes
    lead: int  # from a frame's end to the middle of the sound that its filters make
    taps: int  # length of the causal filters
    filter_floor: float  # least power of a bin, where the loudest bin has 1
    stems: int  # number of stems, including the residual
    W: Floats  # [row, bin]: the presets' templates; each sums to 1
    background: Floats  # [row, bin]: the background's templates at the start
    rows: dict[tuple[int, int], list[int]]  # rows of each (stem, pitch)
    row_age: Integers  # [row, 2]: a row is open from the first age of its note (included) until the second (excluded)
    route: Integers  # [part, channel, pitch] -> stem, or -1
    hands: tuple[int, int] | None  # the stems of the left and the right hand; None: notes are not divided
    score: FollowedScore  # the score whose parts the notes get; it has no notes if none is followed
    reach: Integers  # [stem, pitch]: can the stem play the pitch?
    release: Integers  # [stem, pitch]: a gate stays open for this long after its note and the window
    decay: Integers  # [stem, pitch]: a pedal alone keeps a gate open for this long after the onset and the window
    choke: Integers  # [stem, pitch]: notes of one stem with the same number end each other; 0: none
    instrument: Integers  # [stem]: stems with one preset share a number
    drums: Integers  # [stem]: are strokes detected in the sound, since their MIDI is missing or late?
    early: int  # for this long after a stroke drums are open before they are told; 0: never
    told_early: int  # by which notes are told before their sound; 0: they never wait
    gated: bool
    open_limit: int
    lead_in: int  # this many samples from the start count as background alone
    estimator: str
    E: Floats  # [row, bin]: the encoder, whose product with a spectrum gives activations; no rows if there is none
    iterations: int
    relaxation: float
    log_weight: float  # natural logarithm of the background's sparsity weight while others play
    # [stem, pitch, 2, point]: natural logarithm of the level at ENVELOPE_VELOCITY, and its slope per step of velocity
    envelope: Floats
    envelope_later_s: float  # by which these frames contain a note later than the frames of the envelopes
    prediction: float  # weight of what is expected
    most_boost: float  # largest factor on a new note's activation
    unseen: float  # 0 to 1: certainty that others play while nothing can be seen
    sought: tuple[int, int]  # first bin, and bin after the last, in which evidence of others is sought
    comb: Integers  # [pitch, bin]: can a note of this pitch have a partial there?
    combed: Integers  # [stem]: do its notes have combs?
    band: Integers  # [bin]: the lower of the two bands of colour that the bin lies between
    band_part: Floats  # [bin]: place of the bin between that band and the next, 0 to 1
    power: float  # of the masks
    suppression: float
    residual_net: Floats  # [INPUTS + 3, UNITS]
    panning: bool  # are the places of stems between two channels learnt?
    rolls_back: bool  # does the background take back what it learnt from late notes?
    background_learns: bool
    background_memory_s: float
    adapt_hold_s: float
    adapt_memory_s: float
    voice: int = -1  # the voice's stem; -1: none
    melody_told: bool = False  # are notes routed to the voice's stem?
    melody_middle: int = 0  # from the middle of a frame to its end
    melody_loose: int = 0  # notes of the melody count so long before and after the middle of a frame
    candidates: tuple[int, int] = (0, 0)  # first pitch that is sought, and the pitch after the last
    lag: Sequence[tuple[float, float]] = ()  # of each stem before the first sample: lag in s, and how certain it is

    @property
    def bins(self) -> int:
        """Bins of a spectrum."""
        return self.size // 2 + 1

    @property
    def hop_s(self) -> float:
        """Seconds from frame to frame."""
        return self.hop / self.sample_rate

    @property
    def slot(self) -> int:
        """Samples from one part of a hop's work to the next."""
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

    lag: of each stem before the first sample, the seconds by which its sound is ahead of its MIDI, and how certain that is.
    """
    values, bins = plan.values, plan.values["bins"]
    W = values["W"][:, :bins].astype(np.float64)
    first, count = values["first_row"], values["row_count"]
    same = ("overlap", "hop", "latency", "lead", "taps", "filter_floor", "stems", "row_age", "route", "reach", "release",
            "decay", "choke", "instrument", "drums", "early", "open_limit", "lead_in", "iterations", "relaxation", "log_weight",
            "envelope_later_s", "prediction", "suppression", "unseen", "combed", "ahead",
            "told_early", "melody_middle", "melody_loose")
    return Setup(
        **{name: values[name] for name in same},
        size=values["window_size"],
        hands=(values["left_stem"], values["right_stem"]) if values["by_hands"] else None,
        score=FollowedScore(values["chord_s"], values["note_chord"], values["note_pitch"], values["note_part"],
                            values["score_keyboards"]),
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
        voice=values["voice_stem"],
        melody_told=bool(values["melody_told"]),
        candidates=(values["first_candidate"], values["end_candidate"]),
        lag=tuple(lag),
    )
