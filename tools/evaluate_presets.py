"""How well the shipped presets work: little duets with a piano, and drum grooves; prints tables of SDR in dB.

    python tools/evaluate_presets.py [--only NAME ...]

Every duet is rendered twice: by FluidR3, which the presets were learnt from, and by TimGM6mb (Debian package
timgm6mb-soundfont), whose instruments they have never heard. Both parts are equally loud, so that the mix itself has 0 dB.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from evaluate_data import HITS, SHARED, Piece, load_piece
from evaluate_drums import preset_of_hits
from evaluate_systems import MODES, oracle, play
from isolated_notes import DRUM_CHANNEL, SAMPLE_RATE, write_midi
from shipped import INSTRUMENTS, Instrument
from sources import NOTE, SOUNDFONT, fit, render_soundfont

from rtsep.measure import sdr_db
from rtsep.notes.routing import by_track
from rtsep.notes.score import read_midi
from rtsep.presets.library import find_preset
from rtsep.presets.preset import Preset, load_preset

FOREIGN = SOUNDFONT.parent / "TimGM6mb.sf2"
LIVE = MODES["live 512"]
DUET_S, BEAT_S, TAIL_S = 12.0, 0.5, 1.0
CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))  # semitones above middle C, each for two seconds
WHITE = (0, 2, 4, 5, 7, 9, 11)
LEVEL = 0.05  # RMS of each part
PARTNER = "gm-piano"
OTHERS = "other"  # the track of the drums that are neither kick, snare nor hi-hat


def accompaniment() -> np.ndarray:
    """Broken chords in quavers over a held bass note."""
    notes = []
    for bar in range(round(DUET_S / (4 * BEAT_S))):
        root, third, fifth = CHORDS[bar % len(CHORDS)]
        for quaver, step in enumerate((root - 12, root, third, fifth, third, fifth, third, root)):
            onset = (4 * bar + quaver / 2) * BEAT_S
            notes.append((onset, onset + (0.45 if quaver else 1.9), 60 + step, 64 if quaver else 74))
    return np.array(notes, NOTE)


def melody(pitches: set[int]) -> np.ndarray:
    """A random walk over the white keys around the middle of `pitches`; the same at every call."""
    rng = np.random.default_rng(7)
    scale = [pitch for pitch in sorted(pitches) if pitch % 12 in WHITE]
    lowest, highest = max(0, len(scale) // 2 - 10), min(len(scale) - 1, len(scale) // 2 + 10)
    notes, step, onset = [], len(scale) // 2, 0.0
    while onset < DUET_S - 2 * BEAT_S:
        length = rng.choice([0.5, 1, 1, 1.5, 2]) * BEAT_S
        notes.append((onset, onset + 0.95 * length, scale[step], rng.integers(56, 100)))
        step, onset = int(np.clip(step + rng.integers(-3, 4), lowest, highest)), onset + length
    return np.array(notes, NOTE)


def beat() -> np.ndarray:
    """A drummer's bar, again and again: hi-hat in quavers, kick, snare, and a tom or a cymbal at the end."""
    notes = []
    for onset in np.arange(0, DUET_S - BEAT_S, BEAT_S / 2):
        quaver = round(onset / BEAT_S * 2) % 8
        drums = {0: (36, 42), 2: (38, 42), 3: (36, 42), 4: (36, 42), 6: (38, 42), 7: (45, 46)}.get(quaver, (42,))
        notes += [(onset, onset + 0.1, drum, 70 + 10 * (quaver % 3)) for drum in drums]
    return np.array([*notes, (0.0, 0.1, 49, 90), (DUET_S / 2, DUET_S / 2 + 0.1, 51, 90)], NOTE)


def duet(instrument: Instrument, soundfont: Path, folder: Path) -> Piece:
    """The instrument and a piano, as `soundfont` plays them."""
    middle = sorted(instrument.pitches)[len(instrument.pitches) // 2]
    sound = next(sound for sound in instrument.sounds if middle in sound.pitches)
    mine = beat() if sound.drums else melody(instrument.pitches)
    parts = [(mine, sound.program, DRUM_CHANNEL if sound.drums else 0), (accompaniment(), 0, 1)]
    truths = {}
    for name, part in zip(("track_1", "track_2"), parts, strict=True):
        write_midi(folder / "part.mid", [part])
        audio = fit(render_soundfont(folder / "part.mid", soundfont), round((DUET_S + TAIL_S) * SAMPLE_RATE))
        truths[name] = (audio * (LEVEL / np.sqrt((audio**2).mean())))[None]
    write_midi(folder / "duet.mid", parts)
    return Piece(instrument.name, "duets", "extra", SAMPLE_RATE, truths, read_midi(folder / "duet.mid"))


def figures(piece: Piece, presets: Preset | list[Preset]) -> dict[str, list[float]]:
    """SDR of every stem: nothing done, our engine live with 512 samples of latency, oracle."""
    ours = play(piece.mix, piece.sample_rate, piece.score, presets, by_track(piece.score), LIVE)
    systems = {"mix": dict.fromkeys(piece.truths, piece.mix), "rtsep": ours, "oracle": oracle(piece, LIVE)}
    return {name: [sdr_db(stems[stem], truth) for stem, truth in piece.truths.items()] for name, stems in systems.items()}


def show_duets(chosen: list[Instrument]) -> None:
    """A line for each instrument: SDR of the instrument in its duet."""
    print("| preset | heard in training: rtsep | oracle | never heard: rtsep | oracle |\n|---|---|---|---|---|")
    partner = load_preset(find_preset(PARTNER))
    with tempfile.TemporaryDirectory() as folder:
        for instrument in chosen:
            presets = [load_preset(find_preset(instrument.name)), partner]
            found = [figures(duet(instrument, font, Path(folder)), presets) for font in (SOUNDFONT, FOREIGN)]
            cells = [f"{result[system][0]:.1f}" for result in found for system in ("rtsep", "oracle")]
            print(f"| `{instrument.name}` | {' | '.join(cells)} |", flush=True)


def show_grooves(folder: Path) -> None:
    """A line for each groove and preset: SDR of every drum; with `drum-kit` also when the notes of all drums are told."""
    print("\n| groove | preset | mix | rtsep | oracle |\n|---|---|---|---|---|")
    kit, own = load_preset(find_preset("drum-kit")), preset_of_hits(folder / HITS)
    for groove in sorted(path.parent for path in folder.glob("*/drums.mid")):
        piece = load_piece(groove, "drums")
        show_groove(piece, kit)
        show_groove(piece, own)
        if "residual" in piece.truths:
            truths = {OTHERS if stem == "residual" else stem: truth for stem, truth in piece.truths.items()}
            show_groove(replace(piece, truths=truths, score=read_midi(groove / "drums.mid")), kit)


def show_groove(piece: Piece, preset: Preset) -> None:
    """One line."""
    cells = [" / ".join(f"{value:.1f}" for value in values) for values in figures(piece, preset).values()]
    print(f"| {piece.name}: {', '.join(piece.truths)} | {preset.name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    judged = [instrument for instrument in INSTRUMENTS if instrument.programs and instrument.name != "piano"]
    parser.add_argument("--only", action="append", choices=[each.name for each in judged], metavar="NAME",
                        help="this preset alone; can be given several times: " + ", ".join(each.name for each in judged))
    arguments = parser.parse_args()
    show_duets([each for each in judged if not arguments.only or each.name in arguments.only])
    if (SHARED / "drums" / HITS).is_dir() and "drum-kit" in (arguments.only or ["drum-kit"]):
        show_grooves(SHARED / "drums")


if __name__ == "__main__":
    main()
