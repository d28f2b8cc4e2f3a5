"""The engine's causal filters, designed from the true stems instead of models, to compare with mode `instant`."""

import numpy as np

from laboratory.pieces import Piece
from rtsep.windows import choose_framing, window_pair

FLOOR = 1e-5
"""The least power of a bin, as a share of the loudest, so that the logarithm is finite."""
CHUNK = 512
"""Number of frames that are processed at a time."""


def spectra(sound: np.ndarray, window: np.ndarray, hop: int) -> np.ndarray:
    """Magnitudes [frame, bin] of the frames that end at every multiple of the hop."""
    padded = np.pad(sound, (len(window), 0))
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[hop::hop]
    return np.concatenate([np.abs(np.fft.rfft(frames[i : i + CHUNK] * window)) for i in range(0, len(frames), CHUNK)])


def filters(masks: np.ndarray, total: np.ndarray, delay: int) -> np.ndarray:
    """The engine's filters [frame, tap] of one stem, from its masks and the total magnitudes [frame, bin]."""
    size = 2 * (total.shape[1] - 1)
    power = total**2 / np.maximum((total**2).max(axis=1, keepdims=True), 1e-20) + FLOOR
    causal = np.fft.irfft(np.log(power))
    causal[:, [0, size // 2]] /= 2
    causal[:, size // 2 + 1 :] = 0
    B = np.exp(np.fft.rfft(causal))
    wanted = np.roll(np.fft.irfft(masks * B), delay, axis=1)
    wanted[:, size // 2 :] = 0
    return np.fft.irfft(np.fft.rfft(wanted) / B)[:, : size // 2]


def filtered(mix: np.ndarray, taps: np.ndarray, hop: int, late: int) -> np.ndarray:
    """mix [sample], filtered by the filters [frame, tap], each for one hop, `late` samples after its frame's end."""
    count, size = taps.shape
    padded = np.pad(mix, (size, 2 * hop))
    inputs = np.lib.stride_tricks.sliding_window_view(padded, size + hop)[hop + late :: hop][:count]
    taps, length = taps[: len(inputs)], 2 * size
    found = np.fft.irfft(np.fft.rfft(inputs, length) * np.fft.rfft(taps, length))[:, size : size + hop]
    return np.concatenate([np.zeros(hop + late), found.reshape(-1)])[: len(mix)]


def oracle_filters(piece: Piece, delay: int) -> dict[str, np.ndarray]:
    """The stems that the causal filters give if they are designed from the spectra of the true stems."""
    framing = choose_framing("instant", piece.sample_rate, 4096, delay)
    window, hop = window_pair(framing)[0], framing.hop
    mix = np.pad(piece.mix[0], (0, delay)).astype(np.float64)
    models = {stem: spectra(np.pad(truth[0], (0, delay)), window, hop) for stem, truth in piece.truths.items()}
    total = np.sum(list(models.values()), axis=0)
    raised = np.maximum(np.sum([model**2 for model in models.values()], axis=0), 1e-20)
    stems = {}
    for stem, model in models.items():
        parts = [filters(model[i : i + CHUNK] ** 2 / raised[i : i + CHUNK], total[i : i + CHUNK], delay).astype(np.float32)
                 for i in range(0, len(model), CHUNK)]
        stems[stem] = filtered(mix, np.concatenate(parts), hop, hop // 4)[None, delay:].astype(np.float32)
    return stems
