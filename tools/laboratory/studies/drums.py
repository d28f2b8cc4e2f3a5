"""Drums: kick, snare and hi-hat of the grooves, with several kits live, and by NMF deconvolution offline."""

import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from laboratory import baselines
from laboratory.drums import foreign_hits, own_hits, plain_kit, staged_kit
from laboratory.grid import measure, with_field
from laboratory.groove import groove
from laboratory.pieces import Piece, excerpt, load_piece
from laboratory.report import pivot, table
from laboratory.study import ROOT, Given, MissingError, Row, Settings, Table, need_file, option, study
from laboratory.systems import preset_named
from rtsep.measure import sdr_db
from rtsep.notes.drum_maps import DRUM_GROUPS
from rtsep.notes.routing import by_drum
from rtsep.params import PARAMS
from rtsep.presets.preset import Preset
from rtsep.training.isolated import Notes
from rtsep.training.nmfd import activations_at, approximation, nmfd, templates_at

DRUMS = ("kick", "snare", "hihat")
WITH_BACKGROUND = f"background={PARAMS['background'].default}"
ALONE, BLIND = "gate=off", "gate=off,onsets=off"
VARIANTS = {"adapt=off": "adapt=off", "adapt_hold_s=0.01": "adapt_hold_s=0.01", "no triggers": ALONE,
            "no triggers, onsets=off": BLIND, "with the background": WITH_BACKGROUND}
PLAIN = {"live, 512 samples": "", "window 2048, live, 512 samples": "window_samples=2048"}
STAGED = {"live, 512 samples": "", "live, 128 samples": "latency_samples=128", "instant, 0 samples": "mode=instant",
          "quality": "mode=quality", **{f"{name}, live, 512 samples": text for name, text in VARIANTS.items()}}
SHIPPED = {"live, 512 samples": "", **VARIANTS, "instant, 0 samples": "mode=instant"}
OURS = {"": "", "adapt=off": "adapt=off", "no triggers": ALONE, "no triggers, onsets=off": BLIND}
ORACLES = {f"oracle mask, window {window}, live, {latency} samples": f"oracle,window_samples={window},latency_samples={latency}"
           for window, latency in ((4096, 512), (2048, 512), (2048, 128))}
KITS = ("drum-kit", "drum-stages")
LATE = {"10 ms early": "late_ms=-10", "as noted": "", **{f"{ms} ms late": f"late_ms={ms}" for ms in (5, 10, 15, 20)},
        "none (`gate=off`)": ALONE}
WORKER = ROOT / "tools" / "laboratory" / "workers" / "deconvolve.py"
SIZE, HOP, LAGS = 2048, 512, 8
"""The window and the hop, in samples, and the frames of a template."""
DECAY = 0.9
"""An activation falls by this factor from frame to frame."""
UPDATES, TURNS = 30, 3
PROBLEMS = ((276, 3, 8), (2600, 3, 8))
"""Frames, drums and lags of random spectrograms of 1025 bins: 3 and 30 s."""
Problem = dict[str, np.ndarray]


# --- live -------------------------------------------------------------------------------------------------------------


def grooves(given: Given) -> list[Piece]:
    """The grooves as the sum of kick, snare and hi-hat, without sounds that have no templates."""
    folder = need_file(given.shared / "drums")
    pieces = [load_piece(path.parent, "drums") for path in sorted(folder.glob("*/drums.mid"))]
    return [by_drums(excerpt(piece, given.seconds)) for piece in pieces if not given.pieces or piece.name in given.pieces]


def by_drums(piece: Piece) -> Piece:
    """The piece with a stem for each of DRUMS."""
    return replace(piece, truths={name: piece.truths[name] for name in DRUMS}, routing=by_drum(piece.score))


def of_kit(given: Given, pieces: list[Piece], name: str, preset: Preset, settings: Settings, fixed: str) -> list[Row]:
    """The rows of one kit; the name of a line has the kit and the setting."""
    lines = {", ".join(filter(None, (name, label))): f"{fixed},{text}" for label, text in settings.items()}
    return measure(given, [replace(piece, preset=preset) for piece in pieces], lines)


@study("kits", page="docs/measurements/drums.md")
def kits(given: Given) -> list[Table]:
    """Drums one by one: kick, snare and hi-hat of the grooves with their own kit, with another one and with the shipped ones.

    The mix is the sum of kick, snare and hi-hat. All its sounds have templates, so the background is off unless stated
    otherwise. The last groove is made here, with a third kit; it needs sonic-pi-samples. SDR in dB, means over the grooves.
    """
    pieces, off = grooves(given), "background=0"
    rows = measure(given, pieces, {"mix, nothing done": "mix"})
    hits = {"own": own_hits(given.shared), "foreign": foreign_hits(given.shared)}
    for kit, recorded in hits.items():
        plain, staged = plain_kit(recorded, "plain"), staged_kit(recorded, "staged")
        rows += of_kit(given, pieces, f"{kit} kit, attack and sustain", plain, given.chosen(PLAIN), off)
        rows += of_kit(given, pieces, f"{kit} kit, stages", staged, given.chosen(STAGED), off)
    for name in KITS:
        rows += of_kit(given, pieces, f"`{name}`", preset_named(name), given.chosen(SHIPPED), off)
    third = given.there(lambda make: by_drums(excerpt(make(), given.seconds)), [groove])
    rows += measure(given, third, {"our groove: mix, nothing done": "mix"})
    for kind, kit in (("attack and sustain", plain), ("stages", staged)):
        rows += of_kit(given, third, f"our groove: foreign kit, {kind}", kit, given.chosen(OURS), off)
    rows += measure(given, third, {"our groove: oracle mask, window 2048": "oracle,window_samples=2048"})
    rows += measure(given, pieces, ORACLES)
    return [Table("kits", pivot(rows, ["settings"], ["stem"], form=".1f"), rows)]


@study("late-triggers", page="docs/measurements/drums.md")
def late_triggers(given: Given) -> list[Table]:
    """Late triggers: kick / snare / hi-hat with the shipped kits and the background, means over the grooves."""
    pieces, rows = grooves(given), []
    for kit in KITS:
        found = of_kit(given, pieces, "", preset_named(kit), given.chosen(LATE), WITH_BACKGROUND)
        rows += with_field(found, "kit", lambda row, kit=kit: f"`{kit}`")
    return [Table("late-triggers", pivot(rows, ["settings"], ["kit"], form=".1f", joined="stem"), rows)]


# --- offline ----------------------------------------------------------------------------------------------------------


def theirs(python: Path, problem: Problem) -> tuple[float, np.ndarray, np.ndarray]:
    """The seconds that libnmfd takes, without the start of Python, and the W and H that it finds."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, "problem.npz"), Path(folder, "found.npz")]
        np.savez(files[0], **problem)
        command = [python, "-W", "ignore", WORKER, *files, str(UPDATES)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise MissingError(f"{python} could not run libnmfd: {ended.stderr.strip().splitlines()[-1]}")
        found = np.load(files[1])
        return float(ended.stdout.split()[-1]), found["W"], found["H"]


def our_seconds(problem: Problem, dtype: type) -> float:
    """The seconds of one run of `nmfd`."""
    started = time.perf_counter()
    nmfd(problem["V"].astype(dtype), problem["W"], problem["H"], max_iter=UPDATES, tolerance=0)
    return time.perf_counter() - started


def random_problem(frames: int, drums: int, lags: int) -> Problem:
    """V [frame, bin] in float32, and a start."""
    rng = np.random.default_rng(1)
    H = rng.random((frames, drums)) * (rng.random((frames, drums)) < 0.05)
    W = rng.random((drums, lags, 1025)) ** 4 * np.exp(-np.arange(lags) / 3)[:, None]
    V = sum(np.pad(H, ((lag, 0), (0, 0)))[:frames] @ W[:, lag] for lag in range(lags)) + 1e-3
    return {"V": V.astype(np.float32), "W": rng.random(W.shape), "H": np.ones_like(H)}


def time_line(python: Path, size: tuple[int, int, int]) -> list[str]:
    """A line of the table of times: the fastest of TURNS turns of each."""
    problem = random_problem(*size)
    our_seconds(problem, np.float64), our_seconds(problem, np.float32)  # compile
    times = [(theirs(python, problem)[0], *(our_seconds(problem, dtype) for dtype in (np.float64, np.float32)))
             for _ in range(TURNS)]
    other, double, single = np.min(times, axis=0)
    return [" x ".join(map(str, size)), f"{other:.2f}", f"{double:.3f}", f"{other / double:.1f}", f"{single:.3f}",
            f"{other / single:.1f}"]


# --- on the grooves ---------------------------------------------------------------------------------------------------


def spectra(sound: np.ndarray) -> np.ndarray:
    """X [frame, bin] of a sound [sample]; the middle of frame n is at sample n * HOP."""
    return baselines.spectra(sound.astype(float), SIZE, HOP, SIZE // 2)


def start(piece: Piece, hits: Notes) -> Problem:
    """V [frame, bin] with the sum 1, W [drum, lag, bin] from single hits, and H [frame, drum] from the noted onsets."""
    X = spectra(piece.mix[0])
    notes, V = piece.score.notes(), np.abs(X) / np.abs(X).sum()
    single, W, onsets = np.abs(spectra(hits.sound)), [], []
    for drum in DRUMS:
        mine = np.isin(hits.pitch, list(DRUM_GROUPS[drum]))
        W.append(templates_at(single, np.round(hits.onset_s[mine] * hits.sample_rate / HOP).astype(int), LAGS))
        struck_s = notes["onset_s"][np.isin(notes["pitch"], list(DRUM_GROUPS[drum]))]
        onsets.append(np.round(struck_s * piece.sample_rate / HOP).astype(int))
    return {"V": V, "W": np.stack(W) / np.sum(W, axis=(1, 2), keepdims=True),
            "H": activations_at(onsets, len(V), DECAY) + 1e-12}


def modelled(W: np.ndarray, H: np.ndarray) -> np.ndarray:
    """The models of the drums, [drum, frame, bin]."""
    return np.stack([approximation(W[[drum]], H[:, [drum]]) for drum in range(len(W))])


def judged(piece: Piece, setting: str, models: np.ndarray) -> list[Row]:
    """A row for every drum, from models [drum, frame, bin]."""
    X, masks = spectra(piece.mix[0]), models / np.maximum(models.sum(axis=0), 1e-30)
    return [{"settings": setting, "set": "drums", "piece": piece.name, "stem": drum, "sdr_db": sdr_db(
        baselines.overlap_add(X * mask, SIZE, HOP, SIZE // 2, piece.mix.shape[1]), piece.truths[drum][0])}
        for drum, mask in zip(DRUMS, masks, strict=True)]


@study("nmfd", option("--python", type=Path, help="the interpreter of an environment with libnmfd, to compare with"),
       page="docs/measurements/drums.md", takes=("seconds", "pieces"))
def deconvolution(given: Given) -> list[Table]:
    """NMF deconvolution offline on the grooves, by rtsep and by libnmfd from the same start, and the time of both.

    The start is single hits (templates of 8 frames) and the noted onsets (activations that fall from there); window 2048, hop
    512, 30 updates, masks of power 1: libnmfd's own example. The whole groove is known beforehand. libnmfd needs its own
    environment, since it pins an old NumPy; without --python only rtsep is measured:

        python3.11 -m venv /tmp/venv-nmfd && /tmp/venv-nmfd/bin/pip install libnmfd==1.0.0
        python tools/lab.py nmfd --python /tmp/venv-nmfd/bin/python
    """
    pieces, python, rows = grooves(given), given["python"], []
    for kit, hits in (("own", own_hits(given.shared)), ("foreign", foreign_hits(given.shared))):
        starts = [(piece, start(piece, hits)) for piece in pieces]
        if python:
            rows += [row for piece, data in starts
                     for row in judged(piece, f"{kit} kit, libnmfd", modelled(*theirs(python, data)[1:]))]
        found = [(piece, nmfd(data["V"], data["W"], data["H"], max_iter=UPDATES, tolerance=0)) for piece, data in starts]
        rows += [row for piece, each in found for row in judged(piece, f"{kit} kit, ours", modelled(each.W, each.H))]
    for piece in pieces:
        truths = np.abs(np.stack([spectra(piece.truths[drum][0]) for drum in DRUMS]))
        rows += judged(piece, "oracle mask of power 1, the same windows", truths)
    head = ["frames x drums x lags", "libnmfd, s", "float64, s", "times faster", "float32, s", "times faster"]
    times = [Table("nmfd-time", table(head, [time_line(python, size) for size in PROBLEMS]))] if python else []
    return [Table("nmfd", pivot(rows, ["settings"], ["stem"], form=".1f"), rows), *times]
