"""Drum presets, trained in memory on single hits of a kit: with templates for attack and sustain, or with stages."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from laboratory.shipped import KIT_SPARSITY
from laboratory.study import need_file
from rtsep.files.sound import read_sound
from rtsep.notes.score import read_midi
from rtsep.presets.preset import Preset
from rtsep.training.drums import choke_groups, train_drums
from rtsep.training.isolated import Notes, train
from rtsep.training.learn import DRUMS_HANDICAP, DRUMS_HOLD_S

HIT_S = 0.4
"""The first seconds of each hit, from which one-frame templates are learnt."""
PROVENANCE = {"source": "single hits beside the grooves", "licence": "see there", "attribution": "see there",
              "made_by": "python tools/lab.py"}
FOREIGN = ("kick", "snare", "hihat_closed", "hihat_open")


def recorded_hits(paths: Iterable[Path]) -> Notes:
    """The hits of every sound file, one recording after the other; the notes of each are in the .mid file beside it."""
    sounds, onsets, pitches, velocities, begin_s = [], [], [], [], 0.0
    for path in paths:
        sound, rate = read_sound(path)
        notes = read_midi(path.with_suffix(".mid")).notes()
        sounds.append(sound[0])
        onsets.append(begin_s + notes["onset_s"])
        pitches.append(notes["pitch"].astype(np.int64))
        velocities.append(notes["velocity"].astype(np.int64))
        begin_s += sound.shape[1] / rate
    onset_s = np.concatenate(onsets)
    offset_s = np.minimum(onset_s + HIT_S, np.append(onset_s[1:], begin_s))
    return Notes(np.concatenate(sounds), float(rate), onset_s, offset_s, np.concatenate(pitches),
                 np.concatenate(velocities))


def own_hits(shared: Path) -> Notes:
    """The hits of the kit that plays the grooves."""
    return recorded_hits(sorted(need_file(shared / "drums" / "train_hits").glob("*.flac")))


def foreign_hits(shared: Path) -> Notes:
    """The hits of FluidR3's kit."""
    return recorded_hits([need_file(shared / "other_notes" / f"drums_fluidr3_{name}.flac")
                          for name in FOREIGN])


def preset_of_hits(folder: Path) -> Preset:
    """The preset "drums (own hits)" from the recordings in `folder`."""
    return plain_kit(recorded_hits(sorted(folder.glob("*.flac"))), "drums (own hits)")


def plain_kit(hits: Notes, name: str) -> Preset:
    """A preset with attack and sustain of every drum. The release is long, since note-offs have no meaning for drums."""
    learnt = train(hits)
    played = np.isin(np.arange(len(learnt.release_s)), learnt.row_pitch)  # including drums that are silent after HIT_S
    release_s = np.where(played, HIT_S + learnt.release_s, 0).astype(np.float32)
    return Preset(name, "Drums", hits.sample_rate, learnt.framing.window_size, learnt.framing.overlap, learnt.W,
                  learnt.row_pitch, learnt.row_role, release_s, learnt.decay_s, PROVENANCE,
                  defaults={"background_handicap": KIT_SPARSITY})


def staged_kit(hits: Notes, name: str) -> Preset:
    """The preset that `rtsep train --drums` makes."""
    learnt = train_drums(hits)
    return Preset(name, name, hits.sample_rate, learnt.framing.window_size, learnt.framing.overlap, learnt.W, learnt.row_pitch,
                  learnt.row_role, learnt.release_s, learnt.decay_s, PROVENANCE, row_age_s=learnt.row_age_s,
                  defaults={"window_samples": learnt.framing.window_size, "max_open_rows": 128,
                            "background_handicap": DRUMS_HANDICAP, "adapt_hold_s": DRUMS_HOLD_S}, choke=choke_groups())
