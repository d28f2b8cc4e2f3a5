"""MPE: which channels are members of a zone, and which master they follow.

The master of the lower zone is channel 1, and its members are the next channels. The master of the upper zone is channel 16,
and its members are the channels before it. Channels count from 0 here.
"""

from __future__ import annotations

from collections.abc import Iterable

from rtsep.notes.messages import CONTROL, Message

MASTERS = (0, 15)  # The masters of the lower and of the upper zone, as channels from 0.
DATA, NRPN_LOW, NRPN_HIGH, RPN_LOW, RPN_HIGH = 6, 98, 99, 100, 101  # MIDI's numbers of the controllers that set parameters.
ZONE = (0, 6)  # High and low number of the registered parameter that sets the number of members of a zone.

Rpn = tuple[int, int]


class Parameters:
    """The registered parameters that controllers set, for each channel."""

    def __init__(self) -> None:
        self._chosen: dict[int, tuple[int, int]] = {}  # Channel: high and low number; 127 and 127: none.

    def control(self, channel: int, number: int, value: int) -> tuple[Rpn, int] | None:
        """Take a controller. If it sets the coarse value of a parameter, returns the parameter and this value."""
        high, low = self._chosen.get(channel, (127, 127))
        if number == RPN_HIGH:
            self._chosen[channel] = (value, low)
        elif number == RPN_LOW:
            self._chosen[channel] = (high, value)
        elif number in (NRPN_LOW, NRPN_HIGH):
            self._chosen[channel] = (127, 127)
        elif number == DATA and (high, low) != (127, 127):
            return (high, low), value
        return None

    def chosen(self, channel: int) -> Rpn:
        """The parameter that a channel sets; 127 and 127: none."""
        return self._chosen.get(channel, (127, 127))


class Zones:
    """The zones of one port; messages set them."""

    def __init__(self) -> None:
        self._parameters = Parameters()
        self._members = {master: 0 for master in MASTERS}

    def receive(self, message: Message) -> None:
        """Take a message. A controller can make or end a zone."""
        status, number, value = message
        channel = status & 0x0F
        if status & 0xF0 != CONTROL:
            return
        found = self._parameters.control(channel, number, value)
        if found is not None and found[0] == ZONE and channel in MASTERS:
            self._members[channel] = min(value, 15)
            other = MASTERS[channel == MASTERS[0]]  # The zone that was set last takes channels away from the other zone.
            self._members[other] = min(self._members[other], max(14 - self._members[channel], 0))

    def members(self, channel: int) -> tuple[int, ...]:
        """The members of the zone whose master is `channel`; empty if it is not a master."""
        count = self._members.get(channel, 0)
        first = 1 if channel == MASTERS[0] else 15 - count
        return tuple(range(first, first + count))

    def master(self, channel: int) -> int | None:
        """The master that `channel` follows, or None."""
        return next((master for master in MASTERS if channel in self.members(master)), None)


def zones_of(messages: Iterable[tuple[int, Message]]) -> dict[int, dict[int, int]]:
    """For each port, the master of each channel that is a zone member at any time. `messages`: (port, message) by time."""
    zones, found = dict[int, Zones](), dict[int, dict[int, int]]()
    for port, message in messages:
        if message[0] & 0xF0 == CONTROL and message[1] in (DATA, RPN_LOW, RPN_HIGH, NRPN_LOW, NRPN_HIGH):
            zone = zones.setdefault(port, Zones())
            zone.receive(message)
            if message[1] == DATA:
                found.setdefault(port, {}).update({member: master for master in MASTERS for member in zone.members(master)})
    return found
