"""Separates sounds with the rtsep that it finds first.

It is a separate program, since it runs with any version of rtsep. Each pickle on standard input is a dict: presets (one for all
stems, a list of presets, or a list of General MIDI programs, for which this version chooses presets), names and table of the
routing, params, sound float32 [channel, sample], rate and events (EVENT). The answer is a pickle: the stems by name, with the
latency taken out.
"""

import os
import pickle
import sys

import numpy as np

BLOCK = 4096
"""Number of samples in a block."""


def separated(job):
    """The stems, each float32 [channel, sample]."""
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
    """The presets; for programs, those that this version chooses."""
    if not isinstance(presets, list) or not isinstance(presets[0], int):
        return presets
    from rtsep.presets.instruments import choose
    from rtsep.presets.wish import parse_wish

    return list(choose(parse_wish([]), routing, presets).presets)


def main():
    """Answer until standard input ends; all other output goes to standard error."""
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
