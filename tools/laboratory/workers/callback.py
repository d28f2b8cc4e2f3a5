"""Plays a JACK client while another Python thread is busy: python callback.py native|python idle|spinning|garbage SECONDS

It prints as JSON the number of blocks, the number of late ones, and the longest, as a share of a block's duration. It is a
separate process, so that each cell of the table starts fresh. Both callbacks run the same machine code for the engine.
"""

import gc
import json
import os
import sys
import threading
import time

import numpy as np

RATE, NOTES = 44100, range(48, 58)


def load(kind: str, stop: threading.Event) -> None:
    """The work of another Python thread meanwhile."""
    while not stop.is_set():
        if kind == "spinning":
            sum(range(1000))
        elif kind == "garbage":
            [{"next": [i]} for i in range(100_000)]
            gc.collect()
        else:
            stop.wait(0.1)


def separator():
    """The engine with its defaults, for ten held notes."""
    from rtsep.engine.separator import Separator
    from rtsep.hosts.lanes import CAPACITY
    from rtsep.notes.routing import by_split
    from rtsep.presets.library import find_preset
    from rtsep.presets.preset import load_preset

    found = Separator(load_preset(find_preset("piano")), by_split(None, 53))
    found.prepare(RATE, 2, CAPACITY)
    return found


def play_native(seconds: float, begin: threading.Thread) -> dict:
    """Play through the callback of `rtsep live --jack`."""
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
    """Play through JACK-Client's callback in Python; a block is late by JACK's own clock."""
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


def main(way: str, kind: str, seconds: str) -> None:
    """Measure one cell of the table, and print the counts."""
    stop = threading.Event()
    busy = threading.Thread(target=load, args=(kind, stop), daemon=True)
    found = (play_native if way == "native" else play_python)(float(seconds), busy)
    stop.set()
    print(json.dumps(found), flush=True)
    os._exit(0)  # a server that has disconnected this client would block its exit


if __name__ == "__main__":
    main(*sys.argv[1:])
