"""Advice while playing: one line for what keeps going wrong, and what to do about it.

Each advice is a function in `ADVICES`. It is given the status of each of the last seconds, oldest first, and gives its
sentence, or "" if all is well. It runs in the control thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rtsep.hosts.checks import SILENT_DB
from rtsep.hosts.status import Status

HISTORY_S = 10  # Advice looks at this many last seconds.
LEAST_S = 5  # It waits for this many seconds of playing.
NEXT_S = 4  # Where several apply, each is shown for this many seconds.
DROPOUTS = 5  # So many dropouts within the history are more than chance.
LOSSES = 2  # So many losses of the device within the history are no pulled plug.
BUSY = 0.7  # A smoothed load above this share of a block's time leaves too little to spare.
NOTES = 3  # So many notes within some seconds should be heard.
STEM_NOTES = 6  # So many notes of a stem within the history tell whether it sounds:
HEARD, UNHEARD = 1 / 2, 1 / 3  # if at least this share of them does, or if at most this share seems to.
FULL_DB = -0.1  # An input above this level, in dBFS, clips.
CLIPPED_S = 3  # An input that clips in so many of the last seconds is too loud.
LARGEST = 4096  # Blocks of more samples are not advised.


@dataclass(frozen=True)
class Words:
    """How a device's settings are called. `block` has a place for a number of samples."""

    block: str
    input: str


Advice = Callable[[Sequence[Status], Words], str]


def _risen(past: Sequence[Status], *names: str) -> int:
    """By how much these counters have risen within the history."""
    return sum(getattr(past[-1], name) - getattr(past[0], name) for name in names)


def _larger(past: Sequence[Status], words: Words, least: int = 0) -> str:
    """How to ask for larger blocks, or "" if they are as large as is sensible."""
    size = max(2 * past[-1].block_samples, least)
    return words.block.format(1 << (size - 1).bit_length()) if size <= LARGEST else ""


def lost(past: Sequence[Status], words: Words) -> str:
    """The device is lost and comes back, again and again."""
    count, advice = _risen(past, "losses"), _larger(past, words, 1024)
    if count < LOSSES:
        return ""
    return f"the device was lost {count} times in {HISTORY_S} s" + (f": its blocks are too small, {advice}" if advice else "")


def overloaded(past: Sequence[Status], words: Words) -> str:
    """The engine takes too much of the time, with or without dropouts so far."""
    loads = [status.load for status in past[-LEAST_S:]]
    if min(loads) < BUSY:
        return ""
    cheaper = "--mode live" if past[-1].mode == "instant" else "--set iterations=3, or a faster computer,"
    return f"the engine takes {100 * loads[-1]:.0f} % of the time: {cheaper} has more to spare"


def small_blocks(past: Sequence[Status], words: Words) -> str:
    """Dropouts, though the engine has time to spare."""
    count, advice = _risen(past, "late_blocks", "underflows", "overflows", "xruns"), _larger(past, words)
    if count < DROPOUTS or past[-1].load >= BUSY or not advice:
        return ""
    return f"{count} dropouts in {HISTORY_S} s: blocks of {past[-1].block_samples} samples are too small here, {advice}"


def silent_input(past: Sequence[Status], words: Words) -> str:
    """Notes come, and no sound."""
    recent = past[-LEAST_S:]
    if _risen(recent, "notes") < NOTES or any(max(status.input_db, default=SILENT_DB) > SILENT_DB for status in recent):
        return ""
    return f"notes come, but the input is silent: {words.input}, and is it turned up?"


def silent_stem(past: Sequence[Status], _words: Words) -> str:
    """The notes of one stem come, and only those of others sound."""
    counts = [(now.name, now.notes - before.notes, now.sounding - before.sounding)
              for now, before in zip(past[-1].stems, past[0].stems, strict=False)]
    silent = [name for name, told, sounding in counts if told >= STEM_NOTES and sounding <= UNHEARD * told]
    if not silent or not any(told >= STEM_NOTES and sounding >= HEARD * told for _, told, sounding in counts):
        return ""
    return f"no sound for the notes of {silent[0]}: does the input hear this instrument, and do the notes belong to it?"


def clipping_input(past: Sequence[Status], _words: Words) -> str:
    """What comes in is too loud."""
    loud = sum(max(status.input_db, default=SILENT_DB) > FULL_DB for status in past[-LEAST_S:])
    return "the input clips: turn down its gain, at the microphone or interface" if loud >= CLIPPED_S else ""


def clipping_output(past: Sequence[Status], _words: Words) -> str:
    """What goes out is too loud."""
    return "the output clips: turn the faders down (key -)" if _risen(past[-LEAST_S:], "clipped_samples") else ""


ADVICES: tuple[Advice, ...] = (lost, overloaded, small_blocks, silent_input, silent_stem, clipping_input, clipping_output)


class Adviser:
    """Looks at every status, and gives the advice to be shown now, or "". Thread: control."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._past: deque[Status] = deque(maxlen=HISTORY_S + 1)
        self._found: list[str] = []

    def look(self, status: Status) -> str:
        """Take the present status."""
        if not self._past or status.seconds >= self._past[-1].seconds + 1:
            self._past.append(status)
            past = list(self._past)
            self._found = [text for advice in ADVICES if (text := advice(past, self._words))] if len(past) > LEAST_S else []
        return self._found[int(status.seconds / NEXT_S) % len(self._found)] if self._found else ""
