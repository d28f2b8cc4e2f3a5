"""What a hop costs in this version and in another one, taking turns, by the processor time of the thread.

    python tools/compare_cost.py [OTHER_PYTHON]

OTHER_PYTHON is the interpreter of an environment with another rtsep, such as a checkout of 0.1. Every block's least time over
the turns counts, which leaves out what other programs took. FFTs: what the transforms of a hop take rocket-fft, the yardstick
of both versions (`pip install rocket-fft`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np

SECONDS = 3.0  # of sound that every size plays in a turn
TURNS = 4
WHOLE = 2048  # samples: whole hops and whole blocks of every size
BLOCKS = (32, 64, 128)
KINDS = {  # name: (parameters, channels, open templates, stems, of them sounding, sound, rate)
    "live": ({"mode": "live"}, 2, 10, 2, 2, "same", 44100),
    "live, 40 open": ({"mode": "live"}, 2, 40, 2, 2, "same", 44100),
    "live, 176 open": ({"mode": "live", "max_open_rows": 400}, 2, 176, 2, 2, "same", 44100),
    "live, apart": ({"mode": "live"}, 2, 10, 2, 2, "apart", 44100),
    "live, mono": ({"mode": "live"}, 1, 10, 2, 2, "same", 44100),
    "live, beside others": ({"mode": "live"}, 2, 10, 2, 2, "others", 44100),
    "live, mono, window 2048, hop 256": (
        {"mode": "live", "window_samples": 2048, "hop_samples": 256}, 1, 10, 2, 2, "same", 44100),
    "live, 96 kHz": ({"mode": "live"}, 2, 10, 2, 2, "same", 96000),
    "live, 1 stem": ({"mode": "live"}, 2, 10, 1, 1, "same", 44100),
    "live, 8 stems, 1 sounds": ({"mode": "live"}, 2, 10, 8, 1, "same", 44100),
    "live, 8 stems": ({"mode": "live"}, 2, 10, 8, 8, "same", 44100),
    "quality": ({"mode": "quality"}, 2, 10, 2, 2, "same", 44100),
    "instant": ({"mode": "instant"}, 2, 10, 2, 2, "same", 44100),
    "instant, 40 open": ({"mode": "instant"}, 2, 40, 2, 2, "same", 44100),
    "instant, apart": ({"mode": "instant"}, 2, 10, 2, 2, "apart", 44100),
    "instant, mono": ({"mode": "instant"}, 1, 10, 2, 2, "same", 44100),
    "instant, 1 stem": ({"mode": "instant"}, 2, 10, 1, 1, "same", 44100),
    "instant, 8 stems, 1 sounds": ({"mode": "instant"}, 2, 10, 8, 1, "same", 44100),
    "instant, 8 stems": ({"mode": "instant"}, 2, 10, 8, 8, "same", 44100),
    "instant, 30 stems, 5 sound": ({"mode": "instant"}, 2, 10, 30, 5, "same", 44100),
    "instant, 96 kHz": ({"mode": "instant"}, 2, 10, 2, 2, "same", 96000),
}
BLOCK_KINDS = ("live", "live, 40 open", "quality", "instant", "instant, 40 open")


def _sound(kind: str, channels: int, rate: int) -> np.ndarray:
    import soundfile

    from rtsep.hosts.demo import clip_folder

    left, right = (soundfile.read(clip_folder() / f"{name}.flac", dtype="float32")[0][44100:]
                   for name in ("left_hand", "right_hand"))
    time_s = np.arange(left.size) / 44100
    if kind == "others":
        left = left + 0.1 * np.sin(2 * np.pi * 311.1 * time_s) + 0.07 * np.sin(2 * np.pi * 466.2 * time_s)
    sound = np.stack([0.9 * left + 0.3 * right, 0.3 * left + 0.9 * right] if kind == "apart" else [left + right] * 2)
    if rate != 44100:
        sound = np.stack([np.interp(np.arange(left.size) * 44100 / rate, np.arange(left.size), one) for one in sound])
    return sound[:channels].astype(np.float32)


def _separator(name: str, block: int):
    """A separator of this kind in which the notes are held, its entry and its sound."""
    import rtsep
    from rtsep.hosts.bench_players import load_piano

    params, channels, rows, stems, sounding, kind, rate = KINDS[name]
    preset, table = load_piano(), np.full((32, 16, 128), -1, np.int8)
    table[:stems] = np.arange(stems)[:, None, None]
    routing = type(rtsep.by_split(None, 60))
    separator = rtsep.Separator(preset, routing(tuple(f"stem_{i}" for i in range(stems)), table), {
        "max_open_rows": max(rows, 64), **params})
    sound = _sound(kind, channels, rate)
    separator.prepare(rate, channels, max(block, 16))
    chosen = np.linspace(0, len(preset.pitches) - 1, rows * len(preset.pitches) // len(preset.W)).round().astype(int)
    events = np.zeros(len(chosen), rtsep.EVENT)
    events["status"], events["data1"], events["data2"] = 0x90, np.asarray(preset.pitches)[chosen], 80
    events["part"] = np.arange(len(chosen)) % sounding
    separator.process(sound[:, :block], events)
    separator.process(sound[:, :block])
    return separator, getattr(separator, "_entry", None) or sys.modules[type(separator).__module__]._entry, sound


class _Player:
    """Plays one kind round and round; keeps the least time of every block over its turns."""

    def __init__(self, name: str, block: int) -> None:
        self.separator, self.entry, sound = _separator(name, block)
        self.block, rate = block, KINDS[name][6]
        self.sound = sound[:, : round(SECONDS * rate) // WHOLE * WHOLE]  # so that a block holds the same work in every turn
        self.least: np.ndarray | None = None

    def turn(self) -> None:
        call, given, block, clock = self.separator.prepared.call, self.separator.prepared.input, self.block, time.thread_time_ns
        address, took = call.ctypes.data, []
        call["frames"] = block
        for begin in range(0, self.sound.shape[1], block):
            given[:, :block] = self.sound[:, begin : begin + block]
            before = clock()
            self.entry(address)
            took.append(clock() - before)
        now = np.array(took) / 1000
        self.least = now if self.least is None else np.minimum(self.least, now)


def _worker() -> None:
    """Answers each line of stdin, a kind and a block (0: a hop), with the times of a turn so far."""
    players: dict[tuple[str, int], _Player] = {}
    for line in sys.stdin:
        name, asked = json.loads(line)
        if (name, asked) not in players:
            if len(players) > 3:
                players.clear()
            players[name, asked] = _Player(name, asked or _separator(name, 16)[0].framing.hop)
            players[name, asked].turn()
            players[name, asked].least = None
        player = players[name, asked]
        player.turn()
        p50, p99, worst = np.percentile(player.least, (50, 99, 100))
        print(json.dumps([p50, p99, worst, player.block, KINDS[name][6]]), flush=True)


def _ask(process, kind: str, block: int) -> list[float]:
    process.stdin.write(json.dumps([kind, block]) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def rocket_us(name: str) -> float:
    """Least µs of the FFTs of a hop by rocket-fft: one there per channel, one back per channel and stem that sounds."""
    from numba import njit
    from rocket_fft import c2r, r2c

    @njit
    def run(x, X, axes, there, back):
        for _ in range(there):
            r2c(x, X, axes, True, 1.0, 1)
        for _ in range(back):
            c2r(X, x, axes, False, 1.0 / x.shape[0], 1)

    _, channels, _, _, sounding, *_ = KINDS[name]
    size = _separator(name, 16)[0].framing.window_size
    x, X, axes = np.ones(size, np.float32), np.ones(size // 2 + 1, np.complex64), np.zeros(1, np.int64)
    took = []
    for _ in range(300):
        began = time.thread_time_ns()
        run(x, X, axes, channels, channels * sounding)
        took.append(time.thread_time_ns() - began)
    return min(took) / 1000


def _head(workers: int) -> None:
    cells = [f"{which} p50 µs | p99 | worst" for which in ("before", "after")[-workers:]]
    print(f"| size | {' | '.join(cells)} | ratio | FFTs µs | p50 / FFTs |")
    print("| --- |" + " ---: |" * (3 * workers + 3))


def _row(kind: str, block: int, found: list[list[float]]) -> str:
    cells = []
    for p50, p99, worst, size, rate in found:
        share = f" ({100 * worst * rate / size / 1e6:.0f} %)" if block else ""
        cells += [f"{p50:.0f}", f"{p99:.0f}", f"{worst:.0f}{share}"]
    ratio = f"{found[-1][0] / found[0][0]:.2f}" if len(found) > 1 else ""
    fft = 0.0 if block or "instant" in kind else rocket_us(kind)
    floor = f"{fft:.0f} | {found[-1][0] / fft:.1f}" if fft else " | "
    what = f"{kind}, block {block}" if block else kind
    return f"| {what} | {' | '.join(cells)} | {ratio} | {floor} |"


def main() -> None:
    """Run the workers in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", nargs="?", help="interpreter of another version")
    parser.add_argument("--only", default="", help="kinds whose names hold this")
    parser.add_argument("--blocks", action="store_true", help="only blocks of other sizes than a hop")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        return _worker()
    pythons = [given.other] * bool(given.other) + [sys.executable]
    workers = [subprocess.Popen([python, __file__, "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for python in pythons]
    _head(len(workers))
    rows = [(kind, 0) for kind in KINDS if given.only in kind and not given.blocks]
    rows += [(kind, block) for kind in BLOCK_KINDS if given.only in kind for block in BLOCKS]
    for kind, block in rows:
        for _ in range(TURNS):
            found = [_ask(worker, kind, block) for worker in workers]
        print(_row(kind, block, found), flush=True)
    for worker in workers:
        worker.stdin.close()
        worker.wait()


if __name__ == "__main__":
    main()
