"""NMF and nonnegative autoencoders on the same input: loss curves, templates and activations."""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from laboratory.pieces import DEMO, load_piece
from laboratory.report import shown, table
from laboratory.study import Given, Table, option, study
from rtsep.errors import RtsepError
from rtsep.files.sound import read_sound
from rtsep.measure import sdr_db
from rtsep.notes.score import read_midi
from rtsep.training.gates import note_gates, onset_gates
from rtsep.training.groups import group_models, resynthesise, soft_masks, spectra
from rtsep.training.initial import harmonic_templates, onset_templates
from rtsep.training.nae import autoencode, encode, ridge_encoder
from rtsep.training.nmf import factorise

WINDOW, HOP = 4096, 1024
"""The window and the hop, in samples."""
CHUNK_FRAMES = 129
"""Number of frames from which to learn, and then to leave out, in turns: three seconds."""
BEFORE_S, AFTER_S = 0.05, 0.2
"""A gate is open this many seconds before and after its note."""
SHOWN = (1, 10, 50)
"""The updates whose losses are in the table, besides the last one."""
NMF_UPDATES = 20
"""Number of updates for the activations of new frames, and for the factorisation that a ridge encoder imitates."""
RIDGE = 1e-3
"""The ridge of an encoder, as a share."""


@dataclass(frozen=True)
class Input:
    """What is learnt from: V float32 [frame, bin] and its spectra X; gates [frame, row] of all notes and of each part.

    W is the start, and `learnt` says which frames are learnt from.
    """

    sound: np.ndarray
    X: np.ndarray
    V: np.ndarray
    gates: np.ndarray
    part_gates: np.ndarray
    W: np.ndarray
    pitches: np.ndarray
    learnt: np.ndarray
    truths: np.ndarray | None


@dataclass(frozen=True)
class Result:
    """The result of a method: templates, activations of all frames, the encoder if there is one, losses and their updates."""

    W: np.ndarray
    H: np.ndarray
    E: np.ndarray | None
    losses: np.ndarray
    updates: np.ndarray
    seconds: float


def gates_of(notes: Any, pitches: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Gates [frame, row] of the harmonic templates, and then of the onset templates."""
    return np.concatenate([note_gates(notes, pitches, times_s, BEFORE_S, AFTER_S),
                           onset_gates(notes, pitches, times_s, 2 * BEFORE_S, AFTER_S)], axis=1)


def prepare(mix: Path, midi: Path, truths: np.ndarray | None) -> Input:
    """The input of all methods."""
    sound, rate = read_sound(mix)
    notes = read_midi(midi).notes()
    X = spectra(sound.mean(axis=0), WINDOW, HOP)
    times_s, pitches = np.arange(len(X)) * HOP / rate, np.unique(notes["pitch"])
    W = np.concatenate([harmonic_templates(pitches, X.shape[1], rate / WINDOW), onset_templates(len(pitches), X.shape[1])])
    parts = np.stack([gates_of(notes[notes["part"] == part], pitches, times_s) for part in np.unique(notes["part"])])
    return Input(sound.mean(axis=0), X, np.abs(X).astype(np.float32), parts.any(axis=0), parts,
                 (W / W.sum(axis=1, keepdims=True)).astype(np.float32), pitches,
                 np.arange(len(X)) // CHUNK_FRAMES % 2 == 0, truths)


def by_nmf(given: Input, method: str, updates: int) -> Result:
    """NMF on the frames from which it learns; new frames by updates of H."""
    V, start = given.V, given.gates.astype(np.float32)
    began = time.perf_counter()
    found = factorise(V[given.learnt], given.W, start[given.learnt], divergence="euclid", method=method, max_iter=updates,
                      tolerance=0)
    took = time.perf_counter() - began
    new = factorise(V, found.W, start * V.sum(axis=1, keepdims=True), divergence="euclid", update=("H",), max_iter=NMF_UPDATES,
                    tolerance=0).H
    new[given.learnt] = found.H
    return Result(found.W, new, None, found.losses, found.updates, took)


def by_nae(given: Input, start: str, updates: int, **settings: Any) -> Result:
    """An autoencoder; its encoder gives all activations."""
    V, gates, W = given.V[given.learnt], given.gates[given.learnt], given.W
    began = time.perf_counter()
    if start == "random":
        E = np.random.default_rng(0).random(W.shape) * 0.01
    elif start == "ridge":
        known = factorise(V, W, gates.astype(np.float32), divergence="euclid", max_iter=NMF_UPDATES, tolerance=0)
        E, W = ridge_encoder(V, known.H, RIDGE).astype(np.float32), known.W
    else:
        E = W
    found = autoencode(V, E, W, gates, max_iter=updates, tolerance=0, **settings)
    took = time.perf_counter() - began
    return Result(found.W, encode(given.V, found.E, given.gates), found.E, found.losses, found.updates, took)


METHODS = {
    "NMF, multiplicative": partial(by_nmf, method="multiplicative"),
    "NMF, gradient": partial(by_nmf, method="gradient"),
    "NAE, multiplicative, E = W": partial(by_nae, start="templates"),
    "NAE, multiplicative, random E": partial(by_nae, start="random"),
    "NAE, gradient": partial(by_nae, start="templates", method="gradient"),
    "NAE, gradient, ReLU decoder": partial(by_nae, start="templates", method="gradient", rectified=True),
    "NAE, signed, gradient from ridge": partial(by_nae, start="ridge", method="gradient", signed=True),
}


def sdrs(given: Input, result: Result) -> list[float]:
    """The mean SDR of the parts, in the frames learnt from and in the new ones."""
    if given.truths is None:
        return [np.nan, np.nan]
    masks = soft_masks(group_models(result.W, result.H, given.part_gates), 2.0)
    stems = resynthesise(masks * given.X, HOP, len(given.sound))[:-1]
    learnt = np.repeat(given.learnt, HOP)[: len(given.sound)]
    return [float(np.mean([sdr_db(s[at], t[at]) for s, t in zip(stems, given.truths, strict=True)]))
            for at in (learnt, ~learnt)]


def loss_table(given: Input, results: dict[str, Result]) -> str:
    """A table of losses as shares of the energy of V, times, and SDR."""
    energy = float((given.V[given.learnt].astype(float) ** 2).sum())
    last = max(int(result.updates[-1]) for result in results.values())
    updates, lines = (*(n for n in SHOWN if n < last), last), []
    for name, result in results.items():
        losses = [f"{result.losses[min(n, len(result.losses) - 1)] / energy:.4f}" for n in updates]
        lines.append([name, *losses, f"{1000 * result.seconds / last:.1f}", *map(shown, sdrs(given, result))])
    return table(["method", *(f"loss after {n}" for n in updates), "ms per update", "SDR, learnt from", "SDR, new"], lines)


def draw(given: Input, results: dict[str, Result], path: Path) -> None:
    """Draw loss curves, and below them, for each method, encoder, templates and activations."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(13, 4 + 1.9 * len(results)), layout="constrained")
    grid = figure.add_gridspec(1 + len(results), 3, height_ratios=[2, *[1] * len(results)])
    curves = figure.add_subplot(grid[0, :])
    energy = float((given.V[given.learnt].astype(float) ** 2).sum())
    order = np.argsort(np.tile(given.pitches, 2), kind="stable")  # both rows of a pitch side by side
    for number, (name, result) in enumerate(results.items(), 1):
        curves.loglog(result.updates + 1, result.losses / energy, label=name)
        images = {"encoder E": result.E, "templates W": result.W, "activations H": result.H}
        for column, (title, image) in enumerate(images.items()):
            axis = figure.add_subplot(grid[number, column])
            if image is None:
                axis.axis("off")
                continue
            scaled = image.T[order] if column == 2 else image[order, : image.shape[1] // 4]
            scaled = np.sign(scaled) * np.sqrt(np.abs(scaled) / max(np.abs(scaled).max(), 1e-30))
            least = -1 if scaled.min() < 0 else 0
            axis.imshow(scaled, aspect="auto", origin="lower", cmap="RdBu" if least else "magma", vmin=least, vmax=1,
                        interpolation="none")
            axis.set_title(f"{name}: {title}", fontsize=8)
            axis.set_xlabel("frame" if column == 2 else "bin", fontsize=7)
            axis.set_ylabel("row, by pitch", fontsize=7)
            axis.tick_params(labelsize=6)
    curves.set(xlabel="update + 1", ylabel="‖V - HW‖² / ‖V‖²", title="loss")
    curves.legend(fontsize=8)
    figure.savefig(path, dpi=70)


@study("nae", option("mix", type=Path, nargs="?", metavar="MIX", help="your own recording (default: the bundled clip)"),
       option("--midi", type=Path, help="the notes of MIX"),
       option("--updates", type=int, default=200, help="number of updates of each method (default: %(default)s)"),
       option("--picture", type=Path, help="draw loss curves, templates and activations into this file"), takes=())
def nae(given: Given) -> list[Table]:
    """NMF and nonnegative autoencoders on the same input: losses, and SDR on learnt and on new frames.

    All start from the score: a harmonic and an onset template per pitch, with gates around the notes. They learn from every
    other three seconds. The rest is new to them: for it NMF has 20 updates of its activations, and an autoencoder one product.
    With the bundled clip, masks from both are judged by the true stems of the two hands.
    """
    mix, midi = given["mix"], given["midi"]
    if (mix is None) != (midi is None):
        raise RtsepError("give MIX and --midi together, or neither for the bundled clip")
    truths = np.concatenate(list(load_piece(DEMO, "demo").truths.values()))
    played = prepare(mix, midi, None) if mix else prepare(DEMO / "mix.flac", DEMO / "demo.mid", truths)
    results = {name: run(played, updates=given["updates"]) for name, run in METHODS.items()}
    if given["picture"]:
        draw(played, results, given["picture"])
    return [Table("nae", loss_table(played, results), files={"nae.png": lambda path: draw(played, results, path)})]
