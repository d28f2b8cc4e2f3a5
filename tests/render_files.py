"""A folder with a small sound, its notes and a preset; runs `rtsep render` there, and reads its results."""

from __future__ import annotations

import json

import numpy as np
import soundfile
from conftest import make_preset
from instruments import write_tracks

from rtsep.cli import main
from rtsep.presets.preset import save_preset

RATE = 22050
NOTES = ((0.1, 0.5, 60), (0.5, 0.9, 64), (0.2, 0.8, 67))


def tone(pitch, seconds=1.2, rate=RATE):
    """A decaying harmonic tone."""
    t = np.arange(round(seconds * rate)) / rate
    f = 440 * 2 ** ((pitch - 69) / 12)
    return sum(np.sin(2 * np.pi * f * k * t) / k for k in range(1, 6)) * np.exp(-2 * t) * 0.1


def fill(folder):
    """A folder with mix.wav, notes.mid with the tracks `Left` and `Right`, and small.npz."""
    sound = np.zeros(round(1.5 * RATE))
    for on, _off, pitch in NOTES:
        part = tone(pitch)[: len(sound) - round(on * RATE)]
        sound[round(on * RATE) : round(on * RATE) + len(part)] += part
    soundfile.write(folder / "mix.wav", sound, RATE, "FLOAT")
    write_tracks(folder / "notes.mid", {"Left": NOTES[:1], "Right": NOTES[1:]})
    save_preset(make_preset(window=2048, rate=RATE), folder / "small.npz")


def render(folder, *options, mix="mix.wav", midi="notes.mid", out="out", preset="small.npz"):
    """Run the command in this process; returns its exit code."""
    given = ["--midi", str(folder / midi)] if midi else []
    return main(["render", str(folder / mix), *given, "--out", str(folder / out), "--preset", str(folder / preset), *options])


def report_of(folder, out="out"):
    """The content of report.json."""
    return json.loads((folder / out / "report.json").read_text())


def sounds_of(folder, out="out"):
    """The sounds that were written, by stem."""
    stems = report_of(folder, out)["stems"]
    return {stem["name"]: soundfile.read(folder / out / stem["file"], always_2d=True)[0].T for stem in stems}


def refused(capsys, folder, code, *words, out="out"):
    """Check that the command ended with 2 and one line that contains `words`, and left no files behind."""
    told = capsys.readouterr().err.splitlines()
    assert code == 2
    assert len(told) == 1 and told[0].startswith("rtsep"), told
    for word in words:
        assert word in told[0]
    assert not (folder / out).exists()
