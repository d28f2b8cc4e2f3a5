"""Builds the shipped presets from isolated notes; tools/laboratory/shipped.py lists them and their sources.

    python tools/build_presets.py [--only NAME ...] [--without COLLECTION] [--out presets] [--notes]

The same sources give the same bytes. Notes are rendered when they are first needed, and kept in build/notes; --notes only
renders them.
"""

import argparse
import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # sums have one order, and the processes share the cores

import numpy as np
from laboratory.blended import WAYS
from laboratory.isolated_notes import isolated_notes
from laboratory.shipped import INSTRUMENTS, KIT_SPARSITY, Instrument, Sound
from laboratory.study import ROOT, run_tool
from laboratory.without import WITHOUT, presets_without

from rtsep.presets.preset import PITCHES, Preset, save_preset
from rtsep.training.drums import choke_groups, train_drums
from rtsep.training.fill import fill, fill_range
from rtsep.training.isolated import Notes, Settings, Templates, train
from rtsep.training.learn import DRUMS_HANDICAP, DRUMS_HOLD_S, NOTES_AT_ONCE, ROWS_AT_EASE

PROCESSES = 2
"""This many sounds are processed at a time."""
HITS = Settings(templates=3, stage_ends_s=(0.05, 0.3))
"""Drums change faster than strings."""
STAGES_LEVELS = 1
"""Two kits with four stages each give as many rows as a pitch can have, so hits of all levels share them."""
STAGES_PREDICTION = 0.03
"""This weight of expected levels is enough to hold off the background; more harms, since kits differ.

Figures: docs/measurements/drums.md.
"""
FADED_DB = 40.0
"""A hit counts as audible until it has fallen by this many dB."""


def learn(sound: Sound) -> Templates:
    """Templates of one sound."""
    audio, rate, notes = isolated_notes(sound)
    if sound.drums:
        notes["offset_s"] = notes["onset_s"] + ringing_s(audio, rate, notes["onset_s"], sound.note_s)
    given = Notes(audio, float(rate), notes["onset_s"], notes["offset_s"], notes["pitch"].astype(np.int64),
                  notes["velocity"].astype(np.int64))
    learnt = train(given, HITS if sound.drums else None)
    if sound.stages:
        learnt = replace(train_drums(given, levels=STAGES_LEVELS), envelope_db=learnt.envelope_db)
    return let_ring(learnt, notes) if sound.drums else learnt


def ringing_s(audio: np.ndarray, rate: int, onset_s: np.ndarray, longest_s: float) -> np.ndarray:
    """How long each hit is audible, in s: until it finally stays FADED_DB below its loudest 10 ms."""
    step, steps = rate // 100, round(100 * longest_s)
    starts = np.round(onset_s * rate).astype(int)
    levels = np.stack([(audio[start : start + steps * step].reshape(steps, step) ** 2).mean(axis=1) for start in starts])
    heard = levels > 10 ** (-FADED_DB / 10) * levels.max(axis=1, keepdims=True)
    return np.where(heard.any(axis=1), steps - np.argmax(heard[:, ::-1], axis=1), 0) / 100


def let_ring(learnt: Templates, notes: np.ndarray) -> Templates:
    """The preset with releases as long as the longest hit of each drum, since note-offs have no meaning for drums."""
    release = np.zeros(PITCHES, np.float32) if learnt.row_age_s is None else learnt.release_s.copy()
    np.maximum.at(release, notes["pitch"], (notes["offset_s"] - notes["onset_s"]).astype(np.float32))
    return replace(learnt, release_s=release)


def learn_all(sounds: set[Sound]) -> dict[Sound, Templates]:
    """Templates of every sound, made by several processes; prints what is done."""
    started, learnt = time.perf_counter(), {}
    for sound in sounds:
        if sound.drums:
            isolated_notes(sound)  # rendered before the processes begin, since two presets use the same hits
    with ProcessPoolExecutor(PROCESSES) as pool:
        jobs = {pool.submit(learn, sound): sound for sound in sorted(sounds, key=lambda sound: (sound.name, sound.stages))}
        for job in as_completed(jobs):
            learnt[jobs[job]] = job.result()
            print(f"{len(learnt)} of {len(sounds)} sounds, {time.perf_counter() - started:.0f} s: {jobs[job].name}", flush=True)
    return learnt


def build(instrument: Instrument, learnt: Mapping[Sound, Templates]) -> Preset:
    """One preset with the rows of all sounds; pitches in its range that the collections do not have are filled."""
    makers, kin = ([learnt[sound] for sound in sounds] for sounds in (instrument.sounds, instrument.kin))
    played = np.unique(np.concatenate([each.row_pitch for each in makers or kin]))
    missing = fill_range(played, min(instrument.pitches), max(instrument.pitches))
    templates = WAYS[instrument.way](makers, kin)
    whole, filled = fill(templates, np.setdiff1d(missing, templates.row_pitch)), np.isin(np.arange(PITCHES), missing)
    rows = int(np.bincount(whole.row_pitch).max())
    defaults = {"max_open_rows": NOTES_AT_ONCE * rows} if rows > ROWS_AT_EASE else {}
    one_frame = any(sound.drums and not sound.stages for sound in instrument.sounds)
    if one_frame:
        defaults["background_handicap"] = KIT_SPARSITY
    preset = Preset(
        instrument.name, instrument.title, whole.sample_rate, whole.framing.window_size, whole.framing.overlap, whole.W,
        whole.row_pitch, whole.row_role, whole.release_s, whole.decay_s, instrument.provenance, filled=filled,
        defaults=defaults, programs=instrument.programs, envelope_db=None if one_frame else whole.envelope_db,
    )
    return preset if whole.row_age_s is None else with_stages(preset, whole.row_age_s)


def with_stages(preset: Preset, row_age_s: np.ndarray) -> Preset:
    """The preset with ages at which its rows are open, hi-hats that choke each other, and suitable parameters."""
    own = {"window_samples": preset.window_size, "background_handicap": DRUMS_HANDICAP, "adapt_hold_s": DRUMS_HOLD_S,
           "prediction": STAGES_PREDICTION}
    return replace(preset, row_age_s=row_age_s, choke=choke_groups(), defaults={**preset.defaults, **own})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [instrument.name for instrument in INSTRUMENTS]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME",
                        help="build only this preset; can be given several times: " + ", ".join(names))
    parser.add_argument("--without", choices=WITHOUT, metavar="COLLECTION",
                        help="leave out the sounds of one of these, to measure with them; builds only presets with them: "
                             + ", ".join(WITHOUT))
    parser.add_argument("--out", type=Path, help="where to write (default: presets; with --without a folder in build)")
    parser.add_argument("--notes", action="store_true", help="render the isolated notes, and build no preset")
    arguments = parser.parse_args()
    chosen = [instrument for instrument in INSTRUMENTS if instrument.name in (arguments.only or names)]
    folder = arguments.out or (presets_without(arguments.without) if arguments.without else ROOT / "presets")
    if arguments.without:
        chosen = [instrument.without(arguments.without) for instrument in chosen if arguments.without in instrument.collections]
        chosen = [instrument for instrument in chosen if instrument.all_sounds]
        folder.mkdir(parents=True, exist_ok=True)
    if arguments.notes:
        for sound in dict.fromkeys(sound for instrument in chosen for sound in instrument.all_sounds):
            audio, rate, notes = isolated_notes(sound)
            print(f"{sound.name}: {len(notes)} notes, {len(audio) / rate:.1f} s")
        return
    learnt = learn_all({sound for instrument in chosen for sound in instrument.all_sounds})
    for instrument in chosen:
        preset = build(instrument, learnt)
        path = folder / f"{preset.name}.npz"
        save_preset(preset, path)
        print(f"{path}: {len(preset.W)} rows, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    run_tool(main)
