"""Separates a recording into one file for each hand and a residual, and says how close each hand is to the true one."""

from pathlib import Path

from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.hosts.render import Job, render
from rtsep.measure import sdr_db

clip = clip_folder()  # "Für Elise", 24 s: mix.flac, its notes demo.mid, and the true stems

report = render(Job(clip / "mix.flac", Path("stems"), (f"{clip}/demo.mid",), presets=("piano",)))
print("stems:", ", ".join(stem["file"] for stem in report["stems"]))

for name in ("left_hand", "right_hand"):
    found, _ = read_sound(f"stems/{name}.wav")
    truth, _ = read_sound(clip / f"{name}.flac")
    print(f"{name}: SDR {sdr_db(found, truth):.1f} dB")
