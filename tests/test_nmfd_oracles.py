"""NMF deconvolution of drums, compared with runs of the field's reference implementation from the same start."""

import json

import numpy as np
import pytest
from oracles import ORACLES, needs_oracles, oracle

from rtsep.measure import si_sdr_db
from rtsep.training.nmfd import activations_at, approximation, nmfd, templates_at

pytestmark = needs_oracles


DRUM_STARTS = {  # the reference's first W and H, and the number of first updates of H alone
    "audio_informed": ("W0_informed", "H0_uniform", 30),  # without onsets, activations must find their places first
    "score_informed": ("W0_random", "H0_score_decay09", 0),
    "both": ("W0_informed", "H0_score_decay09", 0),
}
DRUM_UPDATES = 30


def drum_start(data, name):
    """V [frame, bin] that sums to 1 as the reference's, W [row, lag, bin] and H [frame, row]."""
    W, H, _ = DRUM_STARTS[name]
    V = np.ascontiguousarray(data["V"].T, np.float64)
    return V / V.sum(), data[W].transpose(1, 2, 0).astype(float), data[H].T.astype(float)


@pytest.mark.parametrize("name", DRUM_STARTS)
def test_nmfd_descends_faster_than_the_reference(name):
    """No descent can reproduce the reference's heuristic. From the same start, our loss is lower from the third update on."""
    data = oracle("e_nmfd_drums")
    found = nmfd(*drum_start(data, name), max_iter=DRUM_UPDATES, tolerance=0)
    theirs = data[f"{name}_true_KL_of_normalised_V"]
    np.testing.assert_allclose(found.losses[0], theirs[0], rtol=1e-6)
    assert (np.diff(found.losses) < 0).all() and (found.losses[3:] < theirs[3:]).all()


def drum_estimates(data, V, W, H):
    """Soft masks on the mixture's spectra, as in the reference: sounds [drum, sample]."""
    size, hop, mix = int(data["n_fft"]), int(data["hop"]), oracle("input_drums")["x_mix"].astype(float)
    window, padded = np.hanning(size), np.pad(mix, size // 2)
    at = np.arange(len(V))[:, None] * hop + np.arange(size)
    models = np.stack([approximation(W[[drum]], H[:, [drum]]) for drum in range(len(W))])
    masked = np.fft.rfft(padded[at] * window) * models / np.maximum(models.sum(axis=0), 1e-30)
    sounds, weight = np.zeros((len(W), len(padded))), np.zeros(len(padded))
    for n, frames in enumerate(np.fft.irfft(masked, size).transpose(1, 0, 2)):
        sounds[:, at[n]] += frames * window
        weight[at[n]] += window**2
    return (sounds / np.maximum(weight, 1e-8))[:, size // 2 : size // 2 + len(mix)]


@pytest.mark.parametrize("name", DRUM_STARTS)
def test_nmfd_separates_drums_like_the_reference(name):
    """SI-SDR of kick, snare and hi-hat at most 0.5 dB below the reference's."""
    data = oracle("e_nmfd_drums")
    V, W, H = drum_start(data, name)
    H = nmfd(V, W, H, update=("H",), max_iter=DRUM_STARTS[name][2], tolerance=0).H
    found = nmfd(V, W, H, max_iter=DRUM_UPDATES, tolerance=0)
    sounds, theirs = drum_estimates(data, V, found.W, found.H), json.loads((ORACLES / "e_drum_metrics.json").read_text())
    for sound, truth, reference_db in zip(sounds, oracle("input_drums")["stems"], theirs[name]["SISDR"], strict=True):
        assert si_sdr_db(sound, truth) > reference_db - 0.5


def test_our_own_starts_from_hits_and_onsets_are_as_good():
    data = oracle("e_nmfd_drums")
    frames = np.round(data["onsets"] / (int(data["hop"]) / int(data["fs"]))).astype(int) - 1
    onsets = [frames[data["labels"] == drum] for drum in (1, 2, 3)]
    decaying = data["H0_score_decay09"].T
    np.testing.assert_allclose(activations_at(onsets, len(decaying), 0.9), decaying, atol=1e-12)
    hits = [data[f"train_V_{drum}"].T.astype(float) for drum in ("kick", "snare", "hihat")]
    W = np.stack([templates_at(V, [1, 22, 44, 66], int(data["T"])) for V in hits])
    V = np.ascontiguousarray(data["V"].T, np.float64)
    found = nmfd(V, W, activations_at(onsets, len(V), 0.5), max_iter=DRUM_UPDATES, tolerance=0)
    theirs = json.loads((ORACLES / "e_drum_metrics.json").read_text())["both"]["SISDR"]
    for sound, truth, reference_db in zip(drum_estimates(data, V, found.W, found.H), oracle("input_drums")["stems"], theirs,
                                          strict=True):
        assert si_sdr_db(sound, truth) > reference_db - 0.1
