"""Learns a preset of an instrument from a recording of music and its notes, and separates the recording with it."""

from pathlib import Path

from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.hosts.render import Job as Rendering
from rtsep.hosts.render import render
from rtsep.measure import sdr_db
from rtsep.presets.preset import save_preset
from rtsep.training.inputs import gather
from rtsep.training.isolated import Settings
from rtsep.training.learn import About, Job, learn

clip = clip_folder()
about = About("my-piano", "My piano", {"source": "the demo clip", "licence": "CC BY 3.0", "attribution": "Alexander Holm",
                                       "made_by": "train.py"})

takes = gather([clip / "mix.flac"], [clip / "demo.mid"], "recording", lambda *_: None)
learnt = learn(takes, Job(Settings(templates=2)), about, lambda *_: None)
save_preset(learnt.preset, Path("my-piano.npz"))
print(f"{len(learnt.preset.W)} templates of {len(learnt.preset.pitches)} pitches, {learnt.preset.filled.sum()} pitches filled")

render(Rendering(clip / "mix.flac", Path("stems"), (f"{clip}/demo.mid",), presets=("./my-piano.npz",)))
for name in ("left_hand", "right_hand"):
    print(name, f"{sdr_db(read_sound(f'stems/{name}.wav')[0], read_sound(clip / f'{name}.flac')[0]):.1f} dB")
