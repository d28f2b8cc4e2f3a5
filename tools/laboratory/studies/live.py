"""How often an audio callback is late while other Python threads are busy."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from typing import IO

from laboratory.report import table
from laboratory.study import ROOT, Given, MissingError, Table, need_module, need_program, study
from laboratory.workers.callback import RATE

WORKER = ROOT / "tools" / "laboratory" / "workers" / "callback.py"
PERIODS, LOADS, WAYS = (64, 128, 256), ("idle", "spinning", "garbage"), ("native", "python")
ENVIRONMENT = {"JACK_DEFAULT_SERVER": "rtsep-bench", "JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}


def start_server(period: int, log: IO[bytes], environment: dict, realtime: bool = True) -> subprocess.Popen:
    """Start a server that answers. A killed server keeps its name for a moment; then this tries again."""
    command = ["jackd", "--name", ENVIRONMENT["JACK_DEFAULT_SERVER"], *(["-R", "-P", "70"] if realtime else ["--no-realtime"]),
               "-d", "dummy", "-r", str(RATE), "-p", str(period), "-C", "2", "-P", "2"]
    for _ in range(10):
        server = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        while server.poll() is None:
            if subprocess.run(["timeout", "5", "jack_lsp"], env=environment, capture_output=True).returncode == 0:
                return server
            time.sleep(0.1)
        time.sleep(1)
    raise MissingError("jackd does not start with real-time scheduling here; give your user the right to it")


def measure(way: str, kind: str, period: int, seconds: float) -> dict:
    """Measure one cell with its own server, which reports how many of its cycles were not finished in time."""
    environment = {**os.environ, **ENVIRONMENT}
    with tempfile.TemporaryFile() as log:
        server = start_server(period, log, environment)
        try:
            cell = subprocess.run([sys.executable, WORKER, way, kind, str(seconds)], check=True, env=environment,
                                  stdout=subprocess.PIPE, text=True, timeout=60)
        finally:
            server.kill()
            server.wait()
        log.seek(0)
        unfinished = len(re.findall(rb"was not finished", log.read()))
    counted = json.loads(next(line for line in cell.stdout.splitlines() if line.startswith("{")))
    expected = round(seconds * RATE / period)
    missed = max(expected - counted["blocks"], 0) + counted["late"]
    return {**counted, "unfinished": unfinished, "expected": expected, "missed": missed}


@study("live", seconds=6.0, takes=("seconds",))
def live(given: Given) -> list[Table]:
    """How often an audio callback is late while other Python threads are busy: the native callback, and one in Python.

    Every cell of the table is a separate process on a JACK server with the dummy driver, which has a real clock and no sound
    card. --seconds is the time for each cell. It needs jackd with real-time scheduling, and JACK-Client.
    """
    need_program("jackd", "apt-get install jackd2")
    need_module("jack", "pip install JACK-Client")
    head = [f"{way}: {what}" for way in WAYS for what in ("missed of blocks", "longest", "JACK: unfinished")]
    lines, rows = [], []
    for period in PERIODS:
        for kind in LOADS:
            cells = [measure(way, kind, period, given.seconds) for way in WAYS]
            rows += [{"block": period, "meanwhile": kind, "way": way, **cell} for way, cell in zip(WAYS, cells, strict=True)]
            lines.append([str(period), kind, *(text for cell in cells for text in (
                f"{cell['missed']} of {cell['expected']}", f"{100 * cell['worst']:.0f} %", str(cell["unfinished"])))])
    return [Table("live", table(["block", "meanwhile", *head], lines, 2), rows)]
