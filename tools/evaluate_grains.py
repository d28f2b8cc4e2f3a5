"""Live mosaics: what they keep of target and source as parameters move, and what they cost; writes docs/mosaic.md's tables.

    python tools/evaluate_grains.py [--shared ../shared/data] [--sounds FOLDER]

The examples and measures are evaluate_mosaic.py's, whose offline mosaics stand in its own table. run ms: how long the source is
heard in its own order. repetitions: share of the runs that begin where the source was heard less than 70 ms before. Cost: the
compiled entry, called as a native callback would, stereo, in blocks of 64, all settings in turns; only time in which the thread
had a processor counts, as with an audio driver's, which is preferred to others.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile
from evaluate_mosaic import EXAMPLES, SECONDS, features, judge
from sources import ROOT

from rtsep.files.sound import read_sound
from rtsep.grains import engine
from rtsep.grains.engine import Mosaic
from rtsep.grains.source import Source, load_source
from rtsep.params import Value

SETTINGS: dict[str, dict[str, Value]] = {
    "**default**": {},
    "continuity 0": {"mosaic_continuity": 0},
    "continuity 0.5": {"mosaic_continuity": 0.5},
    "continuity 3": {"mosaic_continuity": 3},
    "continuity 10": {"mosaic_continuity": 10},
    "polyphony 3": {"mosaic_polyphony": 3},
    "polyphony 30": {"mosaic_polyphony": 30},
    "repetition 0 ms": {"mosaic_repetition_ms": 0},
    "repetition 500 ms": {"mosaic_repetition_ms": 500},
    "candidates 8": {"mosaic_candidates": 8},
    "candidates 128": {"mosaic_candidates": 128},
    "latency 128": {"latency_samples": 128},
    "latency 1024": {"latency_samples": 1024},
    "quality (latency 4096)": {"mode": "quality"},
}
COSTS: dict[str, tuple[float, dict[str, Value]]] = {  # seconds of the source, parameters
    "10 s": (10, {}), "**60 s**": (60, {}), "140 s": (140, {}), "600 s": (600, {}),
    "60 s, polyphony 32": (60, {"mosaic_polyphony": 32}), "60 s, candidates 128": (60, {"mosaic_candidates": 128}),
    "60 s, both": (60, {"mosaic_polyphony": 32, "mosaic_candidates": 128}), "60 s, quality": (60, {"mode": "quality"}),
}
ROUNDS, TURN_SAMPLES, BLOCK = 12, 25600, 64
FIGURES = ("<!-- begin live mosaics -->", "<!-- end live mosaics -->")
COST = ("<!-- begin live cost -->", "<!-- end live cost -->")


def remade(mosaic: Mosaic, target: np.ndarray) -> np.ndarray:
    """The mosaic of target [channel, sample], the latency taken out."""
    padded = np.pad(target, ((0, 0), (0, mosaic.latency)))
    blocks = [mosaic.process(padded[:, at : at + 4096]).stems[0].copy() for at in range(0, padded.shape[1], 4096)]
    return np.concatenate(blocks, axis=1)[:, mosaic.latency :]


def figures_of(name: str, shared: Path, sounds: Path) -> list[str]:
    """The rows of one example."""
    source, path = load_source(shared / EXAMPLES[name][1]), sounds / "target.wav"
    target, rate = read_sound(shared / EXAMPLES[name][0])
    target = target[:, : round(SECONDS * rate)]
    soundfile.write(path, target.T, rate, "FLOAT")
    heard, known, rows = features(path), features(shared / EXAMPLES[name][1]), []
    for setting, params in SETTINGS.items():
        mosaic = Mosaic(source, {"gate": False, **params})
        mosaic.prepare(rate, len(target), 4096)
        out = sounds / (f"{name}-live.wav" if not params else "other.wav")
        soundfile.write(out, remade(mosaic, target).T, rate, "FLOAT")
        told, kept = mosaic.details["mosaic"], judge(features(out), heard, known)
        rows.append(f"| {name}: {setting} | {told['polyphony']:.1f} | {told['run_ms']:.0f} | {told['repetitions']:.2f} | "
                    f"{kept['loudness']:.2f} | {kept['chroma']:.2f} | {kept['timbre']:.3f} |")
        print(rows[-1], flush=True)
    return rows


class Timed:
    """One setting: plays the target round and round and keeps the time of every block, in µs."""

    def __init__(self, source: Source, seconds: float, params: Mapping[str, Value], target: np.ndarray) -> None:
        samples = np.resize(source.samples, (1, round(seconds * source.sample_rate)))
        self._mosaic = Mosaic(Source("timed", samples, source.sample_rate), {"gate": False, **params})
        self._mosaic.prepare(source.sample_rate, len(target), BLOCK)
        self._target, self._at, self.blocks_us = target, 0, list[float]()

    def take_turn(self) -> None:
        """Play a while; the first blocks, which fetch the data back into the cache, do not count."""
        call, given, entry = self._mosaic.prepared.call, self._mosaic.prepared.input, engine._entry
        call["frames"] = BLOCK
        for number in range(TURN_SAMPLES // BLOCK):
            self._at = (self._at + BLOCK) % (self._target.shape[1] - BLOCK)
            given[:] = self._target[:, self._at : self._at + BLOCK]
            begin = time.thread_time_ns()
            entry(call.ctypes.data)
            if number >= 8:
                self.blocks_us.append((time.thread_time_ns() - begin) / 1000)

    def row(self, name: str) -> str:
        """Median, 99th percentile and worst hop, and the worst block, which holds the frame, of their times."""
        blocks, rate = np.array(self.blocks_us), self._mosaic.source.sample_rate
        hops = blocks[: len(blocks) // 2 * 2].reshape(-1, 2).sum(axis=1)
        hop_us, (p50, p99, most) = 2e6 * BLOCK / rate, np.percentile(hops, (50, 99, 100))
        return (f"| {name} | {p50:.0f} | {p99:.0f} | {most:.0f} | {100 * p50 / hop_us:.1f} | {100 * p99 / hop_us:.1f} | "
                f"{100 * most / hop_us:.1f} | {100 * np.percentile(blocks, 99) / (hop_us / 2):.0f} | "
                f"{100 * blocks.max() / (hop_us / 2):.0f} |")


def costs(shared: Path) -> list[str]:
    """The rows of the cost."""
    source = load_source(shared / EXAMPLES["piano-as-violin"][1])
    target = read_sound(shared / EXAMPLES["piano-as-violin"][0])[0][:, : round(SECONDS * source.sample_rate)]
    stereo = np.concatenate([target, 0.7 * np.roll(target, 300, axis=1)]).astype(np.float32)
    timed = {name: Timed(source, seconds, params, stereo) for name, (seconds, params) in COSTS.items()}
    for _ in range(ROUNDS):
        for one in timed.values():
            one.take_turn()
    rows = [one.row(name) for name, one in timed.items()]
    print("\n".join(rows), flush=True)
    return rows


def put(text: str, marks: tuple[str, str], rows: list[str]) -> str:
    """`text` with the rows between the marks."""
    return text.split(marks[0])[0] + "\n".join([marks[0], *rows, marks[1]]) + text.split(marks[1])[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data", help="where the recordings are")
    parser.add_argument("--sounds", type=Path, help="keep the mosaics of the default settings in this folder")
    given = parser.parse_args()
    head = ["| example: parameters | polyphony | run ms | repetitions | loudness | chroma | timbre |",
            "| --- | --: | --: | --: | --: | --: | --: |"]
    cost = ["| source | hop p50 µs | p99 | max | p50 % | p99 % | max % | block of 64 p99 % | max % |",
            "| --- | --: | --: | --: | --: | --: | --: | --: | --: |"]
    with tempfile.TemporaryDirectory() as temporary:
        sounds = given.sounds or Path(temporary)
        head += [row for name in EXAMPLES for row in figures_of(name, given.shared, sounds)]
        (sounds / "other.wav").unlink()
        (sounds / "target.wav").unlink()
    cost += costs(given.shared)
    page = ROOT / "docs" / "mosaic.md"
    page.write_text(put(put(page.read_text(encoding="utf-8"), FIGURES, head), COST, cost), encoding="utf-8")


if __name__ == "__main__":
    main()
