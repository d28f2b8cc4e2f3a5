"""What each output of a device plays: the mix, or the stems of the option --route."""

from __future__ import annotations

from rtsep.errors import RtsepError
from rtsep.hosts.asked import parse_route
from rtsep.hosts.lanes import MIX, SILENCE


def outputs_of_mix(channels: int, outputs: int) -> list[tuple[int, int]]:
    """The mix on the first outputs; a mix of one channel goes to two outputs."""
    return [(MIX, 0 if channels == 1 else o) if o < max(channels, 2) else (SILENCE, 0) for o in range(outputs)]


def route_outputs(routes: tuple[str, ...], stems: tuple[str, ...], channels: int, outputs: int) -> list[tuple[int, int]]:
    """What each output of the device plays: the mix on the first outputs, or as `routes` say (outputs count from 1)."""
    if not routes:
        return outputs_of_mix(channels, outputs)
    sources = [(SILENCE, 0)] * outputs
    for route in routes:
        name, first, last = parse_route(route)
        if name != "mix" and name not in stems:
            raise RtsepError(f"--route {route}: no stem is called {name!r}; the stems are: mix, {', '.join(stems)}")
        places_of = range(first, last + 1)
        if not places_of or places_of[0] < 1 or places_of[-1] > outputs:
            raise RtsepError(f"--route {route}: the device has outputs 1 to {outputs} (--outputs asks for more)")
        for place in places_of:
            stem = MIX if name == "mix" else stems.index(name)
            sources[place - 1] = (stem, (place - places_of[0]) % channels)
    return sources
