"""The bundled clip, and the results of the engine's stages for it, from the reference, which gives access to all of them."""

import copy
from dataclasses import dataclass
from functools import cache

import numpy as np

from rtsep import by_track, find_preset, load_preset, read_midi
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.notes.score import Score
from rtsep.reference import ReferenceSeparator, Stream

SECONDS = 8.0
"""This many seconds of the clip are played."""
FIRST_BIN_HZ = 44100 / 4096
"""Distance of the bins, in Hz, with the default window at 44.1 kHz."""


@dataclass(frozen=True)
class Clip:
    """The mix and both hands, each [sample], and the notes."""

    mix: np.ndarray
    left: np.ndarray
    right: np.ndarray
    rate: int
    score: Score


@cache
def clip() -> Clip:
    """The clip."""
    folder = clip_folder()
    mix, left, right = (read_sound(folder / f"{name}.flac")[0][0] for name in ("mix", "left_hand", "right_hand"))
    return Clip(mix, left, right, 44100, read_midi(folder / "demo.mid"))


@dataclass(frozen=True)
class Heard:
    """The results of one frame, and what had been learnt by then."""

    time_s: float
    passed: object
    gain: tuple[float, ...]
    others: float
    colour: np.ndarray


@cache
def played(preset: str = "piano", told: tuple[int, ...] = (0, 1), seconds: float = SECONDS, **params: object) -> list[Heard]:
    """The results of every frame of the clip; only the notes of the tracks in `told` are told."""
    found, score = [], clip().score
    separator = ReferenceSeparator(load_preset(find_preset(preset)), by_track(score), {"mode": "live", **params})
    separator.prepare(44100, 1, 4096)

    def keep(passed: object) -> None:
        stages = stream.stages
        found.append(Heard(passed.frame.end / 44100, copy.deepcopy(passed),
                           tuple(model.gain for model in stages.levels.models), stages.accompaniment.others,
                           stages.colour.gain[0].copy()))

    stream = Stream(separator.setup, 1, None, None, keep)
    sound = clip().mix[None, : int(seconds * 44100)].astype(np.float64)
    events = score.events(44100)
    events = events[(events["sample"] < sound.shape[1]) & np.isin(events["part"], told)]
    stream.hear(sound, events)
    return found


def notes(seconds: float = SECONDS) -> np.ndarray:
    """The notes of the clip's first `seconds`: NOTE [note]."""
    found = clip().score.notes()
    return found[found["onset_s"] < seconds]
