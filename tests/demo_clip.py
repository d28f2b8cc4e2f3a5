"""The bundled clip: two hands at a piano, as true sounds, notes, and an engine with a preset of its instrument."""

from __future__ import annotations

from rtsep import Separator, by_track, find_preset, load_preset, read_midi
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder


def clip_separator(params, channels=1):
    """An engine with the clip's piano that is ready to play, the clip's sample rate, and its score."""
    score, (_, rate) = read_midi(clip_folder() / "demo.mid"), read_sound(clip_folder() / "mix.flac")
    separator = Separator(load_preset(find_preset("grand-piano")), by_track(score), params)
    separator.prepare(rate, channels, 4096)
    return separator, rate, score


def clip_hands(separator, samples):
    """The true sound of each hand, in the order of the separator's stems, each [1, sample]."""
    return [read_sound(clip_folder() / f"{name}.flac")[0][:1, :samples] for name in separator.stem_names[:2]]
