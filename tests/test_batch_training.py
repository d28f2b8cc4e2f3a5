"""Training on the recordings of a manifest: what one machine learns, checkpoints, mistakes."""

from dataclasses import replace

import pytest
from batch_files import Here, work_here
from batch_training import ABOUT, JOB, NAMES, equal, learnt_here, silent, write_takes

from rtsep.batch.items import read_items
from rtsep.batch.train import train
from rtsep.cli import main
from rtsep.presets.preset import load_preset
from rtsep.training.passes import CHECKPOINT


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    """A folder with takes.csv."""
    return write_takes(tmp_path_factory.mktemp("takes")).parent


def items(takes):
    return read_items(str(takes / "takes.csv"), "").items


@pytest.mark.parametrize("settings", [{}, {"levels": 2, "templates": 3}, {"divergence": "euclid"}, {"divergence": "is"}])
def test_the_result_is_that_of_one_machine(takes, tmp_path, settings):
    job = replace(JOB, settings=replace(JOB.settings, **settings))
    here = learnt_here(takes, job)
    equal(train(items(takes), job, ABOUT, Here(), str(tmp_path / "kept"), silent), here)
    assert not (tmp_path / "kept").exists()
    stacked = replace(JOB, stacked=True)
    if not settings:
        equal(train(items(takes), stacked, ABOUT, Here(), str(tmp_path / "kept"), silent), learnt_here(takes, stacked))


def test_an_interrupted_training_goes_on_from_its_last_update(takes, tmp_path):
    """Four updates, then Ctrl-C; the second run makes two more, and the result is as if nothing had been."""
    kept, updates = tmp_path / "kept", []

    def interrupting(what, done, total, loss):
        if what == "training" and done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(items(takes), JOB, ABOUT, Here(), str(kept), interrupting)
    assert (kept / CHECKPOINT).exists() and len([*kept.glob("activations-*")]) <= 3 * len(NAMES)
    again = train(items(takes), JOB, ABOUT, Here(), str(kept),
                  lambda what, done, total, loss: updates.append(done) if what == "training" else None)
    assert updates == [4, 5, 6] and not kept.exists()
    equal(again, learnt_here(takes))


def test_a_checkpoint_of_another_training_is_not_used(takes, tmp_path):
    def interrupting(what, done, total, loss):
        if what == "training" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(items(takes), replace(JOB, settings=replace(JOB.settings, iterations=9)), ABOUT, Here(), str(tmp_path / "kept"),
              interrupting)
    equal(train(items(takes), JOB, ABOUT, Here(), str(tmp_path / "kept"), silent), learnt_here(takes))


def test_the_command_writes_the_preset_its_report_and_its_picture(takes, tmp_path, monkeypatch):
    work_here(monkeypatch)
    assert main(["train", str(takes / "takes.csv"), "-o", str(tmp_path / "many.npz"), "--iterations", "2", "--no-check"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"many.npz", "many.json", "many.png"}
    preset = load_preset(tmp_path / "many.npz")
    assert {48, 55, 60, 67} <= {*preset.pitches.tolist()}


@pytest.mark.parametrize("given, said", [
    (("takes.csv", "t0.wav"), "give it alone"), (("takes.csv", "--method", "nae"), "--method nmf"),
    (("t0.wav", "--score", "t0.notes.csv", "--engine", "dask"), "manifest"), (("bare.csv",), "0 files of notes"),
    (("gone.csv",), "gone.wav"), (("takes.csv", "--engine", "dask"), "--address tcp://HOST")])
def test_mistakes_are_told_and_leave_nothing(takes, tmp_path, monkeypatch, capsys, given, said):
    if "dask" not in given:
        work_here(monkeypatch)
    (takes / "bare.csv").write_text("mix\nt0.wav\n")
    (takes / "gone.csv").write_text("mix,midi\ngone.wav,t0.notes.csv\n")
    paths = [str(takes / word) if word.endswith((".csv", ".wav")) else word for word in given]
    assert main(["train", *paths, "-o", str(tmp_path / "many.npz")]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and said in told[0]
    assert not [*tmp_path.glob("many.*z")]
