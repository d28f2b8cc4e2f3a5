"""The benchmark: its measures agree with libraries and its baselines with stored results; runs on a short excerpt."""

import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtsep.errors import RtsepError
from rtsep.measure import sdr_db, si_sdr_db
from rtsep.notes.score import NOTE

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from laboratory import baselines, command, conditions, pieces, plain_rows, report, systems  # noqa: E402
from laboratory.studies import quality  # noqa: E402
from laboratory.study import STUDIES, Given  # noqa: E402

ORACLES = ROOT.parent / "shared" / "oracles"
NOWHERE = ROOT / "tests" / "nothing is here"


@pytest.fixture(scope="module")
def clip():
    """Three seconds of the bundled clip."""
    return pieces.excerpt(pieces.load_piece(pieces.DEMO, "demo"), 3.0)


@pytest.fixture
def two_sounds(rng):
    """True stems and their estimates, float64 [stem, sample]."""
    truths = rng.standard_normal((2, 20000))
    return truths, 0.7 * truths + 0.2 * truths[::-1] + 0.1 * rng.standard_normal(truths.shape)


# --- measures ---------------------------------------------------------------------------------------------------------


def test_si_sdr_is_the_librarys(two_sounds):
    library = pytest.importorskip("fast_bss_eval.numpy")  # the package itself fails here without PyTorch
    truths, estimates = two_sounds
    expected = library.si_sdr(truths, estimates)
    assert [si_sdr_db(*pair) for pair in zip(estimates, truths, strict=True)] == pytest.approx(list(expected), abs=1e-6)


def test_sdr_is_the_librarys(two_sounds):
    """BSS Eval for images allows neither scaling nor filters: its SDR is the plain one."""
    library = pytest.importorskip("mir_eval.separation")
    truths, estimates = two_sounds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library announces that it will drop BSS Eval
        expected = library.bss_eval_images(truths[..., None], estimates[..., None], compute_permutation=False)[0]
    assert [sdr_db(*pair) for pair in zip(estimates, truths, strict=True)] == pytest.approx(list(expected), abs=1e-6)


def test_sir_and_sar_are_those_of_bss_eval(two_sounds, clip):
    pytest.importorskip("fast_bss_eval")
    library = pytest.importorskip("mir_eval.separation")
    truths, estimates = two_sounds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, sir, sar, _ = library.bss_eval_sources(truths, estimates, compute_permutation=False)
    piece = replace(clip, truths=dict(zip("ab", truths[:, None], strict=True)))
    result = systems.judge(piece, dict(zip("ab", estimates[:, None], strict=True)))
    assert [result[stem]["sir_db"] for stem in "ab"] == pytest.approx(list(sir), abs=0.05)
    assert [result[stem]["sar_db"] for stem in "ab"] == pytest.approx(list(sar), abs=0.05)


def test_si_sdr_forgives_scale_and_nothing_else(rng):
    truth, other = rng.standard_normal((2, 2, 5000))
    other -= truth * (np.sum(truth * other) / np.sum(truth**2))
    estimate = truth + 0.1 * np.linalg.norm(truth) / np.linalg.norm(other) * other
    assert si_sdr_db(estimate, truth) == pytest.approx(20, abs=1e-9)
    assert si_sdr_db(-0.01 * estimate, truth) == pytest.approx(20, abs=1e-9)
    assert sdr_db(estimate, truth) == pytest.approx(20, abs=1e-9) and sdr_db(0.5 * estimate, truth) < 7
    assert si_sdr_db(estimate, 0 * truth) == -np.inf and si_sdr_db(0 * estimate, truth) == -np.inf


def test_broken_sound_is_never_judged(clip):
    stems = {stem: sound + np.float32(np.nan) for stem, sound in clip.truths.items()}
    with pytest.raises(RtsepError, match="NaN"):
        systems.judge(clip, stems)


# --- baselines --------------------------------------------------------------------------------------------------------


def oracle(name):
    path = ORACLES / f"{name}.npz"
    if not path.exists():
        pytest.skip("the stored results of the reference are not here")
    with np.load(path) as arrays:
        return dict(arrays)


def test_plain_rows_learn_what_no_template_explains(rng):
    W = rng.random((3, 40), np.float32)
    W /= W.sum(axis=1, keepdims=True)
    other = 10 * rng.random(40, np.float32)
    rows, unknown = plain_rows.PlainRows(W, 0.9), np.zeros(40)
    for _ in range(50):
        known, unknown = rows.models(other, np.array([], int))
        assert not known.any()
    np.testing.assert_allclose(unknown, other, rtol=0.1)
    V = 50 * W[1] + other
    known, unknown = rows.models(V, np.array([1]))
    assert known.any()
    np.testing.assert_allclose((known + unknown).sum(), V.sum(), rtol=1e-4)


@pytest.mark.parametrize("name, rows", [("b_nmf_score_harmonic", slice(1, None, 2)), ("c_nmf_score_onset", slice(None))])
def test_score_informed_nmf_is_the_references(name, rows):
    """Templates and gates are equal; after 50 iterations in float64, W and H agree to 1e-9."""
    piano, expected = oracle("input_piano"), oracle(name)
    notes = np.zeros(len(piano["ann_start"]), NOTE)
    notes["onset_s"], notes["pitch"] = piano["ann_start"], piano["ann_pitch"]
    notes["offset_s"] = piano["ann_start"] + piano["ann_dur"]
    V = piano["V"].astype(np.float64)
    W = baselines.start_templates(expected["pitch_set"], len(V), 22050 / 2048)[:, rows]
    H = baselines.score_gates(notes, expected["pitch_set"], V.shape[1], 512 / 22050)[rows]
    assert (expected["W0"] == W).all() and (expected["H0"] == H).all()
    W, H = baselines.euclidean_nmf(V, W, H, 50)
    assert np.linalg.norm(W - expected["W"]) < 1e-9 * np.linalg.norm(W)
    assert np.linalg.norm(H - expected["H"]) < 1e-9 * np.linalg.norm(H)
    assert ((V - W @ H) ** 2).sum() == pytest.approx(expected["loss"][-1], rel=1e-9)


def test_frames_of_the_reference():
    piano = oracle("input_piano")
    X = baselines.spectra(piano["x_mix"].astype(np.float64), 2048, 512, 1024).T
    assert np.linalg.norm(abs(X) - piano["V"]) < 1e-6 * np.linalg.norm(piano["V"])


@pytest.mark.parametrize("window, hop, before", [(1024, 512, 1024), (2048, 1024, 2048), (2048, 512, 1024)])
def test_frames_reconstruct(rng, window, hop, before):
    sound = rng.standard_normal(10007)
    X = baselines.spectra(np.pad(sound, (0, window)), window, hop, before)
    assert np.abs(baselines.overlap_add(X, window, hop, before, len(sound)) - sound).max() < 1e-9


def test_kl_updates_lower_the_divergence_and_depend_on_the_seed_alone(rng):
    W = rng.random((5, 30), np.float32)
    V = (rng.random((4, 5)) @ W).astype(np.float32)
    H = [baselines.random_restart_activations(V, W, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert (H[0] == H[1]).all() and (H[0] != H[2]).any()
    started = np.random.default_rng(3).random(H[0].shape, np.float32)
    divergence = [np.sum(V * np.log(V / (h @ W)) - V + h @ W) for h in (started, H[0])]
    assert divergence[1] < 0.1 * divergence[0]


def test_every_system_gives_stems_that_add_up(clip):
    samples = clip.mix.shape[1]
    means = {}
    for system in quality.all_systems():
        stems = systems.separate(clip, system.text)
        assert all(sound.shape == (1, samples) for sound in stems.values())
        if system.family != "mix":
            assert np.abs(sum(stems.values()) - clip.mix).max() < 1e-4, system
        judged = systems.judge(clip, stems, library=False)
        means[system.family, system.setting] = np.mean([stem["sdr_db"] for stem in judged.values()])
    for mode in systems.MODES:
        assert means["mix", "nothing done"] < means["rtsep", mode] < means["oracle ratio mask", mode]


# --- pieces and conditions --------------------------------------------------------------------------------------------


def test_notes_go_missing_or_wrong_in_pairs(clip):
    whole = clip.score.notes()
    fewer, wrong = (alter(clip).score.notes() for alter in (conditions.missing_notes, conditions.wrong_notes))
    gone = round(conditions.SHARE * len(whole))
    assert len(whole) - len(fewer) == gone and len(wrong) <= len(whole)
    assert len(whole) - 2 * gone <= np.isin(wrong[["onset_s", "pitch"]], whole[["onset_s", "pitch"]]).sum() < len(whole)
    assert conditions.no_pedal(clip).has_pedal is False and clip.has_pedal


@pytest.mark.parametrize("condition", conditions.all_conditions()[-4:], ids=lambda condition: condition.name)
def test_sound_is_altered_and_judged(clip, condition):
    pytest.importorskip("soxr")
    altered = condition.alter(clip)
    assert altered.mix.shape[1] == pytest.approx(3 * altered.sample_rate, abs=2) and len(altered.mix) in (1, 2)
    assert all(stem["sdr_db"] > 5 for stem in conditions.measure(Given(), condition, [clip]))


def test_stems_without_notes_are_the_residual(tmp_path):
    folder = tmp_path / "piece"
    folder.mkdir()
    for path in pieces.DEMO.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "stems.json").write_text('{"left_hand": "Left hand", "right_hand": null}')
    piece = pieces.load_piece(folder, "mine")
    assert list(piece.truths) == ["left_hand", "residual"] and piece.role == "extra"
    assert piece.score.track_names == ("Left hand",) and not piece.score.messages[:, 0].any()
    whole = pieces.load_piece(pieces.DEMO, "demo")
    assert np.abs(piece.mix - whole.mix).max() < 1e-6


@pytest.mark.parametrize("stems, complaint", [
    (None, "no stems.json"), ({"left_hand": "Flute"}, "Flute"), ({"flute": "Left hand"}, "no flute.flac"),
])
def test_folders_of_another_shape_are_refused(tmp_path, stems, complaint):
    (tmp_path / "demo.mid").write_bytes((pieces.DEMO / "demo.mid").read_bytes())
    if stems is not None:
        (tmp_path / "stems.json").write_text(json.dumps(stems))
    with pytest.raises(RtsepError, match=complaint):
        pieces.load_piece(tmp_path, "mine")


# --- runs -------------------------------------------------------------------------------------------------------------


def test_quick_run_notices_what_got_worse(tmp_path, capsys):
    figures = tmp_path / "figures.json"
    run = ["quick", "--seconds", "2", "--shared", str(NOWHERE), "--figures", str(figures)]
    assert command.main(run) == 2 and "--store" in capsys.readouterr().err
    assert command.main([*run, "--store"]) == 0
    assert command.main(run) == 0
    stored = json.loads(figures.read_text())
    assert set(stored["sdr_db"]) == {f"demo/demo, {mode}" for mode in systems.MODES}
    stored["sdr_db"]["demo/demo, live 512"] += quality.ALLOWED_LOSS_DB + 0.01
    figures.write_text(json.dumps(stored))
    capsys.readouterr()
    assert command.main(run) == 1
    assert capsys.readouterr().err.count("worse:") == 1


def test_stored_figures_are_those_of_the_quick_run():
    stored = json.loads(quality.FIGURES.read_text())
    assert stored["seconds"] == quality.QUICK_SECONDS == STUDIES["quick"].seconds
    assert {f"demo/demo, {mode}" for mode in systems.MODES} <= set(stored["sdr_db"])


def test_full_run_writes_everything(tmp_path, monkeypatch):
    pytest.importorskip("soxr")
    ways, hurt = quality.all_systems(), conditions.all_conditions()
    monkeypatch.setattr(quality, "all_systems", lambda: [ways[i] for i in (0, 3, -3)])
    monkeypatch.setattr(quality, "all_conditions", lambda: [hurt[0], hurt[5]])
    page = tmp_path / "bench.md"
    page.write_text("before\n<!-- begin systems -->\nold\n<!-- end systems -->\nafter\n")
    report.publish(quality.quality(Given(seconds=3.0, shared=NOWHERE)), page, tmp_path / "bench")
    written = {path.name for path in (tmp_path / "bench").iterdir()}
    assert written == {"quality.csv", "conditions.csv", "quality.json", "sdr_against_latency.png", "conditions.png"}
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text and "| rtsep, live 512 |" in text
    content = json.loads((tmp_path / "bench" / "quality.json").read_text())
    assert len(content["systems"]) == 6 and content["pieces"][0]["role"] == "reporting"


def test_means_are_over_pieces_not_over_stems():
    rows = [{"set": "a", "piece": piece, "stem": value, "way": "x", "sdr_db": value}
            for piece, value in (("x", 1), ("x", 3), ("y", 8), ("z", np.nan))]
    assert report.mean_db(rows) == 5
    assert report.pivot(rows, ["way"], ["set"]).splitlines()[2:] == ["| x | 5.00 |"]
