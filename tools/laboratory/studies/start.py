"""The time from `rtsep live SETUP` to the first sound, with everything compiled."""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from laboratory.report import table
from laboratory.studies.live import ENVIRONMENT, start_server
from laboratory.study import ROOT, Given, MissingError, Table, need_module, need_program, option, study

PERIOD, WAIT_S = 256, 120.0  # The server's block, in samples; a start that takes more than this many seconds has failed.
LOUD = 1e-4  # The first sample of at least this magnitude is the first sound.
PLAYED = f'jack = true\nplay = "{ROOT / "presets" / "demo" / "mix.flac"}"\n'
TWO_HANDS = f'{PLAYED}by = "split"\n[parameters]\nmode = "{{}}"\n'
SETUPS = {
    "one instrument, mode live": f'{PLAYED}[parameters]\nmode = "live"\n',
    "two hands, mode live": TWO_HANDS.format("live"),
    "two hands, mode instant": TWO_HANDS.format("instant"),
    "a set list of six presets": TWO_HANDS.format("live") + "".join(
        f'[[scene]]\npreset = "{name}"\n' for name in ("piano", "organ", "violin", "cello", "flute", "trombone")),
}


class Listener:
    """A JACK client that is connected to the mix as soon as that exists; `first_s`: the time of the first sound."""

    def __init__(self) -> None:
        import jack

        self._client = jack.Client("listener", no_start_server=True)
        self._port = self._client.inports.register("in")
        self._heard = threading.Event()
        self.first_s, self._connected = 0.0, False
        self._client.set_process_callback(self._process)

    def _process(self, _frames: int) -> None:
        if self._connected and not self._heard.is_set() and abs(self._port.get_array()).max() >= LOUD:
            self.first_s = time.monotonic()
            self._heard.set()

    def __enter__(self) -> "Listener":
        self._client.activate()
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.deactivate()
        self._client.close()

    def wait(self, process: subprocess.Popen) -> bool:
        """Wait for the first sound of the program; False if it ends, or makes no sound."""
        from jack import JackError

        ends_s = time.monotonic() + WAIT_S
        while not self._heard.wait(0.002) and time.monotonic() < ends_s and process.poll() is None:
            if not self._connected and self._client.get_ports("rtsep:mix_1"):
                with suppress(JackError):  # Its ports exist before it is active.
                    self._client.connect("rtsep:mix_1", "listener:in")
                    self._connected = True  # Before that, a port can contain anything.
        return self._heard.is_set()


def processor_s(pid: int) -> float:
    """The processor time of a process so far, in seconds, over all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start(setup: Path, environment: dict) -> dict[str, float]:
    """Start once: seconds, and processor time, from the command to the first sound."""
    with Listener() as listener:
        begun_s = time.monotonic()
        command = [sys.executable, "-m", "rtsep", "live", str(setup), "--no-ui"]
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as process:
            try:
                heard = listener.wait(process)
                spent_s = processor_s(process.pid) if heard else 0.0
            finally:
                process.send_signal(signal.SIGINT)
            told = process.communicate()[1]
        if not heard:
            raise MissingError(f"rtsep live made no sound: {told.strip()}")
        return {"wall_s": listener.first_s - begun_s, "processor_s": spent_s}


@study("start", option("--runs", type=int, default=5, metavar="N", help="starts of each set-up (default: %(default)s)"),
       page="docs/measurements/start.md", takes=())
def study_start(given: Given) -> list[Table]:
    """The time from `rtsep live SETUP` to the first sound, with everything compiled: in seconds, and in processor time.

    A recording plays from the set-up into JACK with the dummy driver. The first start of each set-up, which can compile, does
    not count. It needs jackd and JACK-Client, on Linux.
    """
    need_program("jackd", "apt-get install jackd2")
    need_module("jack", "pip install JACK-Client")
    environment, rows = {**os.environ, **ENVIRONMENT}, list[dict[str, Any]]()
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        server = start_server(PERIOD, log, environment, realtime=False)
        try:
            for name, text in SETUPS.items():
                setup = Path(folder) / "setup.toml"
                setup.write_text(text, encoding="utf-8")
                start(setup, environment)
                rows += [{"setup": name, "run": run, **start(setup, environment)} for run in range(given["runs"])]
        finally:
            server.kill()
            server.wait()
    lines = [[name, *(_told([row[measure] for row in rows if row["setup"] == name]) for measure in ("wall_s", "processor_s"))]
             for name in SETUPS]
    return [Table("start", table(["set-up", "to the first sound, s", "processor time, s"], lines), rows)]


def _told(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
