"""The picture of a training, and its logarithmic frequency axis."""

import numpy as np
from instruments import RATE, chords, quiet, scale, sound_of, write_sound

from rtsep.training.inputs import Given, Take
from rtsep.training.isolated import Notes, Settings
from rtsep.training.learn import About, Job, learn
from rtsep.training.pictures import draw_training, log_frequency

ABOUT = About("p", "A $title$ \u2603", dict.fromkeys(("source", "licence", "attribution", "made_by"), "a test"))


def test_a_template_peaks_at_its_pitch():
    notes = scale((57, 69))
    sound = sound_of(notes, 5)
    isolated = Notes(sound, float(RATE), notes["onset_s"], notes["offset_s"], notes["pitch"].astype(int))
    learnt = learn([Given("a", (), isolated)], Job(Settings()), ABOUT, quiet)
    levels, hz = log_frequency(learnt.templates)
    assert levels.max() < 1e-6 and hz[0] == 27.5 and hz[-1] < RATE / 2
    for row, pitch in zip(levels, learnt.templates.row_pitch, strict=True):
        peak = hz[np.argmax(row)]
        assert abs(12 * np.log2(peak / 440) + 69 - pitch) < 1 or pitch < 50, (pitch, peak)
    assert draw_training(learnt)[:4] == b"\x89PNG"


def test_takes_of_any_number_are_drawn(tmp_path):
    takes = []
    for number in range(2):
        notes = chords(np.random.default_rng(number), (60, 64), 4)
        takes.append(Take(write_sound(tmp_path / f"{number}.wav", sound_of(notes, 4)), RATE, 4 * RATE, notes))
    learnt = learn([Given("a", (), take) for take in takes], Job(Settings(iterations=2)), ABOUT, quiet)
    assert draw_training(learnt)[:4] == b"\x89PNG"
