"""The latency of JACK's ports: what they tell, and what ours tell to others.

JACK asks every client in turn, along the sound's way (CAPTURE) and against it (PLAYBACK). A port tells how long ago its sound
was at the card, or in how long it will be heard there, as a range, since several ways may lead there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

CAPTURE, PLAYBACK = 0, 1  # jack/types.h's JackLatencyCallbackMode.
_Callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)


class _Range(ctypes.Structure):
    """jack/types.h's jack_latency_range_t, in samples."""

    _fields_ = (("least", ctypes.c_uint32), ("most", ctypes.c_uint32))


class Latencies:
    """Latencies of a client's ports, which are addresses. `engine` tells the samples from input to output.

    Thread: control; JACK's thread of notifications calls back.
    """

    def __init__(
        self, library: ctypes.CDLL, client: int, notes: int, inputs: Sequence[int], outputs: Sequence[int],
        engine: Callable[[], int],
    ) -> None:
        self._library, self._client, self._engine = library, ctypes.c_void_p(client), engine
        self._ways = {CAPTURE: (inputs, outputs), PLAYBACK: (outputs, [notes, *inputs])}  # From which ports to which.
        self._told = engine()
        self._callback = _Callback(self._tell)  # Kept as long as JACK may call it.

    def register(self) -> None:
        """Answer when JACK asks. Call it before the client is active."""
        self._library.jack_set_latency_callback(self._client, self._callback, None)

    def attend(self) -> None:
        """Tell everybody if the engine's latency has changed. Call it often, while the server is there."""
        now = self._engine()
        if now != self._told:
            self._told = now
            self._library.jack_recompute_total_latencies(self._client)

    def longest(self, ports: Sequence[int], mode: int) -> int:
        """The longest latency of `ports` in samples."""
        return max((self._range(port, mode).most for port in ports), default=0)

    def _range(self, port: int, mode: int) -> _Range:
        found = _Range()
        self._library.jack_port_get_latency_range(ctypes.c_void_p(port), mode, ctypes.byref(found))
        return found

    def _tell(self, mode: int, _argument: object) -> None:
        sources, targets = self._ways[mode]
        ranges = [self._range(port, mode) for port in sources]
        if not ranges:
            return
        added = self._engine()
        least, most = (pick(getattr(each, name) for each in ranges) + added for pick, name in ((min, "least"), (max, "most")))
        for port in targets:
            self._library.jack_port_set_latency_range(ctypes.c_void_p(port), mode, ctypes.byref(_Range(least, most)))
