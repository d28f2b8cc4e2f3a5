"""Other ways to separate the same mixes, written from their descriptions, to compare with the engine.

* `flucoma_way`: fixed templates in real time, as in FluCoMa's nmffilter~: all templates are always open, activations start from
  random numbers in every frame, windows are symmetric, and there is no residual (github.com/flucoma/flucoma-core).
* `score_informed`: offline NMF with harmonic and onset templates and score gates; templates and activations are learnt together
  on the piece (Ewert & Müller, "Using score-informed constraints for NMF-based source separation", ICASSP 2012; defaults as
  in libfmp: Müller & Zalkow, JOSS 2021). Matrices here are the textbook's, V [bin, frame] ~ W [bin, row] H [row, frame].
"""

import numpy as np

from laboratory.pieces import Piece
from rtsep.notes.routing import by_track
from rtsep.presets.preset import Preset
from rtsep.windows import map_templates

SEED = 1
"""The seed of the FluCoMa way's random activations."""
TINY = np.float32(1e-12)
"""The least denominator of the FluCoMa way."""
EPSILON = float(np.finfo(np.float32).eps)
"""The summand that libfmp adds to denominators."""
RATE, WINDOW, HOP = 22050, 2048, 512
"""The score-informed method's sample rate in Hz, and its window and hop in samples."""
HARMONIC_S, ONSET_S = (0.1, 0.5), (0.2, 0.1)
"""Gates extend this many seconds before and after a note, and before and after its onset."""
ONSET_START = 0.1
"""Every bin of an onset template starts with this value."""
ITERATIONS = 20
"""Number of updates. More of them learn mixtures of notes into the onset templates, and SDR falls."""
TOLERANCE = 0.05
"""The band of a harmonic extends this share of its frequency to each side."""


# --- frames -----------------------------------------------------------------------------------------------------------


def hann(size: int) -> np.ndarray:
    """Periodic Hann window [size]."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)


def spectra(sound: np.ndarray, window: int, hop: int, before: int) -> np.ndarray:
    """X [frame, bin] of sound [sample]; frame n begins at sample n hop - before."""
    frames = (len(sound) + 2 * before - window) // hop + 1
    padded = np.pad(sound, before)
    at = np.arange(frames)[:, None] * hop + np.arange(window)
    return np.fft.rfft(padded[at] * hann(window).astype(sound.dtype), axis=1)


def overlap_add(X: np.ndarray, window: int, hop: int, before: int, samples: int) -> np.ndarray:
    """Sound [sample] of frames X [frame, bin], with the Hann window again, divided by the sum of squared windows."""
    w = hann(window)
    total = max((len(X) - 1) * hop + window, before + samples)
    sound, weight = np.zeros(total), np.zeros(total)
    for n, frame in enumerate(np.fft.irfft(X, window, axis=1) * w):
        sound[n * hop : n * hop + window] += frame
        weight[n * hop : n * hop + window] += w**2
    return (sound / np.maximum(weight, 1e-8))[before : before + samples]


# --- the FluCoMa way --------------------------------------------------------------------------------------------------


def flucoma_way(piece: Piece, preset: Preset, window: int, hop: int) -> dict[str, np.ndarray]:
    """Stems [1, sample] of a mono piece. The preset is mapped to the window's bins; masks have power 1 and no residual.

    Components become stems afterwards, by the true notes: in a frame each component belongs to the stem in which its pitch
    sounds (to several stems in equal parts), else to the residual.
    """
    W = mapped_templates(preset, piece.sample_rate, window)
    X = spectra(piece.mix[0], window, hop, window)
    H = random_restart_activations(np.abs(X).astype(np.float32), W, np.random.default_rng(SEED))
    names = by_track(piece.score).names
    release_s = np.minimum(preset.release_s, 1.0)
    shares = _shares(piece, preset.row_pitch, release_s, len(names), len(X), window / piece.sample_rate,
                     hop / piece.sample_rate)
    whole = np.maximum(H @ W, TINY)
    samples = piece.mix.shape[1]
    return {name: overlap_add(X * ((H * share) @ W / whole), window, hop, window, samples)[None]
            for name, share in zip((*names, "residual"), shares, strict=True)}


def mapped_templates(preset: Preset, sample_rate: float, window: int) -> np.ndarray:
    """The preset's rows on the bins of this window, by overlap of bands: float32 [row, bin], rows of length 1 (L2).

    Blurring them further, as a short window does, lowered the SDR by up to 0.8 dB.
    """
    W = map_templates(preset.W, preset.sample_rate, preset.window_size, sample_rate, window)
    return W / np.maximum(np.sqrt((W**2).sum(axis=1, keepdims=True)), TINY)


def random_restart_activations(V: np.ndarray, W: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """H [frame, row] for V [frame, bin] and fixed W [row, bin]: 10 KL updates from uniform random numbers, float32."""
    H = rng.random((len(V), len(W)), np.float32)
    sums = np.maximum(W.sum(axis=1), TINY)
    for _ in range(10):
        H *= (V / np.maximum(H @ W, TINY)) @ W.T / sums
    return H


def _shares(piece: Piece, row_pitch: np.ndarray, release_s: np.ndarray, stems: int, frames: int, window_s: float,
            hop_s: float) -> np.ndarray:
    """The share of each row that belongs to each stem (the residual last) in each frame: float32 [stem, frame, row]."""
    sounding = np.zeros((stems + 1, frames, 128), np.float32)
    for note in piece.score.notes():
        ends = note["offset_s"] + release_s[note["pitch"]]
        first, last = np.floor(note["onset_s"] / hop_s) + 1, np.floor((ends + window_s) / hop_s) + 1
        sounding[note["part"], int(first) : int(last), note["pitch"]] = 1
    sounding[-1] = ~sounding[:-1].any(axis=0)
    return (sounding / sounding.sum(axis=0))[:, :, row_pitch]


# --- offline score-informed NMF ---------------------------------------------------------------------------------------


def harmonic_template(pitch: int, bins: int, bin_hz: float) -> np.ndarray:
    """1 / m in a band around the m-th harmonic, 0 elsewhere; float64 [bin]."""
    template = np.zeros(bins)
    f0 = 440 * 2 ** ((pitch - 69) / 12)
    for m in range(1, int(np.ceil(bins * bin_hz / ((1 - TOLERANCE) * f0))) + 1):
        low, high = int((1 - TOLERANCE) * m * f0 / bin_hz), int((1 + TOLERANCE) * m * f0 / bin_hz)
        template[low : min(bins - 1, high) + 1] = 1 / m
    return template


def start_templates(pitches: np.ndarray, bins: int, bin_hz: float) -> np.ndarray:
    """W [bin, 2 pitch]: for every pitch an onset template, which can learn any spectrum, and then the harmonic one."""
    W = np.full((bins, 2 * len(pitches)), ONSET_START)
    W[:, 1::2] = np.stack([harmonic_template(int(pitch), bins, bin_hz) for pitch in pitches], axis=1)
    return W


def score_gates(notes: np.ndarray, pitches: np.ndarray, frames: int, frame_s: float) -> np.ndarray:
    """H with ones where a note or its onset can sound, float64 [2 pitch, frame]; notes NOTE [n]."""
    H = np.zeros((2 * len(pitches), frames))
    for note in notes:
        row = 2 * int(np.searchsorted(pitches, note["pitch"]))
        _open(H[row], note["onset_s"] - ONSET_S[0], note["onset_s"] + ONSET_S[1], frame_s)
        _open(H[row + 1], note["onset_s"] - HARMONIC_S[0], note["offset_s"] + HARMONIC_S[1], frame_s)
    return H


def _open(gate: np.ndarray, begin_s: float, end_s: float, frame_s: float) -> None:
    gate[max(0, int(begin_s / frame_s)) : max(0, int(end_s / frame_s))] = 1


def euclidean_nmf(V: np.ndarray, W: np.ndarray, H: np.ndarray, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """W and H after multiplicative updates for ||V - WH||^2, H first; zeros stay zeros."""
    for _ in range(iterations):
        H = H * (W.T @ V / (W.T @ W @ H + EPSILON))
        W = W * (V @ H.T / (W @ (H @ H.T) + EPSILON))
    return W, H


def score_informed(piece: Piece) -> dict[str, np.ndarray]:
    """Stems [1, sample] of a mono piece, at 22.05 kHz and back; masks sum to 1, and the residual is what no gate passes."""
    import soxr

    sound = soxr.resample(piece.mix[0].astype(np.float64), piece.sample_rate, RATE)
    X = spectra(sound, WINDOW, HOP, WINDOW // 2).T
    notes = piece.score.notes()
    notes = notes[notes["onset_s"] < len(sound) / RATE]
    pitches = np.unique(notes["pitch"])
    frame_s = HOP / RATE
    start = score_gates(notes, pitches, X.shape[1], frame_s)
    W, H = euclidean_nmf(np.abs(X), start_templates(pitches, len(X), RATE / WINDOW), start, ITERATIONS)
    names = by_track(piece.score).names
    models = [W @ (H * score_gates(notes[notes["part"] == part], pitches, X.shape[1], frame_s))
              for part in range(len(names))]
    whole = np.sum(models, axis=0) + 1e-30
    stems = {}
    for name, model in zip(names, models, strict=True):
        stem = overlap_add((X * model / whole).T, WINDOW, HOP, WINDOW // 2, len(sound))
        stem = soxr.resample(stem, RATE, piece.sample_rate)[: piece.mix.shape[1]]
        stems[name] = np.pad(stem, (0, piece.mix.shape[1] - len(stem)))[None]
    stems["residual"] = piece.mix - np.sum(list(stems.values()), axis=0)
    return stems
