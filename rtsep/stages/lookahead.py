"""Stage: lookahead. It delays the sound against its notes, so that notes are known before their sound.

Everything else, from the input of the frames to stems, mix and bypass, gets the delayed sound.
"""

from __future__ import annotations

from typing import Any

from rtsep.kernels.fields import Part, array, cell, size
from rtsep.kernels.marks import kernel
from rtsep.stages.request import Request

PLAN = Part("lookahead", (size("ahead", "samples by which the sound is later than its notes"),), sees=("common",))
STATE = Part("lookahead", (
    cell("oldest", "int64", "place of the oldest sample in `delayed`"),
    array("delayed", "float32", "channels, ahead", "the last samples of the input, which wait for their time"),
))


def samples_of_lookahead(lookahead_ms: float, sample_rate: float) -> int:
    """The parameter `lookahead_ms` in samples."""
    return round(lookahead_ms / 1000 * sample_rate)


def design(request: Request) -> dict[str, Any]:
    """The part `lookahead`."""
    return {"ahead": samples_of_lookahead(request.number("lookahead_ms"), request.sample_rate)}


@kernel
def delay(plan, own, block, count):
    """Replace block[channel, :count] by the samples that came `ahead` samples earlier."""
    if plan.ahead == 0:
        return
    for c in range(plan.channels):
        delayed, at = own.delayed[c], own.oldest
        for i in range(count):
            block[c, i], delayed[at] = delayed[at], block[c, i]
            at = at + 1 if at + 1 < plan.ahead else 0
    own.oldest = (own.oldest + count) % plan.ahead
