"""Hears the notes in a sound file, block by block, as a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rtsep.files.sound import SoundReader
from rtsep.listening.transcriber import Told, Transcriber, paired
from rtsep.notes.build import build_score
from rtsep.notes.programs import DRUMS
from rtsep.notes.score import Score
from rtsep.presets.library import find_preset
from rtsep.presets.preset import Preset, load_preset
from rtsep.presets.wish import DEFAULT, parse_wish

BLOCK = 65_536  # The sound is heard in blocks of this many samples.


def presets_to_hear(texts: Sequence[str]) -> list[Preset]:
    """The presets that --preset names, or the usual one. RtsepError: there is no such preset."""
    wish = parse_wish(texts)
    names = [name for name in (wish.plain, *wish.by_stem.values()) if name is not None]
    return [load_preset(find_preset(name)) for name in dict.fromkeys(names or [DEFAULT])]


def transcribed(
    sound: SoundReader, presets: Sequence[Preset], progress: Callable[[int, int], None] = lambda done, total: None
) -> Score:
    """The notes of a sound as a score of one track. `progress(samples done, samples in all)`."""
    heard, done = Transcriber(presets, sound.sample_rate, sound.channels), 0
    told = list[Told]()
    for block in sound.blocks(BLOCK):
        told += heard.hear(block)
        done += block.shape[1]
        progress(done, sound.frames)
    notes = paired(told + heard.finish())
    program = next((each for each in presets[0].programs if each != DRUMS), 0)
    return build_score("the transcription", notes, [presets[0].name], {(0, 0): program})
