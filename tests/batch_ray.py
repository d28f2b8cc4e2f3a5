"""`rtsep batch` and `rtsep train` on a Ray cluster of this computer, which is started here: `.ci/full batch`."""

import subprocess
import sys
from pathlib import Path

import pytest
from batch_files import SONGS, batch, same_bits_though_workers_die, watched, write_corpus
from batch_training import ABOUT, JOB, equal, learnt_here, silent, write_takes

from rtsep.batch.engines import Wish, open_engine
from rtsep.batch.items import read_items
from rtsep.batch.stamp import Stamp
from rtsep.batch.train import train

ray = pytest.importorskip("ray", reason="rtsep[ray] is not installed")
pytestmark = pytest.mark.filterwarnings("default")  # Of what Ray's own code warns is not ours to decide.
TRIES = 3  # So often it is tried to start Ray.
RAY = Path(sys.executable).with_name("ray")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head with two processors, whose workers die of certain files (see batch_files.SITE)."""
    with pytest.MonkeyPatch.context() as patch:
        watched(patch, tmp_path_factory.mktemp("site"))
        head = [RAY, "start", "--head", "--num-cpus", "2", "--port", "6399", "--include-dashboard", "false",
                "--disable-usage-stats"]
        with open(tmp_path_factory.mktemp("head") / "log", "wb") as log:  # What it starts keeps its standard output open.
            for _ in range(TRIES):  # On a busy computer its 30 s are not always enough.
                if not subprocess.run(head, stdout=log, stderr=log, timeout=300).returncode:
                    break
                subprocess.run([RAY, "stop", "--force"], stdout=log, stderr=log, timeout=300)
            else:
                raise AssertionError(f"Ray does not start: {log.name}")
        yield "127.0.0.1:6399"
        subprocess.run([RAY, "stop", "--force"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)


def on(address):
    return "--engine", "ray", "--address", address


def test_the_same_bits_as_here_though_workers_are_killed(cluster, tmp_path):
    names = (*SONGS, "kill-1", "kill-2", "kill-3")
    folder = same_bits_though_workers_die(tmp_path, on(cluster), names)
    assert len([*(folder / "songs").glob("*.killed")]) == 3


def test_a_worker_that_is_another_rtsep_is_refused(cluster, tmp_path, monkeypatch, capsys):
    folder = write_corpus(tmp_path, SONGS[:1])
    monkeypatch.setattr("rtsep.batch.run.own_stamp", lambda: Stamp("9.9", "other"))
    assert batch(folder, *on(cluster)) == 2
    assert "install the same" in capsys.readouterr().err


def test_training_is_that_of_one_machine_though_a_worker_is_killed(cluster, tmp_path):
    manifest = write_takes(tmp_path / "takes")
    with open_engine(Wish("ray", cluster)) as engine:
        learnt = train(read_items(str(manifest), "").items, JOB, ABOUT, engine, str(tmp_path / "kept"), silent)
    assert (tmp_path / "takes" / "kill-t2.wav.killed").exists(), "a worker was killed"
    equal(learnt, learnt_here(tmp_path / "takes"))


def test_no_cluster(tmp_path, capsys):
    assert batch(write_corpus(tmp_path, SONGS[:1]), *on("127.0.0.1:9")) == 2
    assert "no Ray cluster answers" in capsys.readouterr().err
