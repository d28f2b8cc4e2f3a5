"""The cost of a hop and the time of compiling, in this version of rtsep and in another one."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain

import numpy as np

from laboratory.report import table
from laboratory.studies.transforms import rocket
from laboratory.study import ROOT, Given, Table, option, study
from laboratory.workers.cost import KINDS
from rtsep.errors import RtsepError

WORKERS = ROOT / "tools" / "laboratory" / "workers"
LEAST_OF = 4
"""Without a number of turns, every block's least time over this many turns counts."""
BLOCKS = (32, 64, 128)
BLOCK_KINDS = ("live", "live, 40 open", "quality", "instant", "instant, 40 open")
STARTS = {"engine": "engine", "and live": "live", "and JACK": "jack", "and mosaics": "mosaic",
          "a first block, once compiled": "first"}
PLAIN = "engine, Numba's own way"
OTHER = option("other", nargs="?", metavar="OTHER_PYTHON", help="the interpreter of an environment with another rtsep")
TURNS = option("--turns", type=int, metavar="N", help="print the median and the spread of N alternating turns")
ONLY = option("--only", default="", metavar="TEXT", help="only the lines whose names contain this")


def versions(given: Given) -> dict[str, str]:
    """The interpreters by their names in the table."""
    return {**({"before": given["other"]} if given["other"] else {}), "after": sys.executable}


def spread(values: Sequence[float], form: str) -> str:
    """The median, the least and the largest of some values, as a text."""
    return f"{np.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


# --- hops and blocks --------------------------------------------------------------------------------------------------


@contextmanager
def worker(python: str) -> Iterator[subprocess.Popen]:
    """A process that plays on request."""
    process = subprocess.Popen([python, WORKERS / "cost.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait()


def ask(process: subprocess.Popen, kind: str, block: int) -> dict:
    """Ask for a turn of one kind."""
    process.stdin.write(json.dumps([kind, block]) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RtsepError(f"{process.args[0]} cannot play {kind!r}; see its message above")
    return json.loads(answer)


def fft_us(name: str, size: int) -> float:
    """Least µs of a hop's FFTs by rocket-fft: one forward per channel, one backward per channel and sounding stem."""
    _, channels, _, _, sounding, *_ = KINDS[name]
    there, back = rocket(np.ones(size, np.float32), np.ones(size // 2 + 1, np.complex64))
    took = []
    for _ in range(300):
        began = time.thread_time_ns()
        there(channels), back(channels * sounding)
        took.append(time.thread_time_ns() - began)
    return min(took) / 1000


def least_line(kind: str, block: int, turns: list[list[dict]]) -> list[str]:
    """The cells of a line, by every block's least time; the worst block also in percent of its duration."""
    cells, last = [], [answers[-1] for answers in turns]
    for answer in last:
        p50, p99, worst = answer["least"]
        share = f" ({100 * worst * answer['rate'] / answer['block'] / 1e6:.0f} %)" if block else ""
        cells += [f"{p50:.0f}", f"{p99:.0f}", f"{worst:.0f}{share}"]
    fft = 0.0 if block or "instant" in kind else fft_us(kind, last[-1]["window"])
    ratio = f"{last[-1]['least'][0] / last[0]['least'][0]:.2f}" if len(last) > 1 else ""
    return [*cells, ratio, *([f"{fft:.0f}", f"{last[-1]['least'][0] / fft:.1f}"] if fft else ["", ""])]


def spread_line(turns: list[list[dict]]) -> list[str]:
    """The cells of a line: medians and spreads, over the turns, of the p50 and the worst block of each turn."""
    figures = [np.array([answer["turn"] for answer in answers]) for answers in turns]
    cells = [spread(found[:, column], ".0f") for found in figures for column in (0, 2)]
    return [*cells, f"{np.median(figures[-1][:, 0]) / np.median(figures[0][:, 0]):.2f}" if len(figures) > 1 else ""]


@study("cost", OTHER, TURNS, ONLY, option("--blocks", action="store_true", help="only blocks that are not a hop long"),
       page="docs/measurements/cost.md", takes=())
def cost(given: Given) -> list[Table]:
    """The cost of a hop in this version and in another one, in turns, by the processor time of the thread.

    OTHER_PYTHON is the interpreter of an environment with another rtsep, such as a checkout of 0.1. Every block's least time
    over four turns counts, which leaves out the time of other programs. With --turns N the table has the median over N turns of
    every turn's median and worst block, with their least and largest values. FFTs: the time of a hop's transforms with
    rocket-fft.
    """
    asked = [(kind, 0) for kind in KINDS if given["only"] in kind and not given["blocks"]]
    asked += [(kind, block) for kind in BLOCK_KINDS if given["only"] in kind for block in BLOCKS]
    names, lines, rows = versions(given), [], []
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(python)) for python in names.values()]
        for kind, block in asked:
            answers = [[ask(one, kind, block) for one in workers] for _ in range(given["turns"] or LEAST_OF)]
            turns = [list(found) for found in zip(*answers, strict=True)]
            what = f"{kind}, block {block}" if block else kind
            lines.append([what, *(spread_line(turns) if given["turns"] else least_line(kind, block, turns))])
            print(" | ".join(lines[-1]), file=sys.stderr, flush=True)
            rows += [{"size": what, "version": name, "turn": turn, "p50_us": p50, "p99_us": p99, "worst_us": worst}
                     for name, found in zip(names, turns, strict=True)
                     for turn, (p50, p99, worst) in enumerate(one["turn"] for one in found)]
    measures = ("p50 µs", "worst") if given["turns"] else ("p50 µs", "p99", "worst")
    head = ["size", *(f"{name} {measure}" for name in names for measure in measures), "ratio"]
    return [Table("cost-blocks" if given["blocks"] else "cost",
                  table(head + ([] if given["turns"] or given["blocks"] else ["FFTs µs", "p50 / FFTs"]), lines), rows)]


# --- compiling and starting -------------------------------------------------------------------------------------------


def timed(python: str, what: str, cache: str) -> tuple[float, float]:
    """Processor seconds of a program and its child processes, and seconds on the clock."""
    environment = {**os.environ, "XDG_CACHE_HOME": cache, "RTSEP_CACHE_DIR": cache}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run([python, WORKERS / "start.py", what], env=environment, check=False, stdout=subprocess.DEVNULL)
    if ended.returncode:
        raise RtsepError(f"{python} cannot start {what!r}; see its message above")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - began


def start_turn(python: str, codes: Mapping[str, str]) -> Iterator[tuple[str, float, float]]:
    """The times of each, one after the other from an empty cache: name, processor seconds, seconds on the clock."""
    with tempfile.TemporaryDirectory() as cache:
        for what, code in codes.items():
            found = timed(python, code, cache)
            print(f"{python}, {what}: {found[0]:.1f} s, {found[1]:.1f} s on the clock", file=sys.stderr, flush=True)
            yield what, *found


@study("start", OTHER, TURNS, ONLY, option("--plain", action="store_true", help="also the engine in Numba's usual way"),
       page="docs/measurements/cost.md", takes=())
def start(given: Given) -> list[Table]:
    """The time of compiling and starting, in processor seconds and on the clock, each in its own process.

    Versions take turns, each from an empty cache; with --turns N the table has the median and the spread of N turns. Later
    lines find the engine in the cache, so a line that --only chooses is always measured after those before it. OTHER_PYTHON can
    have any rtsep from 0.1 on; 0.1 compiled its engine, its callbacks and its mosaics when they were imported.
    """
    wanted = [what for what in STARTS if given["only"] in what]
    if not wanted:
        raise RtsepError(f"no line contains {given['only']!r}; there are {', '.join(STARTS)}")
    codes = dict(list(STARTS.items())[: list(STARTS).index(wanted[-1]) + 1])
    took: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(given["turns"] or 1):
        for version, python in versions(given).items():
            plain = start_turn(python, {PLAIN: "plain"}) if given["plain"] and version == "after" else ()
            for what, worked, passed in chain(start_turn(python, codes), plain):
                took.setdefault((version, what), []).append((worked, passed))
    lines = [[*key, *(spread(values, ".1f") if given["turns"] else f"{values[0]:.1f}" for values in zip(*found, strict=True))]
             for key, found in took.items() if key[1] in (*wanted, PLAIN)]
    rows = [{"version": version, "what": what, "turn": turn, "processor_s": worked, "clock_s": passed}
            for (version, what), found in took.items() for turn, (worked, passed) in enumerate(found)]
    return [Table("start", table(["version", "what is compiled", "processor s", "clock s"], lines, 2), rows)]


@study("bench", page="docs/measurements/cost.md", takes=())
def bench(given: Given) -> list[Table]:
    """The output of `rtsep bench` on this computer; --write keeps it in docs/measurements/data/cost.txt."""
    ended = subprocess.run([sys.executable, "-m", "rtsep", "bench"], stdout=subprocess.PIPE, text=True, check=True)
    return [Table("bench", ended.stdout.rstrip(), files={"cost.txt": lambda path: path.write_text(ended.stdout, "utf-8")})]
