"""Trains the network that weighs the residual while others play, and writes rtsep/stages/residual_net.npy.

    python tools/train_residual_net.py

It is trained with the mixes of tools/laboratory/mixes.py. It needs fluidsynth with its soundfont, and takes about 15 minutes.
"""

import argparse
import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from laboratory.mixes import RATE, mixes
from laboratory.pieces import Piece
from laboratory.study import ROOT, run_tool
from laboratory.systems import outputs, preset_named
from scipy.optimize import minimize

from rtsep.engine.separator import Separator
from rtsep.notes.routing import everything
from rtsep.stages.residual import (
    BIAS,
    FEW,
    INPUTS,
    LEAK,
    MANY,
    MOST,
    OUTPUT,
    OUTPUT_BIAS,
    SIDE,
    UNITS,
    residual_net,
)

LEARNING_S = 1.5
"""This many first seconds of a mix are left out, while the engine learns."""
SAMPLES, STEP = 8, 2
"""Number of bins that are kept of a frame; one frame in this many is used."""
STEPS = 500
"""The largest number of steps of the optimiser."""
UNREACHED = 0.01
"""The share of the piano's energy that no mask reaches."""
SMALL = 1e-5
"""The cost of the squared weights."""


class Bins(NamedTuple):
    """Bins of a mix.

    inputs: [n, INPUTS]. The others are [n]. odds: log odds of the notes' mask. others: certainty that others play. best: the
    best mask. weight: the cost of its squared error, as a share of the piano's energy.
    """

    inputs: np.ndarray
    odds: np.ndarray
    others: np.ndarray
    best: np.ndarray
    weight: np.ndarray


# --- what the network sees --------------------------------------------------------------------------------------------


def around(x: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """x [bin] in `bins` and their neighbours, [n, 2 SIDE + 1]."""
    return x[bins[:, None] + np.arange(-SIDE, SIDE + 1)].astype(np.float32)


def inputs_of(separator: Separator, bins: np.ndarray) -> np.ndarray:
    """The network's inputs for the last frame, [n, INPUTS], from the engine's models."""
    state, count = separator.prepared.state, separator.prepared.plan.values["bins"]
    V, M, estimated, P = (state[name][..., :count] for name in ("V", "M", "estimated", "expected_models"))
    level = np.sqrt((around(V, bins) ** 2).mean(axis=1, keepdims=True)) + 1e-12
    models = (V, P[-1], estimated[-1], estimated[:-1].sum(axis=0), P[:-1].sum(axis=0))
    return np.hstack([*(x / (x + level) for x in (around(model, bins) for model in models)), around(M[-1], bins)])


def collect(piano: np.ndarray, other: np.ndarray, piece: Piece, preset: str, rng: np.random.Generator) -> Bins:
    """Play a mix, and keep some bins of its frames; louder bins are kept more often."""
    separator = Separator(preset_named(preset), everything("piano"))
    separator.prepare(RATE, 1, RATE)
    plan, state, hop = separator.prepared.plan.values, separator.prepared.state, separator.framing.hop
    window, size = plan["analysis_window"], plan["window_size"]
    mix, found, energy = piano + other, [], 0.0
    played_on = outputs(separator, mix[None], piece.score.events(RATE), hop)
    for begin, _ in zip(range(0, len(mix) - hop, hop), played_on, strict=False):
        end = begin + hop
        if end < max(size, LEARNING_S * RATE) or begin // hop % STEP:
            continue
        T, X = np.fft.rfft(piano[end - size : end] * window), np.fft.rfft(mix[end - size : end] * window)
        energy += (np.abs(T) ** 2).sum()
        others = np.clip((state["background_share"][0] - FEW) / (MANY - FEW), 0, 1)
        if state["expects"][0] and others > 0:
            power = np.abs(X) ** 2 + 1e-20
            chance = power / power.sum() + np.sqrt(power) / np.sqrt(power).sum()
            chance[:SIDE] = chance[-SIDE:] = 0
            chance /= chance.sum()
            bins = rng.choice(len(chance), SAMPLES, p=chance)
            mask = np.clip(state["M"][-1][bins], 1e-4, 1 - 1e-4)
            found.append(Bins(inputs_of(separator, bins), np.log(1 / mask - 1), np.full(SAMPLES, others, np.float32),
                              (T * X.conj()).real[bins] / power[bins], power[bins] / chance[bins] / SAMPLES))
    bins = Bins(*(np.concatenate(part).astype(np.float32) for part in zip(*found, strict=True)))
    return bins._replace(weight=bins.weight / energy)


# --- training ---------------------------------------------------------------------------------------------------------


def spread(mixes: Sequence[Bins]) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the standard deviation of every input."""
    inputs = np.concatenate([bins.inputs for bins in mixes])
    return inputs.mean(axis=0), inputs.std(axis=0) + np.float32(1e-2)


def error_of(net: np.ndarray, bins: Bins) -> tuple[float, np.ndarray]:
    """The network's squared error in a mix, as a share of the piano's energy, and its gradient [INPUTS + 3, UNITS].

    The residual's mask is multiplied by exp(output), so the output is subtracted from the log odds of the notes' mask.
    """
    heard = bins.inputs @ net[:INPUTS] + net[BIAS]
    let_through = np.where(heard > 0, np.float32(1), np.float32(LEAK))
    shown = heard * let_through
    output = np.clip(shown @ net[OUTPUT] + net[OUTPUT_BIAS, 0], -MOST, MOST)
    mask = 1 / (1 + np.exp(bins.others * output - bins.odds))
    missed = bins.best - mask
    back = (2 * bins.weight * missed * mask * (1 - mask) * bins.others)[:, None]
    slopes = np.zeros_like(net)
    to_heard = back * net[OUTPUT] * let_through
    slopes[:INPUTS], slopes[BIAS] = bins.inputs.T @ to_heard, to_heard.sum(axis=0)
    slopes[OUTPUT], slopes[OUTPUT_BIAS, 0] = shown.T @ back[:, 0], back.sum()
    return float((bins.weight * missed**2).sum()), slopes


def sdr_db(net: np.ndarray, mixes: Sequence[Bins]) -> float:
    """The mean SDR over the mixes, for the kept bins, if a mask could reach everything."""
    return float(np.mean([-10 * np.log10(error_of(net, bins)[0]) for bins in mixes]))


def train(mixes: Sequence[Bins], steps: int = STEPS) -> np.ndarray:
    """The network with the best mean SDR, by L-BFGS over all bins at once."""
    mean, deviation = spread(mixes)
    scaled = [bins._replace(inputs=(bins.inputs - mean) / deviation) for bins in mixes]

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        net = flat.reshape(INPUTS + 3, UNITS).astype(np.float32)
        found = [error_of(net, bins) for bins in scaled]
        slope = np.mean([slopes / (error + UNREACHED) for error, slopes in found], axis=0)
        return (float(np.mean([np.log(error + UNREACHED) for error, _ in found])) + SMALL * float(flat @ flat),
                slope.ravel().astype(float) + 2 * SMALL * flat)

    rng = np.random.default_rng(0)
    start = np.zeros((INPUTS + 3, UNITS))
    start[:INPUTS], start[OUTPUT] = rng.normal(0, INPUTS**-0.5, (INPUTS, UNITS)), rng.normal(0, 0.1, UNITS)
    flat = minimize(cost, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": steps, "maxcor": 20}).x
    net = flat.reshape(INPUTS + 3, UNITS)
    net[BIAS] -= mean / deviation @ net[:INPUTS]
    net[:INPUTS] /= deviation[:, None]
    return net.astype(np.float32)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    residual_net()[:] = 0  # so the engine's masks are those without the network
    found = []
    for name, piano, other, piece, preset in mixes():
        bins = collect(piano, other, piece, preset, np.random.default_rng(zlib.crc32(name.encode()) + 1))
        print(f"{name}: {sdr_db(residual_net(), [bins]):.2f} dB", flush=True)
        found.append(bins)
    net = train(found)
    print(f"{len(found)} mixes, {sum(len(bins.best) for bins in found)} bins: "
          f"{sdr_db(residual_net(), found):.2f} -> {sdr_db(net, found):.2f} dB")
    path = ROOT / "rtsep" / "stages" / "residual_net.npy"
    np.save(path.with_suffix(".partial.npy"), net)
    path.with_suffix(".partial.npy").replace(path)


if __name__ == "__main__":
    run_tool(main)
