"""Plays a separator of one size, and prints the cost of its hops or blocks, by the processor time of the thread.

It is a separate program, since it runs with the interpreter of any version of rtsep; it imports only public names. Each line of
standard input, a kind and a block as JSON (block 0: a hop), is a turn. The answer is a line of JSON: the median, the 99th
percentile and the worst block in µs, of this turn and of every block's least time so far.
"""

import json
import sys
import time
from importlib.resources import files

import numpy as np

SECONDS = 3.0
"""Every size plays this many seconds of sound in a turn."""
WHOLE = 2048
"""The sound of a turn is a multiple of this many samples: whole hops and whole blocks of every size."""
KINDS = {  # name: (parameters, channels, open templates, stems, sounding stems, sound, rate)
    "live": ({"mode": "live"}, 2, 10, 2, 2, "same", 44100),
    "live, 40 open": ({"mode": "live"}, 2, 40, 2, 2, "same", 44100),
    "live, 176 open": ({"mode": "live", "max_open_rows": 400}, 2, 176, 2, 2, "same", 44100),
    "live, apart": ({"mode": "live"}, 2, 10, 2, 2, "apart", 44100),
    "live, mono": ({"mode": "live"}, 1, 10, 2, 2, "same", 44100),
    "live, beside others": ({"mode": "live"}, 2, 10, 2, 2, "others", 44100),
    "live, mono, window 2048, hop 256": (
        {"mode": "live", "window_samples": 2048, "hop_samples": 256}, 1, 10, 2, 2, "same", 44100),
    "live, 96 kHz": ({"mode": "live"}, 2, 10, 2, 2, "same", 96000),
    "live, 1 stem": ({"mode": "live"}, 2, 10, 1, 1, "same", 44100),
    "live, 8 stems, 1 sounds": ({"mode": "live"}, 2, 10, 8, 1, "same", 44100),
    "live, 8 stems": ({"mode": "live"}, 2, 10, 8, 8, "same", 44100),
    "quality": ({"mode": "quality"}, 2, 10, 2, 2, "same", 44100),
    "instant": ({"mode": "instant"}, 2, 10, 2, 2, "same", 44100),
    "instant, 40 open": ({"mode": "instant"}, 2, 40, 2, 2, "same", 44100),
    "instant, apart": ({"mode": "instant"}, 2, 10, 2, 2, "apart", 44100),
    "instant, mono": ({"mode": "instant"}, 1, 10, 2, 2, "same", 44100),
    "instant, 1 stem": ({"mode": "instant"}, 2, 10, 1, 1, "same", 44100),
    "instant, 8 stems, 1 sounds": ({"mode": "instant"}, 2, 10, 8, 1, "same", 44100),
    "instant, 8 stems": ({"mode": "instant"}, 2, 10, 8, 8, "same", 44100),
    "instant, 30 stems, 5 sound": ({"mode": "instant"}, 2, 10, 30, 5, "same", 44100),
    "instant, 96 kHz": ({"mode": "instant"}, 2, 10, 2, 2, "same", 96000),
}


def sound_of(kind, channels, rate):
    """The bundled clip [channel, sample]: hands in the middle ("same"), apart in stereo, or with two tones beside them."""
    import soundfile

    clip = files("rtsep_presets").joinpath("demo")
    left, right = (soundfile.read(str(clip.joinpath(f"{name}.flac")), dtype="float32")[0][44100:]
                   for name in ("left_hand", "right_hand"))
    time_s = np.arange(left.size) / 44100
    if kind == "others":
        left = left + 0.1 * np.sin(2 * np.pi * 311.1 * time_s) + 0.07 * np.sin(2 * np.pi * 466.2 * time_s)
    sound = np.stack([0.9 * left + 0.3 * right, 0.3 * left + 0.9 * right] if kind == "apart" else [left + right] * 2)
    if rate != 44100:
        sound = np.stack([np.interp(np.arange(left.size) * 44100 / rate, np.arange(left.size), one) for one in sound])
    return sound[:channels].astype(np.float32)


def separator_of(name, block):
    """A separator of this kind with held notes, its entry and its sound."""
    import rtsep

    params, channels, rows, stems, sounding, kind, rate = KINDS[name]
    preset, table = rtsep.load_preset(rtsep.find_preset("grand-piano")), np.full((32, 16, 128), -1, np.int8)
    table[:stems] = np.arange(stems)[:, None, None]
    routing = type(rtsep.by_split(None, 60))(tuple(f"stem_{i}" for i in range(stems)), table)
    separator = rtsep.Separator(preset, routing, {"max_open_rows": max(rows, 64), **params})
    sound = sound_of(kind, channels, rate)
    separator.prepare(rate, channels, max(block, 16))
    chosen = np.linspace(0, len(preset.pitches) - 1, rows * len(preset.pitches) // len(preset.W)).round().astype(int)
    events = np.zeros(len(chosen), rtsep.EVENT)
    events["status"], events["data1"], events["data2"] = 0x90, np.asarray(preset.pitches)[chosen], 80
    events["part"] = np.arange(len(chosen)) % sounding
    separator.process(sound[:, :block], events)
    separator.process(sound[:, :block])
    return separator, getattr(separator, "_entry", None) or sys.modules[type(separator).__module__]._entry, sound


class Player:
    """Plays one kind in a loop, and keeps the least time of every block over its turns."""

    def __init__(self, name, block):
        self.separator, self.entry, sound = separator_of(name, block)
        self.block, self.rate, self.least = block, KINDS[name][6], np.inf
        self.sound = sound[:, : round(SECONDS * self.rate) // WHOLE * WHOLE]  # so a block has the same work in every turn

    def turn(self):
        """The times of all blocks, in µs."""
        prepared, block, clock = self.separator.prepared, self.block, time.thread_time_ns
        call, given, took = prepared.call, prepared.input, []
        address = call.ctypes.data
        call["frames"] = block
        for begin in range(0, self.sound.shape[1], block):
            given[:, :block] = self.sound[:, begin : begin + block]
            before = clock()
            self.entry(address)
            took.append(clock() - before)
        return np.array(took) / 1000

    def answer(self):
        """Play a turn; give its times and the least times."""
        now = self.turn()
        self.least = np.minimum(self.least, now)
        return {"turn": np.percentile(now, (50, 99, 100)).tolist(), "least": np.percentile(self.least, (50, 99, 100)).tolist(),
                "block": self.block, "rate": self.rate, "window": self.separator.framing.window_size}


def main():
    """Answer until standard input ends."""
    players = {}
    for line in sys.stdin:
        name, asked = json.loads(line)
        if (name, asked) not in players:
            if len(players) > 3:
                players.clear()
            players[name, asked] = Player(name, asked or separator_of(name, 16)[0].framing.hop)
            players[name, asked].turn()
        print(json.dumps(players[name, asked].answer()), flush=True)


if __name__ == "__main__":
    main()
