"""Hears the notes in a sound file, block by block, as a score: chords, or a single line with its bends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rtsep.files.sound import SoundReader
from rtsep.listening.line import LineTranscriber
from rtsep.listening.transcriber import Told, Transcriber, paired
from rtsep.notes.build import build_score
from rtsep.notes.programs import DRUMS
from rtsep.notes.score import Score
from rtsep.notes.sung import Bend, bends_of
from rtsep.notes.written import written_midi
from rtsep.presets.library import find_preset
from rtsep.presets.lines import plays_line
from rtsep.presets.preset import Preset, load_preset
from rtsep.presets.wish import DEFAULT, parse_wish

BLOCK = 65_536  # The sound is heard in blocks of this many samples.


@dataclass(frozen=True)
class Hearing:
    """How notes are heard: with the templates of which presets (none: harmonic combs), and whether as a single line.

    span: the lowest and the highest MIDI pitch of the line; None: those of the presets.
    """

    presets: tuple[Preset, ...]
    line: bool = False
    span: tuple[int, int] | None = None

    def transcriber(self, sample_rate: float, channels: int) -> Transcriber | LineTranscriber:
        """What hears the notes of a sound."""
        if self.line:
            return LineTranscriber(self.presets, sample_rate, channels, self.span)
        return Transcriber(self.presets, sample_rate, channels)

    def __str__(self) -> str:
        """With what the notes are heard, such as "the preset violin, as a single line"."""
        names = ", ".join(preset.name for preset in self.presets)
        return (f"the preset {names}" if names else "no preset") + ", as a single line" * self.line


def hearing_of(texts: Sequence[str], line: bool | None = None, span: tuple[int, int] | None = None) -> Hearing:
    """How notes are heard with the presets that --preset names, or the usual one. RtsepError: there is no such preset.

    line: None: as the preset plays. A line of no preset can be of any instrument.
    """
    wish = parse_wish(texts)
    names = [name for name in (wish.plain, *wish.by_stem.values()) if name is not None]
    presets = tuple(load_preset(find_preset(name)) for name in dict.fromkeys(names or [DEFAULT] * (not line)))
    return Hearing(presets, plays_line(presets) if line is None else line, span)


@dataclass(frozen=True)
class Transcription:
    """The notes of a sound, whether they were heard as a single line, and how it bends them."""

    score: Score
    bends: Sequence[Bend] = ()
    line: bool = False

    def midi(self) -> bytes:
        """Both as a MIDI file."""
        return written_midi(self.score, self.bends)


def transcribed(
    sound: SoundReader, hearing: Hearing, progress: Callable[[int, int], None] = lambda done, total: None
) -> Transcription:
    """The notes of a sound as a score of one track. `progress(samples done, samples in all)`."""
    heard, done = hearing.transcriber(sound.sample_rate, sound.channels), 0
    told = list[Told]()
    for block in sound.blocks(BLOCK):
        told += heard.hear(block)
        done += block.shape[1]
        progress(done, sound.frames)
    notes = paired(told + heard.finish())
    program = next((each for preset in hearing.presets for each in preset.programs if each != DRUMS), 0)
    score = build_score("the transcription", notes, [hearing.presets[0].name if hearing.presets else "line"], {(0, 0): program})
    if isinstance(heard, Transcriber):
        return Transcription(score)
    return Transcription(score, [bend for note in heard.sounded for bend in bends_of(note)], True)
