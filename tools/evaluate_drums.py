"""A drum preset for the bench, trained in memory on single hits of the kit that plays the grooves."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from shipped import KIT_HANDICAP

from rtsep.files.sound import read_sound
from rtsep.notes.score import read_midi
from rtsep.presets.preset import Preset
from rtsep.training.isolated import Notes, train

HIT_S = 0.4  # of each hit are learnt from
PROVENANCE = {"source": "single hits beside the grooves", "licence": "see there", "attribution": "see there",
              "made_by": "python tools/evaluate.py"}


def recorded_hits(paths: Iterable[Path]) -> Notes:
    """The hits of every sound file, whose notes are in the .mid beside it, one recording after the other."""
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


def preset_of_hits(folder: Path) -> Preset:
    """The preset "drums (own hits)" from the recordings in `folder`."""
    return preset_from(recorded_hits(sorted(folder.glob("*.flac"))), "drums (own hits)")


def preset_from(hits: Notes, name: str) -> Preset:
    """Attack and sustain of every drum. A note-off says nothing about a drum: what it is trained on outlasts it."""
    learnt = train(hits)
    played = np.isin(np.arange(len(learnt.release_s)), learnt.row_pitch)  # also those that are silent after HIT_S
    release_s = np.where(played, HIT_S + learnt.release_s, 0).astype(np.float32)
    return Preset(name, "Drums", hits.sample_rate, learnt.framing.window_size, learnt.framing.overlap, learnt.W,
                  learnt.row_pitch, learnt.row_role, release_s, learnt.decay_s, PROVENANCE,
                  defaults={"background_handicap": KIT_HANDICAP})
