"""Mosaics: constraints by their definitions, processing in parts, phases, and the command."""

import numpy as np
import pytest
import soundfile
from oracles import needs_oracles, oracle

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.measure import sdr_db
from rtsep.mosaic.activations import activations, in_parts
from rtsep.mosaic.constraints import Constraints
from rtsep.mosaic.counters import Counters
from rtsep.mosaic.frames import Sound, Synthesis

RATE = 22050
NONE = Constraints(0, 0, 0)


# --- activations ------------------------------------------------------------------------------------------------------


def constrained(H, energy, share, repetition, polyphony, continuity):
    """The constraints by their definitions, entry by entry."""
    frames, rows = H.shape
    once = H.copy()
    for n in range(frames):
        for r in range(rows):
            if H[n, r] < H[max(n - repetition, 0) : n + repetition + 1, r].max():
                once[n, r] *= share
    few = once * share
    for n in range(frames):
        for r in np.argsort(once[n] * energy)[-polyphony:]:
            few[n, r] = once[n, r]
    result = np.zeros_like(H)
    for n in range(frames):
        for r in range(rows):
            for step in range(-continuity, continuity + 1):
                if 0 <= n + step < frames and 0 <= r + step < rows:
                    result[n, r] += few[n + step, r + step]
    return result


@pytest.mark.parametrize("shape", [(20, 15), (2, 30), (30, 6), (1, 7)])
def test_constraints_are_their_definitions(rng, shape):
    H, energy = rng.random(shape), rng.random(shape[1])
    got = Constraints(2, 5, 3, iterations=10).apply(H, energy, 3)
    np.testing.assert_allclose(got, constrained(H, energy, 1 - 4 / 10, 2, 5, 3), rtol=1e-12)


def test_no_constraints_and_updates_between(rng):
    H, energy = rng.random((9, 8)), np.ones(8)
    assert np.array_equal(NONE.apply(H, energy, 0), H)
    assert np.array_equal(Constraints(every=5).apply(H, energy, 4), H)
    assert np.array_equal(Constraints(0, 8, 0).apply(H, energy, 0), H)


def problem(rng, frames=150, rows=40, bins=30):
    """V and W in float32; one frame of the source is silent."""
    W = (rng.random((rows, bins)) ** 4).astype(np.float32)
    W /= W.sum(axis=1, keepdims=True)
    W[5] = 0
    return ((rng.random((frames, rows)) ** 8).astype(np.float32) @ W).astype(np.float32), W


def test_any_size_of_parts_gives_the_same(rng, monkeypatch):
    monkeypatch.setattr("rtsep.mosaic.activations.BLOCK_VALUES", 0)
    V, W = problem(rng)
    constraints = Constraints(2, 4, 1, iterations=4)
    whole = activations(V, W, constraints, float(V.max()))
    pieces = [(part.begin, part.end, H) for part, H in in_parts(lambda a, b: V[a:b], len(V), W, constraints, float(V.max()))]
    assert [piece[:2] for piece in pieces] == [(0, 64), (64, 128), (128, 150)]
    np.testing.assert_allclose(np.concatenate([piece[2] for piece in pieces]), whole, rtol=1e-3, atol=1e-5 * whole.max())


def test_limits_limit(rng):
    V, W = problem(rng)
    free, few = (Counters() for _ in range(2))
    free.add(activations(V, W, NONE, float(V.max())))
    few.add(activations(V, W, Constraints(3, 2, 0), float(V.max())))
    assert few.report()["polyphony"] <= 2 < free.report()["polyphony"]
    assert few.report()["repetitions"] < 0.1 < free.report()["repetitions"]
    runs = Counters()
    runs.add(activations(V, W, Constraints(3, 2, 3), float(V.max())))
    assert runs.report()["run_length"] > 2 * few.report()["run_length"]


def test_counters(rng):
    H = np.zeros((8, 6))
    H[0, 1] = H[1, 2] = H[2, 3] = 1  # three frames in a row
    H[5, 0] = H[7, 0] = 1  # a repetition
    H[7, 5] = 0.5
    counters = Counters()
    for part in (H[:2], H[2:3], H[3:]):
        counters.add(part)
    assert counters.report() == {"polyphony": 1.2, "run_length": 1.5, "repetitions": 0.167}


@needs_oracles
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name, divergence, plain", [
    ("H_kl", "kl", False), ("H_euc", "euclid", False), ("H_plain_kl", "kl", True),
])
def test_activations_are_the_reference(name, divergence, plain, dtype):
    data = oracle("f_nmfdiag_mosaic")
    V, W, H = (np.ascontiguousarray(data[key].T, dtype) for key in ("V", "W0", "H0"))
    updates = int(data["L"])
    reach = int(data["cont_length"]) // 2
    constraints = Constraints(int(data["sparsen"][1]) // 2, int(data["polyphony"]), reach, updates, int(data["cont_grid"]))
    found = activations(V, W, Constraints(0, 0, 0, updates) if plain else constraints, float(V.max()), H, divergence)
    expected = data[name].T
    assert np.linalg.norm(found - expected) < 1e-5 * np.linalg.norm(expected)
    if divergence == "kl":
        model = np.maximum(found.astype(float) @ W, 1e-12)
        loss = (V * np.log(np.maximum(V, 1e-30) / model) - V + model).sum()
        assert loss == pytest.approx(float(data["kl_plain" if plain else "kl_final"]), rel=1e-4)


# --- frames -----------------------------------------------------------------------------------------------------------


def noisy(rng, samples=9000, channels=2):
    return rng.standard_normal((channels, samples)).astype(np.float32)


def test_frames_of_any_part_and_back(rng):
    sound = Sound(noisy(rng), 1024, 256)
    X = sound.spectra(0, sound.frames)
    assert X.shape == (sound.frames, 2, 513)
    np.testing.assert_allclose(np.concatenate([sound.spectra(0, 1), sound.spectra(1, 7), sound.spectra(7, sound.frames)]), X)
    again = Synthesis(1024, 256, 0).overlap_add(X)[:, 768 : 768 + sound.length]
    np.testing.assert_allclose(again, sound.samples, atol=1e-5)
    np.testing.assert_allclose(sound.magnitudes(3, 5), np.sqrt((np.abs(X[3:5]) ** 2).mean(axis=1)), rtol=1e-5)


def test_phases_are_made_to_fit(rng):
    """Spectra with right magnitudes and wrong phases become nearly the spectra of a sound."""
    sound = Sound(noisy(rng, channels=1), 1024, 256)
    A = np.abs(sound.spectra(0, sound.frames))
    X = (A * np.exp(2j * np.pi * rng.random(A.shape))).astype(np.complex64)
    errors = []
    for iterations in (0, 5, 30):
        synthesis = Synthesis(1024, 256, iterations)
        made = synthesis.consistent(X)
        np.testing.assert_allclose(np.abs(made), A, rtol=1e-3, atol=1e-4 * A.max())
        heard = Sound(synthesis.overlap_add(made)[:, 768 : 768 + sound.length], 1024, 256)
        errors.append(np.linalg.norm(np.abs(heard.spectra(0, heard.frames)) - A) / np.linalg.norm(A))
    assert errors[0] > 2 * errors[1] > 2.4 * errors[2]


def test_sound_in_parts_is_the_whole(rng):
    sound = Sound(noisy(rng, 40000), 512, 128)
    X = sound.spectra(0, sound.frames) * (1 + rng.random((sound.frames, 1, 1))).astype(np.float32)
    synthesis = Synthesis(512, 128, 3)
    whole = synthesis.overlap_add(synthesis.consistent(X))
    blocks = iter(np.split(X, [10, 11, 90, 200]))
    made = np.concatenate(list(synthesis.sound(blocks, sound.frames)), axis=1)
    assert made.shape == whole.shape
    np.testing.assert_allclose(made, whole, atol=1e-4 * np.abs(whole).max())


# --- the command ------------------------------------------------------------------------------------------------------


def tones(pitches, seconds=0.4):
    t = np.arange(round(seconds * RATE)) / RATE
    return np.concatenate([np.exp(-4 * t) * sum(np.sin(2 * np.pi * k * f * t) / k for k in range(1, 6))
                           for f in (440 * 2 ** ((p - 69) / 12) for p in pitches)]) * 0.1


@pytest.fixture
def folder(tmp_path):
    """A folder with target.wav (mono), source.wav (stereo; the same tones in another order) and other.wav (another rate)."""
    soundfile.write(tmp_path / "target.wav", tones([64, 60, 67, 60, 64, 67]), RATE, "FLOAT")
    source = tones([60, 62, 64, 65, 67, 69])
    soundfile.write(tmp_path / "source.wav", np.stack([source, 0.5 * source], axis=1), RATE, "FLOAT")
    soundfile.write(tmp_path / "other.wav", source, 48000, "FLOAT")
    soundfile.write(tmp_path / "silent.wav", 0 * source, RATE, "FLOAT")
    return tmp_path


def mosaic(folder, *options, target="target.wav", source="source.wav", out="out.wav"):
    return main(["mosaic", str(folder / target), "--source", str(folder / source), "--out", str(folder / out), *options])


def test_the_same_notes_in_another_order_are_found(folder, capsys):
    assert mosaic(folder, "--picture", str(folder / "out.png")) == 0
    made, rate = soundfile.read(folder / "out.wav")
    target, _ = soundfile.read(folder / "target.wav")
    assert rate == RATE and made.shape == (len(target), 2)
    V = [Sound(sound[None].astype(np.float32), 2048, 512) for sound in (made[:, 0], target)]
    V = [sound.magnitudes(0, sound.frames) for sound in V]
    scale = (V[0] * V[1]).sum() / (V[0] ** 2).sum()
    assert sdr_db(scale * V[0], V[1]) > 8
    np.testing.assert_allclose(made[:, 1], 0.5 * made[:, 0], atol=0.02 * np.abs(made).max())
    assert (folder / "out.png").read_bytes().startswith(b"\x89PNG")
    assert "Source frames at a time" in capsys.readouterr().out


def test_silent_targets_loud_sources_and_bad_samples(folder):
    assert mosaic(folder, target="silent.wav") == 0
    assert not soundfile.read(folder / "out.wav")[0].any()
    source, _ = soundfile.read(folder / "source.wav")
    source[100], source[200] = np.nan, np.inf
    soundfile.write(folder / "bad.wav", 1000 * source, RATE, "FLOAT")
    assert mosaic(folder, "--overwrite", source="bad.wav") == 0
    made = soundfile.read(folder / "out.wav")[0]
    assert np.isfinite(made).all() and 0.03 < np.abs(made).max() < 1, "as loud as the target, however loud the source"


@pytest.mark.parametrize("options, names, words", [
    ((), {"source": "other.wav"}, ["48000 Hz", "convert"]),
    ((), {"source": "silent.wav"}, ["silent"]),
    ((), {"source": "nothing.wav"}, ["nothing.wav"]),
    ((), {"out": "out.mp4"}, [".wav or .flac or .ogg or .mp3"]),
    ((), {"out": "target.wav"}, ["input"]),
    (("--polyphony", "-1"), {}, ["polyphony -1", "allowed"]),
    (("--window", "1000"), {}, ["1000", "allowed"]),
    (("--phase-iterations", "-1"), {}, ["--phase-iterations -1", "allowed"]),
    (("--picture", "x.jpg"), {}, [".png"]),
])
def test_refused_with_one_line_and_nothing_written(folder, capsys, options, names, words):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert mosaic(folder, *options, **names) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and all(word in told[0] for word in words), told
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_results_are_replaced_only_with_overwrite(folder, capsys):
    (folder / "out.wav").write_bytes(b"mine")
    assert mosaic(folder) == 2
    assert (folder / "out.wav").read_bytes() == b"mine" and "--overwrite" in capsys.readouterr().err


def test_constraints_have_a_range():
    with pytest.raises(RtsepError, match="iterations 0"):
        Constraints(iterations=0)
    assert Constraints(3, 10, 3, 20).reach == 120 and Constraints(3, 10, 3, 30, every=5).reach == 36
