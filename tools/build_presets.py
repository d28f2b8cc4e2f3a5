"""Builds the shipped presets from isolated notes; tools/shipped.py says which, and from what.

    python tools/build_presets.py [--only NAME ...] [--out presets]

The same sources give the same bytes. Notes are rendered when they are first needed, and kept in build/notes.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # sums in one order; the processes share the cores

import numpy as np
from isolated_notes import isolated_notes
from shipped import INSTRUMENTS, Instrument, Sound
from sources import ROOT

from rtsep.preset import PITCHES, Preset, save_preset
from rtsep.training.combine import stack
from rtsep.training.fill import fill, fill_range
from rtsep.training.isolated import Notes, Templates, train

PROCESSES = 2


def learn(sound: Sound) -> Templates:
    """Templates of one sound."""
    audio, rate, notes = isolated_notes(sound)
    return train(Notes(audio, float(rate), notes["onset_s"], notes["offset_s"], notes["pitch"].astype(np.int64),
                       notes["velocity"].astype(np.int64)))


def learn_all(sounds: set[Sound]) -> dict[Sound, Templates]:
    """Templates of every sound, by several processes; tells what is done."""
    started, learnt = time.perf_counter(), {}
    with ProcessPoolExecutor(PROCESSES) as pool:
        jobs = {pool.submit(learn, sound): sound for sound in sorted(sounds, key=lambda sound: sound.name)}
        for job in as_completed(jobs):
            learnt[jobs[job]] = job.result()
            print(f"{len(learnt)} of {len(sounds)} sounds, {time.perf_counter() - started:.0f} s: {jobs[job].name}", flush=True)
    return learnt


def build(instrument: Instrument, learnt: list[Templates]) -> Preset:
    """One preset with the rows of all sounds; pitches in its range that the collection left silent are filled."""
    templates = stack(learnt)
    missing = fill_range(np.unique(templates.row_pitch), min(instrument.pitches), max(instrument.pitches))
    whole, filled = fill(templates, missing), np.isin(np.arange(PITCHES), missing)
    return Preset(
        instrument.name, instrument.title, whole.sample_rate, whole.framing.window_size, whole.framing.overlap, whole.W,
        whole.row_pitch, whole.row_role, whole.release_s, whole.decay_s, instrument.provenance, filled=filled,
        programs=instrument.programs,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [instrument.name for instrument in INSTRUMENTS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME",
                        help="build this preset alone; can be given several times: " + ", ".join(names))
    parser.add_argument("--out", type=Path, default=ROOT / "presets", help="where to write (default: %(default)s)")
    arguments = parser.parse_args()
    chosen = [instrument for instrument in INSTRUMENTS if instrument.name in (arguments.only or names)]
    learnt = learn_all({sound for instrument in chosen for sound in instrument.sounds})
    for instrument in chosen:
        preset = build(instrument, [learnt[sound] for sound in instrument.sounds])
        path = arguments.out / f"{preset.name}.npz"
        save_preset(preset, path)
        print(f"{path}: {len(preset.W)} rows, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
