"""Measures overlap-add and causal filters against their latency, beside the same two made from the true stems.

    python tools/evaluate_instant.py [--seconds S] [--shared PATH]

writes docs/benchmarks/instant.csv and .png, and prints a table. Pieces: two_hands in
../shared/data, alone and with a singer, saxophone or cello of backgrounds, as loud as the piano, whose notes nobody tells.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
from evaluate_data import SHARED, Piece, excerpt, load_piece
from evaluate_report import Row, distinct, mean_db, shown, table, where, write_csv
from evaluate_systems import MODES, Stems, gated, judge, oracle
from sources import ROOT

from rtsep.files.sound import read_sound
from rtsep.windows import choose_framing, window_pair

SECONDS = 10.0
DELAYS = (0, 32, 64, 128, 256, 512)
FIELDS = ("set", "system", "latency_samples", "latency_ms", "piece", "stem", "sdr_db", "si_sdr_db")
FLOOR = 1e-5
CHUNK = 512  # frames at a time


# --- pieces -----------------------------------------------------------------------------------------------------------


def with_background(piece: Piece, path: Path) -> Piece:
    """The piece and, as loud as all of it, a sound that is the residual's truth; a short one is played again and again."""
    sound, piano = read_sound(path)[0][:1], piece.mix
    sound = np.tile(sound, -(-piano.shape[1] // sound.shape[1]))[:, : piano.shape[1]]
    level = np.sqrt(np.mean(piano**2) / np.mean(sound**2))
    return replace(piece, group="with backgrounds", truths={**piece.truths, "residual": (level * sound).astype(np.float32)})


def find(shared: Path, seconds: float) -> list[Piece]:
    """The pieces alone, then those with a background."""
    folders = sorted(path for path in (shared / "two_hands").iterdir() if path.is_dir())
    alone = [excerpt(load_piece(folder, "two_hands"), seconds) for folder in folders]
    backgrounds = cycle(sorted((shared / "backgrounds").glob("*.flac")))
    return alone + [with_background(piece, path) for piece, path in zip(alone, backgrounds, strict=False)]


# --- filters from the true stems --------------------------------------------------------------------------------------


def spectra(sound: np.ndarray, window: np.ndarray, hop: int) -> np.ndarray:
    """Magnitudes [frame, bin] of the frames that end at every multiple of the hop."""
    padded = np.pad(sound, (len(window), 0))
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[hop::hop]
    return np.concatenate([np.abs(np.fft.rfft(frames[i : i + CHUNK] * window)) for i in range(0, len(frames), CHUNK)])


def filters(masks: np.ndarray, total: np.ndarray, delay: int) -> np.ndarray:
    """The engine's filters [frame, tap] of one stem, from its masks and the total magnitudes [frame, bin]."""
    size = 2 * (total.shape[1] - 1)
    power = total**2 / np.maximum((total**2).max(axis=1, keepdims=True), 1e-20) + FLOOR
    causal = np.fft.irfft(np.log(power))
    causal[:, [0, size // 2]] /= 2
    causal[:, size // 2 + 1 :] = 0
    B = np.exp(np.fft.rfft(causal))
    wanted = np.roll(np.fft.irfft(masks * B), delay, axis=1)
    wanted[:, size // 2 :] = 0
    return np.fft.irfft(np.fft.rfft(wanted) / B)[:, : size // 2]


def filtered(mix: np.ndarray, taps: np.ndarray, hop: int, late: int) -> np.ndarray:
    """mix [sample] through the filters [frame, tap], each for one hop, `late` samples after its frame's end."""
    count, size = taps.shape
    padded = np.pad(mix, (size, 2 * hop))
    inputs = np.lib.stride_tricks.sliding_window_view(padded, size + hop)[hop + late :: hop][:count]
    taps, length = taps[: len(inputs)], 2 * size
    found = np.fft.irfft(np.fft.rfft(inputs, length) * np.fft.rfft(taps, length))[:, size : size + hop]
    return np.concatenate([np.zeros(hop + late), found.reshape(-1)])[: len(mix)]


def oracle_filters(piece: Piece, delay: int) -> Stems:
    """What the causal filters give when they are designed from the spectra of the true stems."""
    framing = choose_framing("instant", piece.sample_rate, 4096, delay)
    window, hop = window_pair(framing)[0], framing.hop
    mix = np.pad(piece.mix[0], (0, delay)).astype(np.float64)
    models = {stem: spectra(np.pad(truth[0], (0, delay)), window, hop) for stem, truth in piece.truths.items()}
    total = np.sum(list(models.values()), axis=0)
    raised = np.maximum(np.sum([model**2 for model in models.values()], axis=0), 1e-20)
    stems = {}
    for stem, model in models.items():
        parts = [filters(model[i : i + CHUNK] ** 2 / raised[i : i + CHUNK], total[i : i + CHUNK], delay).astype(np.float32)
                 for i in range(0, len(model), CHUNK)]
        stems[stem] = filtered(mix, np.concatenate(parts), hop, hop // 4)[None, delay:].astype(np.float32)
    return stems


# --- the run ----------------------------------------------------------------------------------------------------------


def systems() -> list[tuple[str, int, object]]:
    """(family, latency in samples, what separates a piece)"""
    found: list[tuple[str, int, object]] = []
    for params in MODES.values():
        latency = int(params["latency_samples"])
        found += [("overlap-add", latency, lambda piece, params=params: gated(piece, params)),
                  ("oracle masks", latency, lambda piece, params=params: oracle(piece, params))]
    for delay in DELAYS:
        instant = {"mode": "instant", "latency_samples": delay, "window_samples": 4096}
        found += [("causal filters", delay, lambda piece, params=instant: gated(piece, params)),
                  ("oracle filters", delay, lambda piece, delay=delay: oracle_filters(piece, delay))]
    return found


def run(pieces: Sequence[Piece]) -> list[Row]:
    """A row for each hand."""
    rows: list[Row] = []
    for family, latency, separate in systems():
        print(f"{family}, {latency}", flush=True)
        for piece in pieces:
            rows += [{"set": piece.group, "system": family, "latency_samples": latency,
                      "latency_ms": 1000 * latency / piece.sample_rate, "piece": piece.name, "stem": stem,
                      "sdr_db": found["sdr_db"], "si_sdr_db": found["si_sdr_db"]}
                     for stem, found in judge(piece, separate(piece), library=False).items() if stem != "residual"]
    return rows


def latency_table(rows: Sequence[Row]) -> str:
    """A line for every latency: mean SDR of the hands."""
    groups, families = ([name for (name,) in distinct(rows, field)] for field in ("set", "system"))
    lines = []
    for latency, milliseconds in sorted(distinct(rows, "latency_samples", "latency_ms")):
        there = where(rows, latency_samples=latency)
        lines.append([f"{latency} ({milliseconds:.1f} ms)", *(shown(mean_db(where(there, set=group, system=family)), ".2f")
                                                              for group in groups for family in families)])
    return table(["latency in samples", *(f"{group}: {family}" for group in groups for family in families)], lines)


def draw(path: Path, rows: Sequence[Row]) -> None:
    """SDR against latency; equal steps for a doubling, but for the first."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = [group for (group,) in distinct(rows, "set")]
    latencies = sorted(latency for (latency,) in distinct(rows, "latency_samples"))
    figure = Figure(figsize=(5.5 * len(groups), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    for panel, group in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups, strict=True):
        for family, style in (("overlap-add", "C0o-"), ("causal filters", "C1o-"), ("oracle masks", "C0s:"),
                              ("oracle filters", "C1s:")):
            mine = where(rows, set=group, system=family)
            points = sorted((latency, mean_db(where(mine, latency_samples=latency)))
                            for (latency,) in distinct(mine, "latency_samples"))
            panel.plot([latencies.index(latency) for latency, _ in points], [value for _, value in points], style, label=family)
        panel.set(title=group, xlabel="latency in samples (44.1 per ms)", ylabel="mean SDR of the hands, dB",
                  xticks=range(len(latencies)), xticklabels=latencies)
        panel.grid(alpha=0.3)
        panel.legend()
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.path.relpath(SHARED)), metavar="PATH",
                        help="where two_hands and backgrounds lie (default: %(default)s)")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help=f"another length of each piece than {SECONDS:g} s; nothing is written then")
    arguments = parser.parse_args()
    rows = run(find(arguments.shared, arguments.seconds or SECONDS))
    text = latency_table(rows)
    if arguments.seconds is None:
        out = ROOT / "docs" / "benchmarks"
        write_csv(out / "instant.csv", FIELDS, rows)
        draw(out / "instant.png", rows)
    print(text)


if __name__ == "__main__":
    main()
