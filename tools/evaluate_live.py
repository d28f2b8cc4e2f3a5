"""How often an audio callback is late while other Python threads are busy: the native one, and the same engine in a Python one.

    python tools/evaluate_live.py [--seconds 6]     writes its table into docs/benchmarks.md; needs jackd and JACK-Client

Every cell of the table is a process of its own on a JACK server with the dummy driver, which has a real clock and no sound
card. Both callbacks run the same machine code for the engine.
"""

import argparse
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO

import numpy as np
from evaluate_report import fill_page
from sources import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
PERIODS, LOADS, WAYS = (64, 128, 256), ("idle", "spinning", "garbage"), ("native", "python")
RATE, NOTES = 44100, range(48, 58)
ENVIRONMENT = {"JACK_DEFAULT_SERVER": "rtsep-bench", "JACK_NO_START_SERVER": "1", "JACK_NO_AUDIO_RESERVATION": "1"}


def load(kind: str, stop: threading.Event) -> None:
    """What another Python thread does meanwhile."""
    while not stop.is_set():
        if kind == "spinning":
            sum(range(1000))
        elif kind == "garbage":
            [{"next": [i]} for i in range(100_000)]
            gc.collect()
        else:
            stop.wait(0.1)


def separator():
    """The engine as it is by default, with ten notes down."""
    from rtsep.engine.separator import Separator
    from rtsep.hosts.lanes import CAPACITY
    from rtsep.notes.routing import by_split
    from rtsep.presets.library import find_preset
    from rtsep.presets.preset import load_preset

    found = Separator(load_preset(find_preset("piano")), by_split(None, 53))
    found.prepare(RATE, 2, CAPACITY)
    return found


def play_native(seconds: float, begin: threading.Thread) -> dict:
    """Through the callback of `rtsep live --jack`."""
    from rtsep.hosts.jack import JackClient
    from rtsep.hosts.lanes import Lanes

    engine, backend = separator(), JackClient(2)
    lanes = Lanes(engine, RATE, backend.sources(engine.stem_names))
    for pitch in NOTES:
        lanes.send(0, 0, (0x90, pitch, 90))
    backend.start(lanes)
    begin.start()
    time.sleep(seconds)
    counters, meters = lanes.counters(), lanes.meters()
    return {"blocks": counters["blocks"], "late": counters["late_blocks"], "worst": float(meters.worst_load)}


def play_python(seconds: float, begin: threading.Thread) -> dict:
    """Through JACK-Client's callback in Python; late is what JACK's own clock calls late."""
    import jack

    from rtsep.notes.score import EVENT

    engine, client = separator(), jack.Client("rtsep", no_start_server=True)
    events = np.zeros(len(NOTES), EVENT)
    events["status"], events["data1"], events["data2"] = 0x90, list(NOTES), 90
    engine.process(np.zeros((2, 1), np.float32), events)
    ports_in = [client.inports.register(f"in_{c}") for c in range(2)]
    ports_out = [client.outports.register(f"out_{c}") for c in range(2)]
    shares: list[float] = []

    def process(frames: int) -> None:
        output = engine.process(np.stack([port.get_array() for port in ports_in]))
        for port, samples in zip(ports_out, output.mix, strict=True):
            port.get_array()[:] = samples
        shares.append(client.frames_since_cycle_start / frames)

    client.set_process_callback(process)
    client.activate()
    begin.start()
    time.sleep(seconds)
    found = list(shares)
    return {"blocks": len(found), "late": sum(share > 1 for share in found), "worst": max(found, default=0.0)}


def run_cell(way: str, kind: str, seconds: float) -> None:
    """One cell, in this process; prints what was counted."""
    stop = threading.Event()
    busy = threading.Thread(target=load, args=(kind, stop), daemon=True)
    found = (play_native if way == "native" else play_python)(seconds, busy)
    stop.set()
    print(json.dumps(found), flush=True)
    os._exit(0)  # a server that has thrown us out would keep us waiting


def start_server(period: int, log: IO[bytes], environment: dict) -> subprocess.Popen:
    """A server that answers. One that was killed keeps its name for a moment: then it is tried again."""
    command = ["jackd", "--name", ENVIRONMENT["JACK_DEFAULT_SERVER"], "-R", "-P", "70", "-d", "dummy", "-r", str(RATE),
               "-p", str(period), "-C", "2", "-P", "2"]
    for _ in range(10):
        server = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        while server.poll() is None:
            if subprocess.run(["timeout", "5", "jack_lsp"], env=environment, capture_output=True).returncode == 0:
                return server
            time.sleep(0.1)
        time.sleep(1)
    raise SystemExit("jackd does not start in real time here")


def measure(way: str, kind: str, period: int, seconds: float) -> dict:
    """One cell with a server of its own, which tells how many of its cycles were not finished in time."""
    environment = {**os.environ, **ENVIRONMENT}
    with tempfile.TemporaryFile() as log:
        server = start_server(period, log, environment)
        try:
            cell = subprocess.run([sys.executable, __file__, "--cell", way, kind, "--seconds", str(seconds)], check=True,
                                  env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
        finally:
            server.kill()
            server.wait()
        log.seek(0)
        unfinished = len(re.findall(rb"was not finished", log.read()))
    counted = json.loads(next(line for line in cell.stdout.splitlines() if line.startswith("{")))
    expected = round(seconds * RATE / period)
    missed = max(expected - counted["blocks"], 0) + counted["late"]
    return {**counted, "unfinished": unfinished, "expected": expected, "missed": missed}


def table(rows: list) -> str:
    """Markdown: one line per period and load, both ways side by side."""
    head = [f"{way}: {what}" for way in WAYS for what in ("missed of blocks", "longest", "JACK: unfinished")]
    lines = [f"| block | meanwhile | {' | '.join(head)} |", "| --: | --- |" + " --: |" * len(head)]
    for period, kind, cells in rows:
        parts = [f"{cell['missed']} of {cell['expected']} | {100 * cell['worst']:.0f} % | {cell['unfinished']}"
                 for cell in cells]
        lines.append(f"| {period} | {kind} | {' | '.join(parts)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0, help="per cell (default: %(default)s)")
    parser.add_argument("--cell", nargs=2, metavar=("WAY", "LOAD"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        run_cell(*arguments.cell, arguments.seconds)
        return
    rows = [(period, kind, [measure(way, kind, period, arguments.seconds) for way in WAYS])
            for period in PERIODS for kind in LOADS]
    fill_page(PAGE, {"live": table(rows)})
    print(table(rows))


if __name__ == "__main__":
    main()
