"""Separates what it is given by the rtsep that it finds first.

A program of its own, for it runs with any version of rtsep. Each pickle of stdin is a dict: presets (one for all stems, a list
of them, or a list of General MIDI programs, for which this version chooses), names and table of the routing, params, sound
float32 [channel, sample], rate and events (EVENT). Its answer is a pickle: the stems by name, their latency taken out.
"""

import os
import pickle
import sys

import numpy as np

BLOCK = 4096
"""Samples of a block."""


def separated(job):
    """The stems, float32 [channel, sample] each."""
    import rtsep

    routing = type(rtsep.by_split(None, 60))(tuple(job["names"]), job["table"])
    separator = rtsep.Separator(presets_of(job["presets"], routing), routing, job["params"])
    sound, events = job["sound"], job["events"]
    separator.prepare(job["rate"], len(sound), BLOCK)
    latency, found = separator.latency, []
    sound = np.pad(sound, ((0, 0), (0, latency)))
    for begin in range(0, sound.shape[1], BLOCK):
        block = sound[:, begin : begin + BLOCK]
        due = events[(events["sample"] >= begin) & (events["sample"] < begin + block.shape[1])].copy()
        due["sample"] -= begin
        found.append(separator.process(block, due).stems.copy())
    return dict(zip(separator.stem_names, np.concatenate(found, axis=2)[:, :, latency:], strict=True))


def presets_of(presets, routing):
    """The presets; of programs what this version plays them with."""
    if not isinstance(presets, list) or not isinstance(presets[0], int):
        return presets
    from rtsep.presets.instruments import choose
    from rtsep.presets.wish import parse_wish

    return list(choose(parse_wish([]), routing, presets).presets)


def main():
    """Answer until stdin ends; what else is printed goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(separated(job), answers)
        answers.flush()


if __name__ == "__main__":
    main()
