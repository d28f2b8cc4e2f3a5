"""The soak of `tests/soak.py` on a real JACK server, in freewheel.

`python tests/soak_jack.py [--minutes M] [--seed S] [--speed X]`

`rtsep live --jack` plays the sound of another client; each sample of it tells its position. At random times the server is
killed or ended and comes back, clients and ports leave and come back, connections are cut, samples are skipped in real time,
and the disk is full. For the rest see `tests/soak.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from jack_clients import Keyboard
from jack_server import MISSING, JackServer
from pretended_card import RATE
from soak import asked, run, session
from soak_face import Soak
from soak_jack_tape import PERIOD, Tape
from soak_takes import Checked, check, check_take

from rtsep.hosts.jack import JackClient
from rtsep.hosts.jack_connections import Connections

FAULTS = {"device lost": 0.3, "client lost": 0.6, "port lost": 0.6, "connection cut": 0.6, "keyboard gone": 0.6, "xruns": 0.3}
SKIPPED_S = 0.2  # The tape stops for this many seconds, so that samples are skipped.


class JackSoak(Soak):
    """The face of the soak on JACK: it owns the tape, the keyboard and the server."""

    FAULTS = FAULTS

    def __init__(self, seed: int, minutes: float, speed: float, disk: Path, small: bool, server: JackServer) -> None:
        super().__init__(seed, minutes, Tape(seed, speed), disk, small)
        self._server, self._keys, self._connected = server, None, False

    def _meet(self, player) -> None:
        super()._meet(player)
        self.cards.lanes = player.lanes
        self._come()
        self._connect()

    def _come(self) -> None:
        """Tape and keyboard."""
        self.cards.come()
        self._keys = Keyboard().__enter__()

    def _leave(self) -> None:
        self.cards.leave()
        self._keys.__exit__()

    def _connect(self) -> None:
        """Connect what is not connected yet, as a user does."""
        self.cards.connect()

    def act(self, player) -> bool:
        goes_on = super().act(player)
        if not self._later and self._status.state == "playing":
            self.cards.hasten()
        if not goes_on:
            check(player.lanes.counters()["lost_heard"] == 0, "messages from JACK were lost")
            self.cards.calm()
            self._leave()
        return goes_on

    def _begin_fault(self, name: str) -> None:
        self.faults[name] += 1
        self._planned.pop(name, None)
        self.cards.calm()  # In freewheel, JACK does not always let clients come and go.
        soon = float(self._rng.uniform(0.05, 1.0))
        if name == "device lost":
            self._leave()
            self._server.stop(int(self._rng.choice([signal.SIGKILL, signal.SIGTERM])))
            self.cards.lost(time.monotonic())
            self._in(soon, self._restart)
            self._in(8.0, self._is_back)
        elif name == "client lost":
            self.cards.leave()
            self._in(soon, lambda: (self.cards.come(), self._connect()))
        elif name == "port lost":
            self.cards.drop_port()
            self._in(soon, lambda: (self.cards.add_port(), self._connect()))
        elif name == "connection cut":
            self.cards.cut(int(self._rng.integers(3)))
            self._in(soon, self._connect)
        elif name == "keyboard gone":
            self._keys.__exit__()
            self._in(soon, self._new_keyboard)
        elif name == "xruns":
            self.cards.slow_down(SKIPPED_S)
            self._in(1.0 + soon, lambda: None)

    def _restart(self) -> None:
        """Start the server and its other clients again; the program makes the connections."""
        self.cards.back(time.monotonic())
        self._server.start()
        self.cards.come()
        self._keys = Keyboard()
        self._keys.client.activate()

    def _is_back(self) -> None:
        check(self._status.state == "playing", "the server is back, and told:", self._status.state)
        check(self.cards.is_connected() and self._keys.client.midi_outports[0].is_connected_to("rtsep:midi_in"),
              "the server is back, and its connections are not")

    def _new_keyboard(self) -> None:
        self._keys = Keyboard().__enter__()

    def _check_take(self, report: dict) -> Checked:
        return check_take(report, self.cards.played, self.cards.check_gaps)

    def _check_place(self, report: dict, found: Checked) -> None:
        """Check what `check_gaps` does not see: the program reports a take as complete unless the disk is full."""
        check(report["warnings"] in ([], ["the disk is full"]), report["folder"], report["warnings"])


def main() -> int:
    """The command line. Returns 1 if something went wrong."""
    arguments = asked(__doc__)
    if MISSING or not shutil.which("jackd"):
        print(MISSING)
        return 2

    def play(folder: Path, disk: Path, small: bool) -> Soak:
        server = JackServer(folder / "jackd.log", PERIOD, RATE, f"rtsep-soak-{os.getpid()}")
        os.environ.update({name: server.environment[name] for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER")})
        server.start()
        try:
            face, connections = JackSoak(arguments.seed, arguments.minutes, arguments.speed, disk, small, server), Connections()
            return session(face, lambda _rescan: JackClient(2, connect=False, connections=connections), folder)
        finally:
            server.stop()

    return run(play)


if __name__ == "__main__":
    sys.exit(main())
