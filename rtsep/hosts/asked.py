"""What options of `rtsep live` say. This module loads nothing, so that typing errors are reported at once."""

from __future__ import annotations

from collections.abc import Collection

from rtsep.errors import RtsepError


def check_by_channel(gated: bool, channels: Collection[object]) -> None:
    """RtsepError if --by channel lacks notes or channels."""
    if not gated:
        raise RtsepError("--by channel needs notes: give --midi PORT, or use --by split")
    if not channels:
        raise RtsepError("--by channel: which channels? give --channels 1,2")


def parse_route(route: str) -> tuple[str, int, int]:
    """A value of --route, STEM=OUTPUT or STEM=FIRST-LAST: the stem's name, its first and its last output."""
    name, equals, places = route.partition("=")
    first, _, last = places.partition("-")
    if not equals or not first.isdecimal() or (last and not last.isdecimal()):
        raise RtsepError(f"--route {route}: give STEM=OUTPUTS, such as residual=3-4 or mix=1-2")
    return name, int(first), int(last or first)
