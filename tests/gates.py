"""Which pitches are open for which frame, and when a gate must close. Notes are short."""

from __future__ import annotations

import numpy as np
from conftest import RATE, SMALL, WINDOW, make_preset, midi, one_stem, open_rows, prepared, process_from

HOP = SMALL["hop_samples"]
RELEASE = 441  # samples; not a multiple of the hop
DECAY = 2205
SUSTAIN, SOSTENUTO, SOUND_OFF, RESET, NOTES_OFF = 64, 66, 120, 121, 123
STILL_OPEN = 12000 // HOP * HOP


def short_notes():
    """A preset with short release and decay, so that short sounds suffice."""
    return make_preset(release_s=RELEASE / RATE, decay_s=DECAY / RATE)


def gates(preset, events, samples, routing=None):
    """The open gates of each frame: {end of the frame: {(stem, pitch)}}. Frames end at multiples of the hop."""
    separator = prepared(preset, routing or one_stem())
    sound, found = np.zeros((1, samples), np.float32), {}
    for end in range(HOP, samples + 1, HOP):
        process_from(separator, sound, events, end - HOP, end)
        found[end] = {(stem, int(preset.row_pitch[row])) for stem, row in open_rows(separator)}
        assert separator.open_count == 2 * len(found[end]), "all rows of a pitch are open, each once"
    return found


def span(found, pitch, stem=0):
    """The ends of the first and last frame for which the pitch is open. It must be open for all frames between."""
    open_at = [end for end, pitches in found.items() if (stem, pitch) in pitches]
    assert open_at, f"{pitch} never opened"
    assert open_at == list(range(open_at[0], open_at[-1] + 1, HOP)), f"{pitch} closed in between"
    return open_at[0], open_at[-1]


def last_frame(sample, lasting=WINDOW + RELEASE):
    """The end of the last frame before sample + lasting, when the gate closes."""
    return -(-(sample + lasting) // HOP) * HOP - HOP


def closes(preset, messages, pitch=60, samples=12000):
    """The end of the last frame for which `pitch` is open."""
    return span(gates(preset, midi(*messages), samples), pitch)[1]
