"""`rtsep batch` and `rtsep train` on a Dask cluster of two processes, which is started here."""

import json

import pytest
from batch_files import SONGS, batch, same_bits_though_workers_die, watched, write_corpus
from batch_training import ABOUT, JOB, equal, learnt_here, silent, write_takes

from rtsep.batch.engines import Wish, open_engine
from rtsep.batch.items import read_items
from rtsep.batch.stamp import Stamp
from rtsep.batch.train import train

distributed = pytest.importorskip("distributed", reason="rtsep[dask] is not installed")
pytestmark = pytest.mark.filterwarnings("default")  # Of what Dask's own code warns is not ours to decide.


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of a scheduler with two workers, which die of certain files (see batch_files.SITE)."""
    with pytest.MonkeyPatch.context() as patch:
        watched(patch, tmp_path_factory.mktemp("site"))
        with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as made:
            yield made.scheduler_address


def on(address):
    return "--engine", "dask", "--address", address


def test_the_same_bits_as_here_though_workers_are_killed(cluster, tmp_path):
    """One item kills its worker once, and one crashes the decoder whenever it is opened."""
    names = (*SONGS[:2], "kill-1")
    same_bits_though_workers_die(tmp_path, on(cluster), names)


def test_a_worker_that_is_another_rtsep_is_refused(cluster, tmp_path, monkeypatch, capsys):
    folder = write_corpus(tmp_path, SONGS[:1])
    monkeypatch.setattr("rtsep.batch.run.own_stamp", lambda: Stamp("9.9", "other"))
    assert batch(folder, *on(cluster)) == 2
    told = capsys.readouterr().err
    assert "rtsep 9.9 (other)" in told and "install the same" in told
    assert not json.loads((folder / "out" / "summary.json").read_text())["done"]


def test_workers_with_several_threads_are_refused(tmp_path, capsys):
    folder = write_corpus(tmp_path, SONGS[:1])
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as wide:
        assert batch(folder, *on(wide.scheduler_address)) == 2
    assert "--nthreads 1" in capsys.readouterr().err


def test_no_scheduler(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("rtsep.batch.on_dask.WAIT_S", 1)
    assert batch(write_corpus(tmp_path, SONGS[:1]), *on("tcp://127.0.0.1:9")) == 2
    assert "no Dask scheduler answers" in capsys.readouterr().err


def test_training_is_that_of_one_machine_though_a_worker_is_killed_in_a_pass(cluster, tmp_path):
    """A worker dies of kill-t2.wav when it is first opened there; after that, the marks are removed before a pass."""
    manifest, marks = write_takes(tmp_path / "takes"), []

    def killing(what, done, total, loss):
        if what == "training" and done == 2:
            mark = tmp_path / "takes" / "kill-t2.wav.killed"
            marks.append(mark.exists())
            mark.unlink(missing_ok=True)

    with open_engine(Wish("dask", cluster)) as engine:
        learnt = train(read_items(str(manifest), "").items, JOB, ABOUT, engine, str(tmp_path / "kept"), killing)
    assert marks == [True] and (tmp_path / "takes" / "kill-t2.wav.killed").exists(), "a worker was killed twice"
    equal(learnt, learnt_here(tmp_path / "takes"))
    assert silent() is None and not (tmp_path / "kept").exists()
