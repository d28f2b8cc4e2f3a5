"""Live mosaics: what they keep of target and source, and their cost."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

from laboratory.report import table
from laboratory.studies.mosaics import EXAMPLES, SECONDS, example, features, judge, sound_folder
from laboratory.study import Given, Table, need_file, option, study
from rtsep.files.sound import read_sound
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
"""Number of turns of every setting, samples in a turn, and samples in a block."""


def remade(mosaic: Mosaic, target: np.ndarray) -> np.ndarray:
    """The mosaic of target [channel, sample], with the latency taken out."""
    padded = np.pad(target, ((0, 0), (0, mosaic.latency)))
    blocks = [mosaic.process(padded[:, at : at + 4096]).stems[0].copy() for at in range(0, padded.shape[1], 4096)]
    return np.concatenate(blocks, axis=1)[:, mosaic.latency :]


def lines_of(given: Given, name: str, folder: Path) -> list[list[str]]:
    """The table's lines for one example."""
    path, source_path = example(given, name, folder)
    source, (target, rate) = load_source(source_path), read_sound(path)
    heard, known, lines = features(path), features(source_path), []
    for setting, params in SETTINGS.items():
        mosaic = Mosaic(source, {"gate": False, **params})
        mosaic.prepare(rate, len(target), 4096)
        out = folder / (f"{name}-live.wav" if not params else "other.wav")
        soundfile.write(out, remade(mosaic, target).T, rate, "FLOAT")
        told, kept = mosaic.details["mosaic"], judge(features(out), heard, known)
        lines.append([f"{name}: {setting}", f"{told['polyphony']:.1f}", f"{told['run_ms']:.0f}", f"{told['repetitions']:.2f}",
                      f"{kept['loudness']:.2f}", f"{kept['chroma']:.2f}", f"{kept['timbre']:.3f}"])
    return lines


class Timed:
    """One setting: plays the target in a loop, and keeps the time of every block, in µs."""

    def __init__(self, source: Source, seconds: float, params: Mapping[str, Value], target: np.ndarray) -> None:
        samples = np.resize(source.samples, (1, round(seconds * source.sample_rate)))
        self._mosaic = Mosaic(Source("timed", samples, source.sample_rate), {"gate": False, **params})
        self._mosaic.prepare(source.sample_rate, len(target), BLOCK)
        self._target, self._at, self.blocks_us = target, 0, list[float]()

    def take_turn(self) -> None:
        """Play for one turn; the first blocks, which load the data into the cache, do not count."""
        call, given, entry = self._mosaic.prepared.call, self._mosaic.prepared.input, self._mosaic._entry
        call["frames"] = BLOCK
        for number in range(TURN_SAMPLES // BLOCK):
            self._at = (self._at + BLOCK) % (self._target.shape[1] - BLOCK)
            given[:] = self._target[:, self._at : self._at + BLOCK]
            begin = time.thread_time_ns()
            entry(call.ctypes.data)
            if number >= 8:
                self.blocks_us.append((time.thread_time_ns() - begin) / 1000)

    def line(self, name: str) -> list[str]:
        """The line of the setting: median, 99th percentile and worst hop, and the worst blocks (those with the frame)."""
        blocks, rate = np.array(self.blocks_us), self._mosaic.source.sample_rate
        hops = blocks[: len(blocks) // 2 * 2].reshape(-1, 2).sum(axis=1)
        hop_us, found = 2e6 * BLOCK / rate, np.percentile(hops, (50, 99, 100))
        return [name, *(f"{us:.0f}" for us in found), *(f"{100 * us / hop_us:.1f}" for us in found),
                *(f"{100 * us / (hop_us / 2):.0f}" for us in np.percentile(blocks, (99, 100)))]


def cost_lines(given: Given) -> list[list[str]]:
    """The lines of the table of cost."""
    target, source = (need_file(given.shared / path) for path in EXAMPLES["piano-as-violin"])
    played = load_source(source)
    sound = read_sound(target)[0][:, : round(SECONDS * played.sample_rate)]
    stereo = np.concatenate([sound, 0.7 * np.roll(sound, 300, axis=1)]).astype(np.float32)
    timed = {name: Timed(played, seconds, params, stereo) for name, (seconds, params) in COSTS.items()}
    for _ in range(given["rounds"]):
        for one in timed.values():
            one.take_turn()
    return [one.line(name) for name, one in timed.items()]


@study("grains", option("--sounds", type=Path, help="keep the mosaics of the default settings in this folder"),
       option("--rounds", type=int, default=ROUNDS, help="turns of each setting for the cost (default: %(default)s)"),
       page="docs/measurements/mosaic.md", seconds=SECONDS, takes=("seconds",))
def grains(given: Given) -> list[Table]:
    """Live mosaics: what they keep of target and source for different parameters, and their cost.

    The examples and measures are those of the study mosaic, which makes mosaics offline. run ms: how long the source is heard
    in its own order. repetitions: share of the runs that begin where the source was heard less than 70 ms before. Cost: the
    compiled entry, called like a native callback, stereo, in blocks of 64, all settings in turns; only processor time of the
    thread counts.
    """
    with sound_folder(given) as folder:
        lines = [line for found in given.there(lambda name: lines_of(given, name, folder), EXAMPLES) for line in found]
    head = ["example: parameters", "polyphony", "run ms", "repetitions", "loudness", "chroma", "timbre"]
    cost = ["source", "hop p50 µs", "p99", "max", "p50 %", "p99 %", "max %", "block of 64 p99 %", "max %"]
    costs = given.there(lambda measure: measure(given), [cost_lines] if given["rounds"] else [])
    return [Table("live mosaics", table(head, lines)), *(Table("live cost", table(cost, found)) for found in costs)]
