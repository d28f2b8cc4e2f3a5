"""Builds the shipped presets from isolated notes; tools/instruments.py says which, and from what.

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
from instruments import INSTRUMENTS, Instrument, Sound
from isolated_notes import SAMPLE_RATE, isolated_notes
from sources import ROOT

from rtsep.preset import Preset, save_preset
from rtsep.training.isolated import Notes, Templates, train

PROCESSES = 2
SILENT = 1e-5  # a note with no higher sample is one that the collection does not have


def learn(sound: Sound) -> Templates:
    """Templates of one sound."""
    audio, rate, notes = isolated_notes(sound)
    notes = notes[loudness(audio, rate, notes) > SILENT]
    return train(Notes(audio, rate, notes["onset_s"], notes["offset_s"], notes["pitch"].astype(int)))


def loudness(audio: np.ndarray, rate: int, notes: np.ndarray) -> np.ndarray:
    """Highest sample of each note."""
    spans = zip(np.round(notes["onset_s"] * rate).astype(int), np.round(notes["offset_s"] * rate).astype(int), strict=True)
    return np.array([np.abs(audio[begin:end]).max() for begin, end in spans])


def learn_all(sounds: set[Sound]) -> dict[Sound, Templates]:
    """Templates of every sound, by several processes; tells what is done."""
    started, learnt = time.perf_counter(), {}
    with ProcessPoolExecutor(PROCESSES) as pool:
        jobs = {pool.submit(learn, sound): sound for sound in sorted(sounds, key=lambda sound: sound.name)}
        for job in as_completed(jobs):
            learnt[jobs[job]] = job.result()
            print(f"{len(learnt)} of {len(sounds)} sounds, {time.perf_counter() - started:.0f} s: {jobs[job].name}", flush=True)
    return learnt


def stack(instrument: Instrument, learnt: list[Templates]) -> Preset:
    """One preset with the rows of all; its notes ring as long as the longest of them."""
    pitches = np.concatenate([templates.row_pitch for templates in learnt])
    order = np.argsort(pitches, kind="stable")
    roles = [role for templates in learnt for role in templates.row_role]
    return Preset(
        instrument.name, instrument.title, float(SAMPLE_RATE), learnt[0].framing.window_size, learnt[0].framing.overlap,
        np.concatenate([templates.W for templates in learnt])[order], pitches[order], tuple(roles[i] for i in order),
        np.maximum.reduce([templates.release_s for templates in learnt]),
        np.maximum.reduce([templates.decay_s for templates in learnt]), instrument.provenance,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [instrument.name for instrument in INSTRUMENTS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME",
                        help="build this preset alone; can be given several times: " + ", ".join(names))
    parser.add_argument("--out", type=Path, default=ROOT / "presets", help="where to write (default: %(default)s)")
    arguments = parser.parse_args()
    chosen = [instrument for instrument in INSTRUMENTS if instrument.name in (arguments.only or names)]
    learnt = learn_all({sound for instrument in chosen for sound in instrument.sounds})
    for instrument in chosen:
        preset = stack(instrument, [learnt[sound] for sound in instrument.sounds])
        path = arguments.out / f"{preset.name}.npz"
        save_preset(preset, path)
        print(f"{path}: {len(preset.W)} rows, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
