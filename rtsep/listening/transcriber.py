"""Turns sound into notes while it comes in: ears, note net and note finder, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy.typing as npt

from rtsep.listening.ears import STEP_S, Ears
from rtsep.listening.note_finder import Change, NoteFinder
from rtsep.listening.note_net import Net, NoteNet, note_net
from rtsep.notes.build import Note
from rtsep.notes.programs import is_held
from rtsep.presets.preset import Preset

SHORTEST_S = 0.05  # A note lasts at least this many seconds.
PIANOS = range(4)  # The General MIDI programs of pianos with strings.


class Told(NamedTuple):
    """A pitch (MIDI) begins with a velocity of 1 to 127, or ends (0), so many seconds after the start of the sound."""

    second: float
    pitch: int
    velocity: int


def is_piano(preset: Preset) -> bool:
    """Whether a preset is a piano: by its programs, or by its name if it has none."""
    return all(program in PIANOS for program in preset.programs) if preset.programs else "piano" in preset.name.split("-")


class Transcriber:
    """Hears notes in sound of `channels` channels at `sample_rate` Hz, with the rows of `presets`; another net can hear them.

    The same sound gives the same notes, whatever the sizes of its blocks.
    """

    def __init__(self, presets: Sequence[Preset], sample_rate: float, channels: int = 1, net: Net | None = None) -> None:
        self._net_of = net or note_net(bool(presets) and all(is_piano(preset) for preset in presets))
        self._ears = Ears(presets, sample_rate, channels)
        self._held = any(is_held(program) for preset in presets for program in preset.programs)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._ears.reset()
        self._net, self._finder = NoteNet(self._net_of, self._held), NoteFinder(self._net_of.delay_frames, self._net_of.begins)

    def hear(self, block: npt.ArrayLike) -> list[Told]:
        """What is found at the end of `block`, float32 [channel, sample]; it lies some 60 ms before that."""
        return _told(self._finder.step(self._net.step(self._ears.hear(block))))

    def finish(self) -> list[Told]:
        """The ends of the notes that still sound."""
        return _told(self._finder.finish())


def _told(changes: Iterable[Change]) -> list[Told]:
    return [Told(max((change.frame + 0.5) * STEP_S, 0.0), change.pitch, change.velocity) for change in changes]


def paired(told: Iterable[Told]) -> list[Note]:
    """The notes of what was told until the end, by onset."""
    found, begun = list[Note](), dict[int, Told]()
    for one in told:
        if one.velocity:
            begun[one.pitch] = one
        elif (onset := begun.pop(one.pitch, None)) is not None:
            found.append(Note(onset.second, max(one.second, onset.second + SHORTEST_S), one.pitch, onset.velocity))
    return sorted(found)
