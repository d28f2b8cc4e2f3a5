"""Encoders made from templates alone: E [row, bin]. Its product with a spectrum gives the templates' activations in one step.

For V ~ h W, h = max(E V, 0). The encoder of an instrument takes all its rows into account; gates then select the rows that can
sound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# A signed encoder is regularised by this share of the mean eigenvalue of W W': the larger, the less it relies on small
# differences.
SHARE = 0.01
# A nonnegative encoder is made in this many updates with this exponent: they are as good as 40 plain ones.
FULL_UPDATES, RELAXATION = 20, 1.8
START_UPDATES = 4  # This many updates are enough if the encoder only gives the start for other updates: more gain nothing.
MOST_WORK = 2e10  # An encoder takes at most this many multiplications (rows x rows x bins x updates): some seconds.

Floats = npt.NDArray[Any]


def pseudo_inverse_encoder(W: npt.ArrayLike, share: float = SHARE) -> npt.NDArray[np.float64]:
    """Signed E = (W W' + lambda I)^-1 W, float64: the best encoder for rows that are equally active and independent.

    It equals `rtsep.training.nae.ridge_encoder` for such recordings in white noise. lambda is `share` times the mean eigenvalue
    of W W'. With a share of 0 it is the pseudo-inverse.
    """
    exact: Floats = np.asarray(W, np.float64)
    square = exact @ exact.T
    square[np.diag_indices(len(exact))] += share * np.trace(square) / len(exact)
    return np.asarray(np.linalg.solve(square, exact), np.float64)


def nonnegative_encoder(W: npt.NDArray[np.float32], updates: int = FULL_UPDATES) -> npt.NDArray[np.float32]:
    """E >= 0 that finds the templates W [row, bin] in themselves as well as possible: it minimises |W - W E' W|^2.

    The updates are those of E in `rtsep.training.nae.autoencode`, with the templates as the recording, but over-relaxed; the
    last update is plain. For more than a thousand rows there are fewer updates. Zeros of W are zeros of E.
    """
    square: Floats = W @ W.T
    wanted = square @ W
    E = W / np.maximum(square.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    updates = max(min(updates, int(MOST_WORK / (len(W) * W.size))), 1)
    for left in range(updates, 0, -1):
        found = square @ (E @ W.T) @ W
        E *= (wanted / np.maximum(found, np.finfo(np.float32).tiny)) ** np.float32(RELAXATION if left > 1 else 1)
    return np.asarray(E, np.float32)


def encoder_of(
    kind: str, W: npt.NDArray[np.float32], own: npt.NDArray[np.float32] | None, updates: int = FULL_UPDATES
) -> npt.NDArray[np.float32]:
    """E [row, bin] for W, "signed" or "nonnegative" (made in `updates`); rows of `own`, if given, that are not 0 replace it."""
    if own is not None and own.any(axis=1).all():
        return own
    E = nonnegative_encoder(W, updates) if kind == "nonnegative" else pseudo_inverse_encoder(W).astype(np.float32)
    if own is not None:
        known = own.any(axis=1)
        E[known] = own[known]
    return E
