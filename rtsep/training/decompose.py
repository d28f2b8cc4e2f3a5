"""Decomposes V into templates and activations by the chosen method: NMF, or a nonnegative autoencoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.training.descent import Progress
from rtsep.training.nae import autoencode, encode, ridge_encoder
from rtsep.training.nmf import Factors, factorise
from rtsep.training.updates import Floats, Frames, parts

METHODS = ("nmf", "nae", "nae-gradient", "nae-signed")
KNOWN_UPDATES = 20  # A signed encoder starts from the activations of a factorisation with this many updates.


@dataclass(frozen=True)
class Found:
    """The factors; and, if an autoencoder found them, the encoder [row, bin] that gives their activations."""

    factors: Factors
    encoder: Floats | None = None


def decompose(
    V: Frames, W: Floats, H: Floats, gates: npt.NDArray[np.bool_] | None, *, method: str, divergence: str, updates: int,
    progress: Progress | None = None,
) -> Found:  # fmt: skip
    """Templates that start from W [row, bin], and activations that are 0 where H [frame, row] is 0 or `gates` are closed.

    | method | |
    | --- | --- |
    | nmf | `factorise` with `divergence` |
    | nae | `autoencode` by multiplicative updates; the encoder starts as W. This and the next two minimise the sum of squares |
    | nae-gradient | the same by projected gradient steps |
    | nae-signed | by gradient steps; the encoder can be negative, and starts as the closed form for the activations of an NMF |

    gates None: no gates. Errors and interruptions are those of these functions.
    """
    if method == "nmf":
        return Found(factorise(V, W, H, divergence=divergence, max_iter=updates, tolerance=0, progress=progress))
    E = W
    if method == "nae-signed":
        known = factorise(V, W, H, divergence="euclid", max_iter=KNOWN_UPDATES, tolerance=0)
        E, W = ridge_encoder(V, known.H).astype(W.dtype), known.W
    found = autoencode(V, E, W, gates, method="multiplicative" if method == "nae" else "gradient",
                       signed=method == "nae-signed", max_iter=updates, tolerance=0, progress=progress)
    return Found(Factors(found.W, _activations(V, found.E, gates), found.losses, found.updates, found.reason), found.E)


def _activations(V: Frames, E: Floats, gates: npt.NDArray[np.bool_] | None) -> Floats:
    """The encoder's H [frame, row]."""
    H = np.empty((V.shape[0], len(E)), E.dtype)
    for part in parts(V):
        H[part] = encode(np.asarray(V[part]), E, None if gates is None else gates[part])
    return H
