"""Follows a player in a score by the sound of the input, and plays the score's notes to the engine."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError
from rtsep.hosts.input_reader import InputReader
from rtsep.hosts.lanes import Lanes
from rtsep.hosts.struck import StruckKeys
from rtsep.hosts.words import bar_text
from rtsep.listening.cues import Cues
from rtsep.listening.ears import Ears
from rtsep.listening.follower import Follower, Told
from rtsep.listening.keyboard_parts import KeyboardParts
from rtsep.listening.keys import Key
from rtsep.notes.messages import Message
from rtsep.notes.names import stem_names
from rtsep.notes.score import Score

PAGE_BARS = 16  # A page has this many bars.

Receive = Callable[[int, int, Message], object]  # Part, time in ns, message.


class ScoreListener:
    """Follows the score `score` by `ears`. `receive` takes the notes; `say` shows a message. Threads: control, and its own.

    ahead_s: notes begin at least this many seconds before they are expected.
    """

    def __init__(self, score: Score, ears: Ears, follower: Follower, lanes: Lanes, receive: Receive,
                 say: Callable[[str], object], ahead_s: float) -> None:
        self._score, self._ears, self._follower = score, ears, follower
        self._receive, self._say = receive, say
        self._cues = Cues(score.notes(), ahead_s)
        self._keys, self._parts = StruckKeys(0, lambda: 0.0), KeyboardParts(score.notes())
        self._told = Told(0.0, 1.0, 0.0, False, False)
        self._wanted: float | None = None  # The control thread asks for this time of the score.
        self._reader = InputReader(lanes, "rtsep follows the score", self._listen, lambda: None, self._fail)
        self.failed = ""  # Why the thread has ended, if it has failed.

    def hear_keys(self, keys: StruckKeys, parts: KeyboardParts) -> None:
        """Follow by the keys of a keyboard, too, which plays some of the parts. Call it before `start`."""
        self._keys, self._parts = keys, parts
        self._know()

    def key(self, part: int, time_ns: int, message: Message) -> None:
        """Take a message of a keyboard. Any thread."""
        self._keys.receive(part, time_ns, message)

    def start(self) -> None:
        """Begin to listen, from now on."""
        self._reader.start()

    def close(self) -> None:
        """Stop listening."""
        self._reader.close()

    def _fail(self, error: Exception) -> None:
        self.failed = f"rtsep follows the score no longer ({type(error).__name__}: {error})"
        self._say(self.failed)
        self._play(self._told._replace(lost=True))  # No note stays open.

    def _listen(self, sound: npt.NDArray[np.float32]) -> None:
        if self._wanted is not None:
            self._follower.go_to(self._wanted)
            self._wanted = None
        heard = self._ears.hear(sound)
        for number, keys in enumerate(self._keys.in_frames(time.monotonic_ns(), len(heard))):
            self._step(self._follower.step(heard, number, keys), keys)

    def _know(self) -> None:
        """Tell which parts the keyboard plays."""
        if self._follower.keys is not None:
            self._follower.keys.know(self._parts.perhaps, self._parts.surely)
        self._cues.leave(self._parts.surely)

    def _step(self, told: Told, keys: tuple[Key, ...]) -> None:
        if self._parts.step(told, keys):
            self._know()
        if told.lost != self._told.lost:
            self._say("the score is lost: all sound goes to the residual until it is found again" if told.lost else
                      f"found the place in the score: {bar_text(self._score.bars, told.seconds)}")
        self._told = told
        self._play(told)

    def _play(self, told: Told) -> None:
        for part, message in self._cues.step(told):
            self._receive(part, time.monotonic_ns(), message)

    # --- the control thread ---

    def told(self) -> str:
        """Where the player is, and how sure that is."""
        if self.failed:
            return self.failed
        place = bar_text(self._score.bars, self._told.seconds)
        told = f"score: lost, last at {place}" if self._told.lost else f"score: {place}, {100 * self._told.sure:.0f} % sure"
        names = stem_names(self._score.track_names)
        keyed = ", ".join(names[part] for part in sorted(self._parts.surely))
        return f"{told}; keys: {keyed}" if keyed else told

    def go_to_bar(self, bar: int) -> None:
        """The player goes on from the bar with this number, from 1."""
        bars = self._score.bars
        if not len(bars):
            raise RtsepError("the score has no bars: give MIDI or MusicXML")
        if not 1 <= bar <= len(bars):
            raise RtsepError(f"bar {bar}: the score has bars 1 to {len(bars)}")
        self._wanted = float(bars.start_s[bar - 1])

    def move_bars(self, count: int) -> None:
        """The player goes on from the bar this many bars later, or earlier (below 0); at most to the first or the last one."""
        bars = self._score.bars
        if not len(bars):
            raise RtsepError("the score has no bars: give MIDI or MusicXML")
        now, _ = bars.at(self._told.seconds if self._wanted is None else self._wanted)
        self.go_to_bar(min(max(now + count, 1), len(bars)))
