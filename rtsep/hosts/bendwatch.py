"""Live: MPE zones (pedals and bends of a master channel count for its members), and one message about notes that are bent."""

from __future__ import annotations

from rtsep.notes.bends import BENT_CENTS, Bending
from rtsep.notes.messages import BEND, CONTROL, NOTE_ON, Message, is_kept
from rtsep.notes.zones import MASTERS, Zones


class _Port:
    """One port: its zones, its bends, and the keys that are down on each channel."""

    def __init__(self) -> None:
        self.zones = Zones()
        self.masters = dict[int, int]()
        self.bending = Bending(self.masters)
        self.down = dict[int, set[int]]()  # Channel: keys.

    def receive(self, message: Message) -> None:
        status, pitch, velocity = message
        keys = self.down.setdefault(status & 0x0F, set())
        if status & 0xF0 == NOTE_ON and velocity:
            keys.add(pitch)
        elif status & 0xF0 <= NOTE_ON:
            keys.discard(pitch)
        self.bending.receive(*message)
        if status & 0xF0 == CONTROL:
            self.zones.receive(message)
            self.masters.clear()
            self.masters.update({member: master for master in MASTERS for member in self.zones.members(master)})

    def cents(self, channel: int) -> float:
        """How many cents a note on `channel` is bent by."""
        master = self.masters.get(channel)
        return self.bending.channel(channel).cents + (0.0 if master is None else self.bending.channel(master).cents)


class BendWatch:
    """Zones and bends of all parts. Threads: the MIDI thread writes, the control thread calls `news`."""

    def __init__(self) -> None:
        self._ports = dict[int, _Port]()
        self._news = ""
        self._told = False

    def receive(self, part: int, message: Message) -> list[Message]:
        """Take a message. Returns it, and if it came to the master of a zone, the same for the members of the zone."""
        port = self._ports.setdefault(part, _Port())
        port.receive(message)
        status, number, value = message
        channels = (status & 0x0F, *port.zones.members(status & 0x0F))
        if not self._told and status & 0xF0 in (NOTE_ON, BEND):
            self._look(port, channels)
        if status & 0xF0 != CONTROL or not is_kept(status, number):
            return [message]
        return [(CONTROL | channel, number, value) for channel in channels]

    def _look(self, port: _Port, channels: tuple[int, ...]) -> None:
        for channel in channels:
            cents = port.cents(channel)
            if port.down.get(channel) and abs(cents) > BENT_CENTS and not self._told:
                self._told = True
                self._news = (f"notes on channel {channel + 1} are bent by {cents:+.0f} cents: templates stay at the written "
                              "pitch, so these notes separate less well")

    def news(self) -> str:
        """A message that the player has not seen yet, or ""."""
        told, self._news = self._news, ""
        return told
