"""Recordings of one instrument with their notes, and a manifest of them."""

from __future__ import annotations

import numpy as np
from instruments import sound_of, write_csv, write_sound

from rtsep.notes.score import NOTE
from rtsep.training.inputs import gather
from rtsep.training.isolated import Settings
from rtsep.training.learn import About, Job, learn

NAMES = ("t0", "t1", "kill-t2", "t3")
JOB = Job(Settings(iterations=6), check=False)
ABOUT = About("many", "many", {"source": "test", "licence": "MIT", "attribution": "nobody", "made_by": "test"})


def silent(*_told):
    """Progress that nobody sees."""


def write_takes(folder, names=NAMES):
    """takes.csv, and what it names."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    for name in names:
        notes = np.zeros(12, NOTE)
        notes["onset_s"] = np.sort(rng.uniform(0, 4, len(notes)))
        notes["offset_s"] = notes["onset_s"] + rng.uniform(0.2, 1.2, len(notes))
        notes["pitch"], notes["velocity"] = rng.choice((48, 55, 60, 67), len(notes)), rng.integers(40, 110, len(notes))
        write_sound(folder / f"{name}.wav", sound_of(notes, 5.0))
        write_csv(folder / f"{name}.notes.csv", notes)
    (folder / "takes.csv").write_text("\n".join(["mix,midi", *(f"{name}.wav,{name}.notes.csv" for name in names)]) + "\n")
    return folder / "takes.csv"


def learnt_here(folder, job=JOB, names=NAMES):
    """What the trainer of one machine learns from them."""
    sounds, scores = ([folder / f"{name}{ending}" for name in names] for ending in (".wav", ".notes.csv"))
    return learn(gather(sounds, scores, "recording", silent), job, ABOUT, silent)


def equal(one, other):
    """All that a preset is made of is equal to 1e-5."""
    a, b = one.templates, other.templates
    assert a.row_role == b.row_role and a.row_pitch.tolist() == b.row_pitch.tolist() and a.frames == b.frames
    np.testing.assert_allclose(a.W, b.W, rtol=0, atol=1e-5 * float(a.W.max()))
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-5)
    for name in ("release_s", "decay_s", "envelope_db"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-5, atol=1e-5)
    assert one.report["tuning_cents"] == other.report["tuning_cents"]
