"""What was learnt is on the disk, whole, however `rtsep live --save-preset` ends."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from conftest import make_preset, prepared, two_parts
from test_portaudio import RATE, card, needs_portaudio  # noqa: F401

from rtsep.errors import RtsepError
from rtsep.hosts.keep import Keeper
from rtsep.presets.preset import load_preset

OFTEN = """
import sys
from rtsep.hosts import keep
keep.EVERY_S = 0.3
from rtsep.cli import main
sys.exit(main(sys.argv[1:]))
"""


@needs_portaudio
@pytest.mark.parametrize("name, program", [
    ("SIGTERM", ("-m", "rtsep")), ("SIGHUP", ("-m", "rtsep")), ("SIGKILL", ("-c", OFTEN))])
def test_a_signal_loses_nothing_that_was_written(card, tmp_path, rng, name, program):  # noqa: F811
    """A kill comes once the preset has been written by itself: its file is whole."""
    (0.1 * rng.standard_normal((60 * RATE, 2))).astype(np.float32).tofile(tmp_path / "in.raw")
    kept = tmp_path / "kept" / "mine.npz"
    kept.parent.mkdir()
    with subprocess.Popen(
            [sys.executable, *program, "live", "--input", "rtcap", "--output", "rtplay", "--no-ui", "--mode", "live",
             "--set", "window_samples=1024", "--save-preset", str(kept)], env={**card, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        assert process.stdout.readline()
        while name == "SIGKILL" and not kept.exists():
            assert process.stdout.readline(), process.stderr.read()
        process.send_signal(getattr(signal, name))
        told = process.communicate()[1]
        watchdog.cancel()
    assert "adapted to what was heard" in load_preset(kept).provenance["source"]
    if name != "SIGKILL":
        assert process.returncode == 0 and f"saved the adapted preset in {kept}" in told, told
        assert os.listdir(kept.parent) == ["mine.npz"]


@pytest.fixture
def separator():
    return prepared(make_preset(), two_parts())


def test_presets_are_written_now_and_then_and_again_at_the_end(separator, tmp_path):
    keeper = Keeper(separator, [str(tmp_path / "mine.npz")], False, False, "")
    keeper.keep_now_and_then(separator)
    assert not (tmp_path / "mine.npz").exists(), "not at once"
    keeper._next_s = 0
    keeper.keep_now_and_then(separator)
    keeper._wait()
    assert load_preset(tmp_path / "mine.npz") and keeper.keep_all(separator) == [tmp_path / "mine.npz"]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.npz"]


def test_what_cannot_be_written_now_is_told_and_tried_again(separator, tmp_path, monkeypatch):
    keeper = Keeper(separator, [str(tmp_path / "mine.npz")], False, False, "")

    def full(*_given):
        raise RtsepError("cannot write mine.npz: No space left")

    with monkeypatch.context() as patch:
        patch.setattr("rtsep.hosts.keep.save_preset", full)
        keeper._next_s = 0
        keeper.keep_now_and_then(separator)
        keeper._wait()
    keeper._next_s = 0
    with pytest.raises(RtsepError, match=r"the adapted preset could not be saved: cannot write mine\.npz: No space left"):
        keeper.keep_now_and_then(separator)
    keeper._wait()
    assert (tmp_path / "mine.npz").exists()
