"""What page and OSC cost the engine: `python tests/remote_load.py` plays `rtsep live` on JACK, with a crowd and without.

The crowd: three pages that look at the picture and move faders, OSC at 30 messages a second with a subscriber, and a page that
reads nothing. Phases with and without it take turns. `--memory` plays an hour of views, as fast as it goes, without a device.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import aiohttp
import numpy as np
from jack_clients import Instrument
from jack_server import JackServer
from pythonosc.osc_message_builder import build_msg

RATE, PORT, OSC_PORT = 48000, 8911, 8912
OSC_RATE, SET_RATE, PAGES = 30, 10, 3  # Messages of OSC a second, settings of each page a second, pages.
GROWTH_MB = 2.0  # Memory may grow by so much from the first quarter of an hour to the last: none of it by what is kept.


# --- the crowd ---


async def page(session, key, number, delays, end):
    """Look, move a fader, and measure how long it takes until this page is told by rtsep."""
    async with session.ws_connect(f"http://127.0.0.1:{PORT}/live?key={key}") as ws:
        await ws.send_json({"watch": ["mix", "high"]})
        sent = {}

        async def move():
            turn = 0
            while not end.is_set():
                turn += 1
                value = round(-1 - number / 10 - turn % 50, 1)
                sent[value] = time.monotonic()
                await ws.send_json({"set": f"gain_db.{('low', 'high', 'residual')[number]}", "value": value})
                await asyncio.sleep(1 / SET_RATE)
            await ws.close()

        mover = asyncio.ensure_future(move())
        async for message in ws:
            if message.type == aiohttp.WSMsgType.TEXT:
                for target, reading in message.json().get("values", {}).items():
                    if target.startswith("gain_db") and reading["value"] in sent:
                        delays.append(time.monotonic() - sent.pop(reading["value"]))
        await mover


async def pad(end):
    """OSC at a steady rate, and a subscription."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as wire:
        wire.bind(("127.0.0.1", 0))
        wire.setblocking(False)
        wire.connect(("127.0.0.1", OSC_PORT))
        wire.send(build_msg("/rtsep/subscribe", [wire.getsockname()[1], 20.0]).dgram)
        turn = 0
        while not end.is_set():
            turn += 1
            wire.send(build_msg("/rtsep/wet", [turn % 10 / 10]).dgram)
            with contextlib.suppress(BlockingIOError):
                while wire.recv(4096):
                    pass
            await asyncio.sleep(1 / OSC_RATE)


async def deaf(key, end):
    """Pages that read nothing, one after the other: rtsep gives each up."""
    request = (f"GET /live?key={key} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    with socket.create_connection(("127.0.0.1", PORT)) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.sendall(request.encode())
        await end.wait()


async def crowd(key, seconds, delays):
    """All of them, for this long."""
    end = asyncio.Event()
    async with aiohttp.ClientSession() as session:
        everybody = [page(session, key, number, delays, end) for number in range(PAGES)] + [pad(end), deaf(key, end)]
        tasks = [asyncio.ensure_future(each) for each in everybody]
        await asyncio.sleep(seconds)
        end.set()
        await asyncio.gather(*tasks)


# --- side by side ---


class Program:
    """`rtsep live` on JACK, and its last status."""

    def __init__(self, environment, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rtsep", "live", "--jack", "--inputs", "1", "--json", "--mode", "live", "--by", "split",
             "--remote", "--remote-port", str(PORT), "--osc", str(OSC_PORT)],
            env={**environment, "PYTHONUNBUFFERED": "1", "XDG_CONFIG_HOME": str(folder)}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=folder)
        self.key = self.process.stderr.readline().strip().partition("#")[2]
        self.status = {}
        threading.Thread(target=self._read, daemon=True).start()
        while self.status.get("state") != "playing" or self.status["counters"]["blocks"] < 1000:
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.05)

    def _read(self):
        for line in self.process.stdout:
            self.status = json.loads(line)

    def seconds_of_work(self):
        """Processor time of all its threads so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def counted(self, work):
        """What a phase has added to its counters, while `work` is done; and the worst load of its last seconds."""
        time.sleep(1.1)  # A status of before the phase must not count.
        before, spent, began = self.status["counters"], self.seconds_of_work(), time.monotonic()
        work()
        time.sleep(1.1)
        after, share = self.status["counters"], (self.seconds_of_work() - spent) / (time.monotonic() - began)
        return {name: after[name] - before[name] for name in ("blocks", "late_blocks", "late_by_work", "xruns")} | {
            "load": self.status["load"], "worst_work": self.status["peak_work"], "cores": share}


def side_by_side(seconds, rounds, period):
    """Print what every phase has counted; gives the blocks late by their own work, without and with the crowd."""
    with tempfile.TemporaryDirectory() as text:
        folder, delays = Path(text), []
        server = JackServer(folder / "jackd.log", period=period).start()
        os.environ.update({name: server.environment[name] for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER")})
        noise = (0.1 * np.random.default_rng(1).standard_normal(10 * RATE)).astype(np.float32)
        notes = {at * RATE // 4: (0x90 if at % 2 else 0x80, 40 + at % 40, 90) for at in range(40)}
        program = Program(server.environment, folder)
        late = {"without": 0, "with": 0}
        try:
            with Instrument(noise, notes):
                for _ in range(rounds):
                    for name, work in (("without", lambda: time.sleep(seconds)),
                                       ("with", lambda: asyncio.run(crowd(program.key, seconds, delays)))):
                        found = program.counted(work)
                        late[name] += found["late_by_work"]
                        print(f"{name:8} {found['blocks']} blocks of {period}, late {found['late_blocks']}, late by own work "
                              f"{found['late_by_work']}, xruns {found['xruns']}, load {found['load']:.3f}, worst by own work "
                              f"{found['worst_work']:.3f}, whole program {found['cores']:.3f} cores", flush=True)
        finally:
            program.process.kill()
            program.process.wait()
            server.stop()
    ms = sorted(1000 * delay for delay in delays)
    print(f"{len(ms)} changes were told after {statistics.median(ms):.0f} ms (median), {ms[int(0.95 * len(ms))]:.0f} ms "
          f"(95 %), {ms[-1]:.0f} ms (all)")
    return late


# --- memory ---


def memory(minutes):
    """Print the memory of every tenth of the simulated time; gives by how many MB the last quarter has more than the first."""
    from conftest import SMALL, make_preset, prepared, two_parts
    from native_callback import warmed
    from remote_served import KEYS, Served

    from rtsep.hosts.computer import resident_bytes
    from rtsep.hosts.controls import Controls
    from rtsep.hosts.lanes import CAPACITY, MIX
    from rtsep.hosts.notewatch import NoteWatch
    from rtsep.hosts.player import Player

    preset = make_preset()
    separator = prepared(preset, two_parts(), SMALL, 1, max_block=CAPACITY)
    controls, watch = Controls(Path("nowhere.json"), {}), NoteWatch(None, preset.pitches)
    player = Player(separator, warmed(separator, [(MIX, 0)]), controls, watch, 2)
    ticks, found = round(minutes * 60 * 20), []

    async def look(session, served, end):
        async with session.ws_connect(served.url(KEYS.full)) as ws:
            await ws.send_json({"watch": ["mix"]})
            async for _message in ws:
                if end.is_set():
                    return

    async def use(served):
        end = asyncio.Event()
        async with aiohttp.ClientSession() as session:
            lookers = [asyncio.ensure_future(look(session, served, end)) for _ in range(PAGES)]
            with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as wire:
                wire.connect(("127.0.0.1", served.osc_port))
                for tick in range(ticks):
                    if tick % 200 == 0:  # A page comes and goes, and another one changes something.
                        async with session.ws_connect(served.url()) as ws:
                            await ws.receive()
                            await ws.send_json({"set": "gain_db.left", "value": -float(tick % 37)})
                            await ws.send_json({"press": "panic"})
                    wire.send(build_msg("/rtsep/stem/right/gain", [-float(tick % 61)]).dgram)
                    served.turn.set()
                    await asyncio.sleep(0.0005)
                    if tick % (ticks // 20) == 0:
                        gc.collect()
                        found.append(resident_bytes() / 1e6)
                        print(f"minute {tick / 1200:5.1f}: {found[-1]:.1f} MB", flush=True)
            end.set()
            await asyncio.gather(*lookers)

    with Served(player) as served:
        asyncio.run(use(served))
    quarter = len(found) // 4
    return statistics.mean(found[-quarter:]) - statistics.mean(found[quarter : 2 * quarter])


def main():
    """Exit code 1 if page and OSC make blocks late, or if memory grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each phase")
    parser.add_argument("--rounds", type=int, default=2, help="phases without and with the crowd")
    parser.add_argument("--period", type=int, default=128, help="of the JACK server, in samples")
    parser.add_argument("--memory", type=float, metavar="MINUTES", help="simulate so many minutes instead")
    given = parser.parse_args()
    if given.memory:
        grown = memory(given.memory)
        print(f"memory grew by {grown:.2f} MB")
        sys.exit(grown > GROWTH_MB)
    late = side_by_side(given.seconds, given.rounds, given.period)
    print(f"late by their own work: {late['without']} without, {late['with']} with")
    sys.exit(late["with"] > late["without"])


if __name__ == "__main__":
    main()
