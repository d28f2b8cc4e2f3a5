"""The stems' last samples, kept by the callback while somebody looks at them: for pictures of what they sound like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.callbacks import shared

SIZE = 1 << 14  # So many samples are kept, a power of two.
LONGEST = SIZE // 2  # At most so many can be read: the callback may be writing over the oldest ones.


class StemEar:
    """The ring, and copies of what is in it. `word` reads, and `set_control` sets a word (callbacks/shared.py).

    Thread: one that looks, which is any.
    """

    def __init__(self, stems: int, word: Callable[[int], int], set_control: Callable[[int, int], None]) -> None:
        self._ring = np.full((stems, SIZE), 0, np.float32)  # All its memory is there.
        self._word, self._set_control = word, set_control

    @property
    def arrays(self) -> Mapping[str, Any]:
        """The ring, by the name of the record's field."""
        return {"stem_ear": self._ring}

    @property
    def sizes(self) -> Mapping[str, int]:
        """Its size, likewise."""
        return {"stem_ear_size": SIZE}

    def watch(self, on: bool) -> None:
        """Begin to keep the stems' samples, or end it."""
        if on:
            self._ring[:] = 0  # What was kept when somebody looked before.
        self._set_control(shared.WATCHED, int(on))

    def last(self, samples: int) -> npt.NDArray[np.float32]:
        """The last samples, at most LONGEST, [stem, sample], before their faders; silence before the first one."""
        end = self._word(shared.POSITION)
        return self._ring[:, np.arange(end - samples, end) & (SIZE - 1)]
