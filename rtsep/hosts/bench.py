"""`rtsep bench`: the cost of the engine on this computer, for the sizes that a player can choose.

All sizes take turns within one run, so that a busy moment of the computer affects all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from rtsep import __version__
from rtsep.compiling import machine
from rtsep.errors import RtsepError
from rtsep.hosts import computer
from rtsep.hosts.bench_players import PRESET, SAMPLE_RATE, UPDATES, Floats, Floor, Player, Size, Step, load_piano, stereo_clip
from rtsep.presets.preset import Preset

# A block is safe below this share of its time: driver, system and other programs need the rest (docs/measurements/cost.md).
SAFE_SHARE = 0.6
SECONDS, QUICK_SECONDS = 45.0, 6.0  # Seconds of measuring, in full and with --quick.
SHORTEST_S, LONGEST_S = 1.0, 600.0  # The smallest and the largest value of --seconds.
HOP_SHARE, BLOCK_SHARE, STEP_SHARE = 0.45, 0.4, 0.15  # Shares of the measuring time for hops, blocks and activation steps.

BLOCKS = (32, 64, 128, 256, 512, 1024)  # The measured block sizes, in samples.
BLOCK_ROWS = (10, 40)  # Open rows in ordinary playing, and with the pedal down.
STEPS = ((513, 20), (1025, 88), (1025, 176), (2049, 352))  # Bins and rows of the measured activation steps.

Progress = Callable[[str, int, int], None]

DEFAULT = Size()
VARIED: dict[str, tuple[Any, ...]] = {
    "window_samples": (1024, 2048, 4096, 8192),
    "hop_samples": (64, 128, 256),
    "open_rows": (0, 10, 40, 176),
    "stems": (1, 2, 4),
    "channels": (1, 2),
    "mode": ("live", "instant"),
    "iterations": (1, 3, 5, 10, 20),
    "estimator": ("kl", "encoder+kl", "encoder"),
}


def sizes() -> list[Size]:
    """The default size, then all sizes that differ from it in one value."""
    others = [replace(DEFAULT, **{name: value}) for name, values in VARIED.items() for value in values]
    return [DEFAULT, *(size for size in others if size != DEFAULT)]


def _measure(players: Sequence[Player | Floor | Step], seconds: float, progress: Callable[[int, int], None]) -> float:
    """Give every player its turns for about `seconds`. Returns the share of this time in which this thread ran."""
    started, worked = time.perf_counter(), time.thread_time()
    while True:
        for player in players:
            player.take_turn()
        passed = time.perf_counter() - started
        progress(round(min(passed, seconds) * 1000), round(seconds * 1000))
        if passed >= seconds:
            return min((time.thread_time() - worked) / passed, 1.0)


def _spread(player: Player, budget_us: float) -> dict[str, Any]:
    """Median, 99th percentile and worst time of a call, also in per cent of its budget; and the last two for its work."""
    spread = dict(zip(("p50", "p99", "max"), np.percentile(player.times_us, (50, 99, 100)), strict=True))
    works = np.percentile(player.work_us, (99, 100)) if computer.knows_work() else (None, None)
    work_p99, work_max = (None if us is None else round(float(100 * us / budget_us), 2) for us in works)
    return {**{f"{name}_us": round(float(us), 2) for name, us in spread.items()},
            **{f"{name}_percent": round(float(100 * us / budget_us), 2) for name, us in spread.items()},
            "work_p99_percent": work_p99, "work_max_percent": work_max}


def _hop_row(player: Player, floor: Floor) -> dict[str, Any]:
    size = asdict(player.size)
    del size["block"]
    budget_us = 1e6 * player.size.hop_samples / SAMPLE_RATE
    spread = _spread(player, budget_us)
    floor_us = float(np.median(floor.times_us)) if floor.stems else 0.0
    return {**size, "hop_us": round(budget_us, 2), "hops": len(player.times_us), **spread, "fft_us": round(floor_us, 2),
            "times_fft": round(spread["p50_us"] / floor_us, 2) if floor_us else None}


def verdict(spread: dict[str, Any]) -> str:
    """Whether a block size can be played.

    `safe`: the worst block left time to spare. `risky`: 99 of 100 blocks did. `too small`: not even these. The engine's own
    work counts if it is known, since the thread of an audio driver has priority.
    """
    known = spread["work_max_percent"] is not None
    worst, p99 = (spread[f"work_{name}_percent" if known else f"{name}_percent"] for name in ("max", "p99"))
    if worst < 100 * SAFE_SHARE:
        return "safe"
    return "risky" if p99 < 100 * SAFE_SHARE else "too small"


def _block_row(player: Player) -> dict[str, Any]:
    budget_us = 1e6 * player.block / SAMPLE_RATE
    spread = _spread(player, budget_us)
    late = sum(us >= budget_us for us in player.times_us)
    return {"mode": player.size.mode, "block_samples": player.block, "block_us": round(budget_us, 2),
            "open_rows": player.size.open_rows, "blocks": len(player.times_us), **spread, "late": late,
            "verdict": verdict(spread)}


def _step_row(step: Step) -> dict[str, Any]:
    ours_us, numpy_us = float(np.median(step.ours_us)), float(np.median(step.numpy_us))
    return {"bins": step.bins, "rows": step.rows, "updates": UPDATES, "ours_us": round(ours_us, 2),
            "numpy_us": round(numpy_us, 2), "times_faster": round(numpy_us / ours_us, 2)}


def _check_seconds(seconds: float) -> None:
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise RtsepError(f"--seconds {seconds:g}: allowed is {SHORTEST_S:g} to {LONGEST_S:g}")


def bench(seconds: float, progress: Progress) -> dict[str, Any]:
    """Measure for about `seconds`, after a few seconds of preparation. Returns everything that the tables show.

    Times are those of the compiled entry, called in the way of a native callback. RtsepError: `seconds` is not allowed.
    """
    _check_seconds(seconds)
    machine.want("bench")
    startup, memory = computer.measure_start()
    preset, clip = load_piano(), stereo_clip()
    hops, hops_share = _hops(preset, clip, HOP_SHARE * seconds, progress)
    blocks, blocks_share = _blocks(preset, clip, BLOCK_SHARE * seconds, progress)
    steps = [Step(bins, rows) for bins, rows in STEPS]
    _measure(steps, STEP_SHARE * seconds, lambda done, total: progress("activations", done, total))
    return {
        "rtsep_version": __version__, "date": time.strftime("%Y-%m-%d"), "seconds": seconds, "computer": computer.describe(),
        "preset": PRESET, "sample_rate": SAMPLE_RATE, "updates": UPDATES, "blocks": blocks, "hops": hops,
        "activations": [_step_row(step) for step in steps], "memory": memory, "startup": startup,
        "processor_share": round(min(hops_share, blocks_share), 3),
    }


def _hops(preset: Preset, clip: Floats, seconds: float, progress: Progress) -> tuple[list[dict[str, Any]], float]:
    """Measure hops at every size; the FFTs alone take turns with them."""
    pairs = [(player, Floor(player)) for player in (Player(preset, size, clip) for size in sizes())]
    share = _measure([one for pair in pairs for one in pair], seconds, lambda done, total: progress("hops", done, total))
    return [_hop_row(player, floor) for player, floor in pairs], share


def _blocks(preset: Preset, clip: Floats, seconds: float, progress: Progress) -> tuple[list[dict[str, Any]], float]:
    """Measure the default size with all block sizes, in both live modes."""
    players = [Player(preset, replace(DEFAULT, block=block, open_rows=rows, mode=mode), clip)
               for mode in VARIED["mode"] for rows in BLOCK_ROWS for block in BLOCKS]
    share = _measure(players, seconds, lambda done, total: progress("blocks", done, total))
    return [_block_row(player) for player in players], share
