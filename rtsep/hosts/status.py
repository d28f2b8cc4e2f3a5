"""The status of live playing for a player or another program: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rtsep.hosts.said import Message


@dataclass(frozen=True)
class Hold:
    """The highest level of the last seconds in dBFS, and the clip mark, which stays until it is cleared."""

    db: float
    clipped: bool


@dataclass(frozen=True)
class StemStatus:
    """One stem: its level after the fader in dBFS, and the settings of its fader and buttons."""

    name: str
    peak_db: float
    hold: Hold
    gain_db: float
    muted: bool
    soloed: bool
    notes: int = 0  # How many of its notes were searched in the input.
    sounding: int = 0  # How many of them sound there.


@dataclass(frozen=True)
class Status:
    """The whole status at one moment. Levels are peaks in dBFS; -120 is silence."""

    seconds: float  # Time since the start.
    state: str  # "playing", or a sentence such as "lost Scarlett 2i2: trying to open it again"
    device: str
    sample_rate: float
    block_samples: int  # Length of the last block.
    mode: str
    mode_chosen: str  # Why this mode was chosen, or "".
    latency_samples: int  # The engine's latency.
    device_latency_ms: float | None  # Input + output of the device; None: unknown.
    device_latency_source: str  # "reported by the driver", "measured through the cable", "unknown"
    load: float  # The share of a block's duration that the callback takes, smoothed.
    peak_load: float  # The worst load of the last ten seconds.
    peak_work: float  # The same, without waiting for a processor; 0 if unknown.
    worst_load: float  # The worst load since the start.
    losses: int  # How many times the device was lost.
    late_blocks: int
    late_by_work: int | None  # Late blocks that were late by their own work; None if unknown.
    underflows: int
    overflows: int
    xruns: int  # Dropouts that JACK reports.
    bad_samples: int
    dropped_notes: int
    clipped_samples: int
    input_db: tuple[float, ...]
    output_db: tuple[float, ...]
    input_holds: tuple[Hold, ...]
    output_holds: tuple[Hold, ...]
    stems: tuple[StemStatus, ...]  # The residual comes last.
    notes: int  # Notes that have come.
    held: tuple[int, ...]  # Pitches held by keys or pedals, ascending.
    midi: tuple[str, ...]  # "Roland FP-30", "nanoKONTROL2 (gone)", ...
    hint: str  # What might be wrong and what to do, or "".
    preset: str
    bypass: bool
    wet: float
    recording: str  # The state of the recording, or "".
    frozen: bool  # Whether templates and background are kept from learning.
    learning: str  # The control that waits for its knob or button, or "".
    message: str  # The last message, or "" once it has expired.
    messages: tuple[Message, ...]  # The last messages, oldest first.
    shown: int  # This many of them, from the end, have not expired.
    counters: Mapping[str, int]  # All counters.
    left: tuple[int, ...] = ()  # Pitches in `held` of the left hand, if notes are given to hands.
    right: tuple[int, ...] = ()  # Pitches in `held` of the right hand.
    uncertain: tuple[int, ...] = ()  # Pitches of both for which the hand is uncertain.
    scene: str = ""  # The present scene of a set list, or "".
    following: str = ""  # Where the player is in a followed score, and how sure that is, or "".
    playback: str = ""  # Which recording plays, and where, or "".
    voice: str = ""  # The note of the voice and its deviation, such as "A4 +12 cents"; "-" in a rest, "" without a voice.
