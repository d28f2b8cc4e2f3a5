"""Advice during play: one line that says what keeps going wrong, and what to do about it.

Each advice is a function in `ADVICES`. It gets the status of each of the last seconds, oldest first, and returns its sentence,
or "" if all is right. It runs in the control thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rtsep.hosts.checks import SILENT_DB
from rtsep.hosts.status import Status

HISTORY_S = 10  # Advice looks at the last seconds, this many.
LEAST_S = 5  # There is no advice before this many seconds of playing.
NEXT_S = 4  # If there are several advices, each is shown for this many seconds.
DROPOUTS = 5  # This many dropouts within the history are more than chance.
LOSSES = 2  # This many losses of the device within the history are more than a pulled plug.
BUSY = 0.7  # A smoothed load above this share of a block's time leaves too little time to spare.
NOTES = 3  # If this many notes came in the last seconds, there should be sound.
STEM_NOTES = 6  # This many notes of a stem within the history show whether it sounds:
HEARD, UNHEARD = 1 / 2, 1 / 3  # it does if at least the first share of them sounds, and does not if at most the second does.
FULL_DB = -0.1  # An input above this level, in dBFS, clips.
CLIPPED_S = 3  # An input that clips in this many of the last seconds is too loud.
LARGEST = 4096  # No advice asks for blocks of more samples than this.


@dataclass(frozen=True)
class Words:
    """The names of a device's settings. `block` has a place for a number of samples."""

    block: str
    input: str


Advice = Callable[[Sequence[Status], Words], str]


def _risen(past: Sequence[Status], *names: str) -> int:
    """The sum of what these counters have risen by within the history."""
    return sum(getattr(past[-1], name) - getattr(past[0], name) for name in names)


def _larger(past: Sequence[Status], words: Words, least: int = 0) -> str:
    """How to ask for larger blocks, or "" if larger ones make no sense."""
    size = max(2 * past[-1].block_samples, least)
    return words.block.format(1 << (size - 1).bit_length()) if size <= LARGEST else ""


def lost(past: Sequence[Status], words: Words) -> str:
    """The device is lost and comes back again and again."""
    count, advice = _risen(past, "losses"), _larger(past, words, 1024)
    if count < LOSSES:
        return ""
    return f"the device was lost {count} times in {HISTORY_S} s" + (f": its blocks are too small, {advice}" if advice else "")


def overloaded(past: Sequence[Status], words: Words) -> str:
    """The engine takes too much of the time, whether there were dropouts or not."""
    loads = [status.load for status in past[-LEAST_S:]]
    if min(loads) < BUSY:
        return ""
    cheaper = "--mode live" if past[-1].mode == "instant" else "--set iterations=3, or a faster computer"
    return f"the engine takes {100 * loads[-1]:.0f} % of the time, which is too much: use {cheaper}"


def small_blocks(past: Sequence[Status], words: Words) -> str:
    """Dropouts, though the engine has time to spare."""
    count, advice = _risen(past, "late_blocks", "underflows", "overflows", "xruns"), _larger(past, words)
    if count < DROPOUTS or past[-1].load >= BUSY or not advice:
        return ""
    return f"{count} dropouts in {HISTORY_S} s: blocks of {past[-1].block_samples} samples are too small here, {advice}"


def silent_input(past: Sequence[Status], words: Words) -> str:
    """Notes come, but no sound."""
    recent = past[-LEAST_S:]
    if _risen(recent, "notes") < NOTES or any(max(status.input_db, default=SILENT_DB) > SILENT_DB for status in recent):
        return ""
    return f"notes come, but the input is silent: {words.input}, and is it turned up?"


def silent_stem(past: Sequence[Status], _words: Words) -> str:
    """The notes of one stem do not sound, and those of another stem do."""
    counts = [(now.name, now.notes - before.notes, now.sounding - before.sounding)
              for now, before in zip(past[-1].stems, past[0].stems, strict=False)]
    silent = [name for name, told, sounding in counts if told >= STEM_NOTES and sounding <= UNHEARD * told]
    if not silent or not any(told >= STEM_NOTES and sounding >= HEARD * told for _, told, sounding in counts):
        return ""
    return f"no sound for the notes of {silent[0]}: does the input hear this instrument, and do the notes belong to it?"


def clipping_input(past: Sequence[Status], _words: Words) -> str:
    """The input is too loud."""
    loud = sum(max(status.input_db, default=SILENT_DB) > FULL_DB for status in past[-LEAST_S:])
    return "the input clips: turn down its gain, at the microphone or interface" if loud >= CLIPPED_S else ""


def clipping_output(past: Sequence[Status], _words: Words) -> str:
    """The output is too loud."""
    return "the output clips: turn the faders down (key -)" if _risen(past[-LEAST_S:], "clipped_samples") else ""


ADVICES: tuple[Advice, ...] = (lost, overloaded, small_blocks, silent_input, silent_stem, clipping_input, clipping_output)


class Adviser:
    """Looks at every status, and says which advice to show now. Thread: control."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._past: deque[Status] = deque(maxlen=HISTORY_S + 1)
        self._found: list[str] = []

    def look(self, status: Status) -> str:
        """Take the present status; gives the advice to show, or ""."""
        if not self._past or status.seconds >= self._past[-1].seconds + 1:
            self._past.append(status)
            past = list(self._past)
            self._found = [text for advice in ADVICES if (text := advice(past, self._words))] if len(past) > LEAST_S else []
        return self._found[int(status.seconds / NEXT_S) % len(self._found)] if self._found else ""
