"""Separates the hands of one keyboard: nobody says which hand plays a note, so a tracker does."""

import numpy as np

from rtsep import Separator, find_preset, load_preset, read_midi
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.measure import sdr_db
from rtsep.notes.routing import by_hands

clip = clip_folder()
sound, rate = read_sound(clip / "mix.flac")
score = read_midi(clip / "demo.mid")
events = score.events(rate)
events["part"] = 0  # All notes come from one keyboard now, as they do live.

separator = Separator(load_preset(find_preset("piano")), by_hands(), {"mode": "instant"})
separator.prepare(rate, channels=1, max_block=sound.shape[1])
stems = separator.process(sound, events).stems.copy()

told = separator.counters
print(f"{told.hand_notes} notes, {told.revised_notes} changed hands while a chord came in, {told.uncertain_notes} uncertain")
for name, stem in zip(separator.stem_names[:2], stems[:2], strict=True):
    truth, _ = read_sound(clip / f"{name}.flac")
    print(f"{name}: SDR {sdr_db(stem, truth):.1f} dB")
np.testing.assert_allclose(stems.sum(axis=0), sound, atol=1e-6)  # Nothing is lost.
