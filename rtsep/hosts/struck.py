"""The keys of a keyboard on their way to the thread that follows the score: each belongs to the frame of its time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rtsep.listening.ears import STEP_S
from rtsep.listening.keys import Key
from rtsep.notes.messages import NOTE_ON, Message

MOST = 256  # So many keys can wait; a keyboard that sends more loses the oldest ones.
STEP_NS = round(1e9 * STEP_S)


class StruckKeys:
    """Keys of the MIDI parts below `keyboards`. delay_ms: how much later the sound of a key comes, in ms.

    Threads: those of MIDI and control call `receive`, that of the follower calls `in_frames`.
    """

    def __init__(self, keyboards: int, delay_ms: Callable[[], float]) -> None:
        self._keyboards, self._delay_ms = keyboards, delay_ms
        self._waiting = deque[tuple[int, int]](maxlen=MOST)

    def receive(self, part: int, time_ns: int, message: Message) -> None:
        """Take a message that came at `time_ns` (time.monotonic_ns)."""
        if part < self._keyboards and message[0] & 0xF0 == NOTE_ON and message[2]:
            self._waiting.append((time_ns, message[1]))

    def in_frames(self, now_ns: int, frames: int) -> list[tuple[Key, ...]]:
        """The keys of each of the last `frames` frames, of which the newest ends now. Older keys are in the first one."""
        found = [list[Key]() for _ in range(frames)]
        late = list[tuple[int, int]]()
        for _ in range(len(self._waiting) if frames else 0):
            time_ns, pitch = self._waiting.popleft()
            age = (now_ns - time_ns - self._delay_ms() * 1e6) / STEP_NS
            if age < 0:
                late.append((time_ns, pitch))
                continue
            number = max(frames - 1 - int(age), 0)
            found[number].append((pitch, age - (frames - 1 - number)))
        self._waiting.extendleft(reversed(late))
        return [tuple(each) for each in found]
