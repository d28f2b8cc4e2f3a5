"""The results of `rtsep bench` as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from rtsep.hosts.bench import DEFAULT, VARIED

_TITLES = {"window_samples": "window (N)", "hop_samples": "hop", "open_rows": "open templates", "stems": "stems + residual",
           "channels": "channels", "mode": "mode", "iterations": "updates", "estimator": "estimator"}
FREE_SHARE = 0.97  # A program that runs alone gets at least this share of a processor.
Row = dict[str, Any]


def _table(rows: Sequence[Sequence[str]], *columns: str) -> Table:
    """A table of numbers, except in the first column and in those called verdict."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 or "verdict" in column else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _percent(percent: float | None, format_: str = "{:.0f} %") -> str:
    return "?" if percent is None else format_.format(percent)


def _block_table(blocks: Sequence[Row]) -> Table:
    """One line for each block size: first with few open templates, then with many."""
    few, many = sorted({row["open_rows"] for row in blocks})
    pedal = {row["block_samples"]: row for row in blocks if row["open_rows"] == many}
    rows = []
    for row in blocks:
        if row["open_rows"] == few:
            other = pedal[row["block_samples"]]
            rows.append([f"{row['block_samples']} ({row['block_us'] / 1000:.1f} ms)",
                         *(text for one in (row, other) for text in (
                             _percent(one["work_max_percent"]), _percent(one["p99_percent"]), _percent(one["max_percent"]),
                             one["verdict"]))])
    heads = [head for name in (f"{few} open:", f"{many} open:") for head in (f"{name} work", "p99", "worst", "verdict")]
    return _table(rows, "block in samples", *heads)


def _hop_table(hops: Sequence[Row]) -> Table:
    """Hops, grouped by the value that varies; the default size is in every group."""
    rows = []
    for name, values in VARIED.items():
        for value in values:
            row = next(row for row in hops if all(row[other] == (value if other == name else getattr(DEFAULT, other))
                                                  for other in VARIED))
            rows.append([f"{_TITLES[name]} {value}", *(f"{row[f'{p}_us']:.0f}" for p in ("p50", "p99", "max")),
                         *(f"{row[f'{p}_percent']:.1f}" for p in ("p50", "p99", "max")),
                         _percent(row["work_max_percent"], "{:.1f}"), f"{row['fft_us']:.0f}",
                         "" if row["times_fft"] is None else f"{row['times_fft']:.1f}"])
    return _table(rows, "varied", "p50 µs", "p99", "max", "p50 %", "p99 %", "max %", "work %", "FFTs µs", "p50 / FFTs")


def _step_table(steps: Sequence[Row]) -> Table:
    rows = [[f"{row['bins']} x {row['rows']}", f"{row['ours_us']:.0f}", f"{row['numpy_us']:.0f}", f"{row['times_faster']:.1f}"]
            for row in steps]
    return _table(rows, "bins x rows", "rtsep µs", "NumPy µs", "times faster")


def _megabytes(size: int | None) -> str:
    return "not known here" if size is None else f"{size / 1e6:.1f} MB"


def _advice(share: float) -> str:
    return "the computer was free" if share >= FREE_SHARE else "close other programs and measure again"


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120  # A file has no width, and columns must not be cut.
    return console


def show_bench(report: Row) -> None:
    """Print the verdict on block sizes first, then where the time goes."""
    about, memory, startup = report["computer"], report["memory"], report["startup"]
    threads = "?" if about["numpy_threads"] is None else about["numpy_threads"]
    console = _console()
    console.print(f"Which block sizes are safe on this computer ({about['processor']}, {about['cores']} cores)")
    for mode in VARIED["mode"]:
        console.print(f"Mode {mode}:", _block_table([row for row in report["blocks"] if row["mode"] == mode]), sep="\n")
    console.print(
        "\nAll times are in per cent of the duration of a block. work: the worst time without waiting for other programs.\n"
        "It decides the verdict where it is known, since the thread of an audio driver has priority. safe: the worst block\n"
        "took less than 60 %; risky: 99 of 100 did; too small: not even these.\n"
        f"Other programs took {100 * (1 - report['processor_share']):.0f} % of the time: "
        f"{_advice(report['processor_share'])}.\n\n"
        f"Cost of a hop: one value varies at a time, around window {DEFAULT.window_samples}, hop {DEFAULT.hop_samples}, "
        f"{DEFAULT.open_rows} open templates,\n"
        f"{DEFAULT.stems} stems + residual, {DEFAULT.channels} channels, mode {DEFAULT.mode} "
        f"({report['sample_rate']} Hz, {DEFAULT.iterations} updates)")
    console.print(_hop_table(report["hops"]))
    console.print(f"\nThe activation step alone, {report['updates']} updates, beside NumPy in float64 "
                  f"(threads of NumPy: {threads})")
    console.print(_step_table(report["activations"]))
    console.print(f"\nMemory: process {_megabytes(memory['process_bytes'])}, including the plan "
                  f"{_megabytes(memory['plan_bytes'])} and the state {_megabytes(memory['state_bytes'])}.\n"
                  f"Start: rtsep --help {startup['help_s']:.2f} s; ready to play {startup['ready_s']:.2f} s.")
