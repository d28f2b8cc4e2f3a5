"""The engine's note path alone, without sound: it divides the notes of a score between the hands.

The compiled stage `hands` receives every message at its sample, and voices end when frames would end them. So the decisions are
those of playing. All keys have templates here, and notes ring as long as those of the piano.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from rtsep.compiling import machine
from rtsep.engine.design import design
from rtsep.engine.prepared import Prepared
from rtsep.kernels.memory import PITCHES
from rtsep.notes.folded import fold
from rtsep.notes.messages import NOTE_ON
from rtsep.notes.routing import Routing, keyboards, struck
from rtsep.notes.score import Score
from rtsep.presets.library import find_preset
from rtsep.presets.preset import Preset, load_preset
from rtsep.stages.hands import MOST_ASKED, REVISE_S
from rtsep.stages.polyphony import FREE, HELD, RELEASED

SAMPLE_RATE = 44100.0  # The sample rate of the note path, in Hz.
BINS = 2049  # The templates have this many bins, like those of the piano.


@dataclass(frozen=True, eq=False)
class Given:
    """The note-ons of a score, in its order, with their hands.

    stem: int64, the stem of each note; -1: none. right: float64, the probability that the right hand plays it; NaN: it belongs
    to no hand. at_last: that probability after many later notes, which is too late for playing. revised: the number of notes
    that changed their hand.
    """

    stem: npt.NDArray[np.int64]
    right: npt.NDArray[np.float64]
    at_last: npt.NDArray[np.float64]
    revised: int


def receiver(now: Prepared) -> Callable[[int, int, int, int, int, int], None]:
    """A function that gives a message to the note path of `now`: sample, part, status, two data bytes, EVENT's field `stem`."""
    receive = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 8)(machine.address("notes", "receive"))
    return partial(receive, now.plan.record.ctypes.data, now.state_record.ctypes.data)


def give_to_hands(score: Score, routing: Routing) -> Given:
    """The engine's final decisions about the notes of `score` with a routing to hands."""
    events, table = fold(score.events(SAMPLE_RATE), routing.table, keyboards(score))
    plan = design(_keyboard(), replace(routing, table=table), {}, SAMPLE_RATE, 1)
    now = Prepared(plan, 1)
    receive, strikes = receiver(now), int(struck(score).sum())
    given = Given(np.full(strikes, -1), np.full(strikes, np.nan), np.full(strikes, np.nan), 0)
    asked, number, hop = list[int](), -1, plan.framing.hop
    closed, hand_notes, recent, count = 0, now.state["hand_notes"], now.state["recent"], now.state["recent_count"]
    for sample, part, status, data1, data2, stem in events.tolist():
        if closed != sample // hop * hop:
            closed = sample // hop * hop
            _close_voices(now, closed)
        receive(sample, part, status, data1, data2, stem)
        if status & 0xF0 != NOTE_ON or not data2:
            continue
        number += 1
        if hand_notes[0] == len(asked):  # It belongs to no hand.
            continue
        asked.append(number)
        young = asked[-1 - MOST_ASKED :]
        last = recent[count[0] - len(young) : count[0]]
        young = np.array(young)[last["sample"] >= sample - REVISE_S * SAMPLE_RATE]
        last = last[-len(young) :]
        given.right[young] = last["right"]
        given.stem[young] = np.array(routing.hands)[last["hand"]]
        given.at_last[asked[-int(count[0]) :]] = recent["right"][: count[0]]
    return replace(given, revised=int(now.state["revised_notes"][0]))


def _close_voices(now: Prepared, end: int) -> None:
    """Free the voices that the frame ending before sample `end` can no longer contain, as stage `gate` does."""
    plan, voices = now.plan.values, now.state["voices"]
    if end <= plan["lead_in"]:
        return
    places = voices["stem"], voices["pitch"]
    window = int(plan["window_size"])
    released = (voices["status"] == RELEASED) & (end >= voices["off"] + window + plan["release"][places])
    decayed = (voices["status"] == HELD) & (end >= voices["onset"] + window + plan["decay"][places])
    voices["status"][released | decayed] = FREE


def _keyboard() -> Preset:
    """The piano with a flat template for every key."""
    piano = load_preset(find_preset("piano"))
    return Preset("keys", "Keys", SAMPLE_RATE, 2 * (BINS - 1), BINS - 1, np.full((PITCHES, BINS), 1 / BINS, np.float32),
                  np.arange(PITCHES, dtype=np.int16), ("key",) * PITCHES, piano.release_s, piano.decay_s, piano.provenance)
