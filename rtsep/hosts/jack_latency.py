"""The latency of JACK's ports: rtsep reads it from other ports, and sets it for its own ports.

JACK asks every client in turn, with the flow of the sound (CAPTURE) and against it (PLAYBACK). A port says how long ago its
sound was at the input of the card, or how long it takes to the output. It gives a range, since there can be several paths.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

CAPTURE, PLAYBACK = 0, 1  # JackLatencyCallbackMode in jack/types.h.
_Callback = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)


class _Range(ctypes.Structure):
    """jack_latency_range_t in jack/types.h, in samples."""

    _fields_ = (("least", ctypes.c_uint32), ("most", ctypes.c_uint32))


class Latencies:
    """Latencies of a client's ports, which are given as addresses. `engine` gives the samples from input to output.

    Thread: control; JACK calls back on its notification thread.
    """

    def __init__(
        self, library: ctypes.CDLL, client: int, notes: int, inputs: Sequence[int], outputs: Sequence[int],
        engine: Callable[[], int],
    ) -> None:
        self._library, self._client, self._engine = library, ctypes.c_void_p(client), engine
        self._ways = {CAPTURE: (inputs, outputs), PLAYBACK: (outputs, [notes, *inputs])}  # From which ports to which.
        self._told = engine()
        self._callback = _Callback(self._tell)  # It is kept as long as JACK can call it.

    def register(self) -> None:
        """Answer JACK's questions from now on. Call it before the client is active."""
        self._library.jack_set_latency_callback(self._client, self._callback, None)

    def attend(self) -> None:
        """If the latency of the engine has changed, tell all clients. Call it often, while the server runs."""
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
