"""Fits a preset to the piano that is heard, from 24 s of it and their notes, and says what that gains."""

from dataclasses import replace
from pathlib import Path

from rtsep import find_preset, load_preset
from rtsep.hosts.demo import clip_folder
from rtsep.presets.preset import save_preset
from rtsep.training.calibrate import calibrate
from rtsep.training.inputs import gather

clip = clip_folder()
general = load_preset(find_preset("gm-piano"))  # a piano that has never heard this one

[given] = gather([clip / "mix.flac"], [clip / "demo.mid"], "recording", lambda *_: None)
fitted, report = calibrate(general, [given.source], lambda *_: None)
save_preset(replace(fitted, name="my-piano", title="My piano"), Path("my-piano.npz"))

print(f"the piano is tuned {report['tuning_cents']:+.1f} cents")
before, after = report["divergence"]["preset"], report["divergence"]["calibrated"]
print(f"of the last quarter, {100 * before:.0f} % was not explained before, {100 * after:.0f} % is not explained now")
