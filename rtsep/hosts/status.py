"""What a player or another program is told about live playing: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StemStatus:
    """One stem: its level behind the fader in dBFS, and what its fader and buttons are set to."""

    name: str
    peak_db: float
    gain_db: float
    muted: bool
    soloed: bool


@dataclass(frozen=True)
class Status:
    """Everything at one moment. Levels are peaks in dBFS, -120 is silence."""

    seconds: float  # since the start
    state: str  # "playing", or a sentence such as "lost Scarlett 2i2: trying to open it again"
    device: str
    sample_rate: float
    block_samples: int  # of the last block
    mode: str
    mode_chosen: str  # "" or why
    latency_samples: int  # the engine's
    device_latency_ms: float | None  # input + output of the device; None = unknown
    device_latency_source: str  # "reported by the driver", "measured through the cable", "unknown"
    load: float  # share of a block's time that the callback took, smoothed
    peak_load: float  # the worst since the last status
    peak_work: float  # of that without waiting for a processor that others had; 0 where the system does not tell
    late_blocks: int
    late_by_work: int | None  # of them those whose own work took too long; None where the system does not tell
    underflows: int
    overflows: int
    bad_samples: int
    dropped_notes: int
    clipped_samples: int
    input_db: tuple[float, ...]
    output_db: tuple[float, ...]
    stems: tuple[StemStatus, ...]  # the residual is the last
    held: tuple[int, ...]  # pitches of keys that are down or held by a pedal, ascending
    midi: tuple[str, ...]  # "Roland FP-30", "nanoKONTROL2 (gone)", ...
    hint: str  # "" or what might be wrong
    preset: str
    bypass: bool
    wet: float
    recording: str  # "" or how it goes
    message: str  # what happened last
    counters: Mapping[str, int]  # everything that was counted
