"""For the display: the held keys, and hints if no notes arrive. The sound does not depend on this module."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from rtsep.notes.messages import NOTE_ON, Keyboard, Message

OUTSIDE_NOTES = 3  # After this many consecutive notes outside the preset, the player gets a hint.
HINT_AFTER_S = 10.0  # After this many seconds without notes, the player gets a hint.


class NoteWatch:
    """Keys and pedals of every part and channel.

    `channels`: the channels that count, 1 to 16, or None for all. `playable`: the pitches of the preset. Threads: the MIDI
    thread writes, the control thread reads.
    """

    def __init__(self, channels: frozenset[int] | None, playable: Collection[int]) -> None:
        self._channels, self._playable = channels, frozenset(playable)
        self._keyboards: dict[tuple[int, int], Keyboard] = {}
        self._last_ns = time.monotonic_ns()  # Time of the last note that counts.
        self.notes = 0  # Notes that have come and count.
        self._elsewhere = 0  # Channel of the last note on an ignored channel since the last note that counts; 0: none.
        self.told: Callable[[int, int, Message], object] = lambda *_: None  # Gets each message that counts, too.
        self._outside = 0  # Consecutive notes outside the preset.

    def receive(self, part: int, time_ns: int, message: Message) -> None:
        """Take a message of `part` at `time_ns` (time.monotonic_ns)."""
        status, pitch, velocity = message
        channel = status & 0x0F
        if self._channels is not None and channel + 1 not in self._channels:
            if status & 0xF0 == NOTE_ON:
                self._elsewhere = channel + 1
            return
        self.told(part, time_ns, message)
        keyboard = self._keyboards.setdefault((part, channel), Keyboard())
        keyboard.play(time_ns * 1e-9, message)
        keyboard.ended.clear()
        if status & 0xF0 == NOTE_ON and velocity:
            self._last_ns, self._elsewhere = time_ns, 0
            self.notes += 1
            self._outside = 0 if pitch in self._playable else self._outside + 1

    def lost(self, part: int) -> None:
        """Release all keys of a lost port."""
        for key in [key for key in self._keyboards if key[0] == part]:
            self._keyboards.pop(key, None)

    def held(self) -> tuple[int, ...]:
        """Pitches held by keys or pedals, ascending."""
        return tuple(sorted({pitch for keyboard in list(self._keyboards.values()) for pitch in keyboard.sounding}))

    def pressed(self) -> list[tuple[int, int, int, int]]:
        """(part, channel, pitch, velocity) of the keys that are down."""
        return [(*place, *key) for place, keyboard in list(self._keyboards.items()) for key in keyboard.pressed]

    def hint(self, now_ns: int) -> str:
        """A hint what to check, or ""."""
        if self._elsewhere and self._channels is not None:
            wanted = ", ".join(map(str, sorted(self._channels)))
            return (f"notes come on channel {self._elsewhere}, but rtsep listens only to {wanted}: "
                    f"give --channels {self._elsewhere}")
        if self._outside >= OUTSIDE_NOTES:
            return (f"the last {self._outside} notes lie outside the preset "
                    f"({min(self._playable)} to {max(self._playable)}): is the keyboard transposed?")
        if now_ns - self._last_ns > HINT_AFTER_S * 1e9 and not self.held():
            return f"no note for {(now_ns - self._last_ns) // 1_000_000_000} s: is the keyboard connected and switched on?"
        return ""
