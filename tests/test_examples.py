"""The examples of the documentation, each in a process and a folder of its own, on the bundled clip."""

import os
import re
import subprocess
import sys
from pathlib import Path

import alsa_card
import numpy as np
import pytest
from test_portaudio import needs_portaudio

from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.measure import sdr_db
from rtsep.presets.preset import load_preset

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "examples"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))
LONGEST = 30  # lines


def played(name, folder, *arguments, environment=None):
    """What the example prints; it runs in `folder`."""
    done = subprocess.run([sys.executable, FOLDER / f"{name}.py", *arguments], cwd=folder, capture_output=True, text=True,
                          env={**(environment or os.environ), "PYTHONPATH": str(ROOT)}, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def decibels(told):
    """The figures in dB in what an example prints, in their order."""
    return [float(number) for number in re.findall(r"(-?[0-9.]+) dB", told)]


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_is_short_and_says_what_it_does(name):
    lines = (FOLDER / f"{name}.py").read_text().splitlines()
    assert len(lines) <= LONGEST and lines[0].startswith('"""') and lines[0].endswith('."""')


def test_every_example_is_on_the_page():
    page = (FOLDER / "index.md").read_text()
    assert sorted(re.findall(r"literalinclude\} (\w+)\.py", page)) == SCRIPTS


def test_separate_a_file(tmp_path):
    left, right = decibels(played("separate_a_file", tmp_path))
    assert min(left, right) > 12.5
    assert {path.name for path in (tmp_path / "stems").iterdir()} == {
        "left_hand.wav", "right_hand.wav", "residual.wav", "report.json"}


def test_process_blocks(tmp_path):
    told = played("process_blocks", tmp_path)
    assert "latency 0 samples" in told and "'left_hand', 'right_hand', 'residual'" in told
    assert float(told.split()[-1]) < 1e-6


def test_train(tmp_path):
    assert min(decibels(played("train", tmp_path))) > 12
    assert len(load_preset(tmp_path / "my-piano.npz").W) == 126


def test_calibrate(tmp_path):
    told = played("calibrate", tmp_path)
    before, after = map(int, re.findall(r"([0-9]+) %", told))
    assert before > 3 * after and load_preset(tmp_path / "my-piano.npz").title == "My piano"


def test_hands(tmp_path):
    told = played("hands", tmp_path)
    assert told.startswith("109 notes") and min(decibels(told)) > 5


@pytest.mark.parametrize("name", ["new_mask", "new_estimator"])
def test_new_methods(name, tmp_path):
    usual, new = decibels(played(name, tmp_path))
    assert usual > 16 and 15 < new != usual


@needs_portaudio
def test_live_callback(tmp_path):
    """The clip comes in by a device that plays a file: the left hand goes out on the left, all else on the right."""
    sound, rate = read_sound(clip_folder() / "mix.flac")
    sound[0].tofile(tmp_path / "in.raw")
    played("live_callback", tmp_path, "rtcap", "rtplay", "6", environment=alsa_card.card(tmp_path))
    out = np.fromfile(tmp_path / "out.raw", np.float32)
    left, right = out[: len(out) // 2 * 2].reshape(-1, 2).T
    heard = np.flatnonzero(right)[0] - np.flatnonzero(sound[0])[0]  # what the device put before the first block
    count = 5 * rate
    truth, _ = read_sound(clip_folder() / "left_hand.flac")
    assert sdr_db(left[heard : heard + count], truth[0, :count]) > 10
    np.testing.assert_allclose((left + right)[heard : heard + count], sound[0, :count], atol=1e-5)
