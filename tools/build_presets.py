"""Builds the shipped presets from isolated notes: grand-piano, gm-piano, and piano, which holds the rows of both.

    python tools/build_presets.py [--out presets]
"""

import argparse
from pathlib import Path

import numpy as np
from isolated_notes import isolated_notes
from sources import ROOT

from rtsep.preset import Preset, save_preset
from rtsep.training.isolated import Notes, train

MADE_BY = "python tools/build_presets.py"
SALAMANDER = {
    "source": "Salamander Grand Piano V3, npm packages @audio-samples/piano-velocity7 and -velocity12, version 1.0.5",
    "licence": "CC BY 3.0",
    "attribution": "Alexander Holm",
    "made_by": MADE_BY,
}
FLUIDR3 = {
    "source": "FluidR3 GM, program 1, Debian package fluid-soundfont-gm, played by fluidsynth",
    "licence": "MIT",
    "attribution": "Frank Wen",
    "made_by": MADE_BY,
}


def train_on(source: str, name: str, title: str, provenance: dict[str, str]) -> Preset:
    """The preset `name` from the isolated notes of `source`."""
    print(f"{name}: training on {source}", flush=True)
    sound, rate, notes = isolated_notes(source)
    learnt = train(Notes(sound, rate, notes["onset_s"], notes["offset_s"], notes["pitch"].astype(int)))
    return Preset(name, title, float(rate), learnt.framing.window_size, learnt.framing.overlap, learnt.W,
                  learnt.row_pitch, learnt.row_role, learnt.release_s, learnt.decay_s, provenance)


def stack(name: str, title: str, presets: list[Preset]) -> Preset:
    """One preset with the rows of all; its notes ring as long as the longest of them."""
    first = presets[0]
    pitches = np.concatenate([preset.row_pitch for preset in presets])
    order = np.argsort(pitches, kind="stable")
    roles = [role for preset in presets for role in preset.row_role]
    provenance = {
        key: "; ".join(dict.fromkeys(preset.provenance[key] for preset in presets)) for key in first.provenance
    }
    return Preset(
        name, title, first.sample_rate, first.window_size, first.overlap,
        np.concatenate([preset.W for preset in presets])[order], pitches[order], tuple(roles[i] for i in order),
        np.maximum.reduce([preset.release_s for preset in presets]),
        np.maximum.reduce([preset.decay_s for preset in presets]), provenance,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "presets", help="where to write (default: %(default)s)")
    out = parser.parse_args().out
    grand = train_on("salamander", "grand-piano", "Grand piano (Salamander)", SALAMANDER)
    general = train_on("fluidr3", "gm-piano", "General MIDI grand piano (FluidR3)", FLUIDR3)
    both = stack("piano", "Piano (grand and General MIDI, stacked)", [grand, general])
    for preset in (grand, general, both):
        path = out / f"{preset.name}.npz"
        save_preset(preset, path)
        print(f"{path}: {len(preset.W)} rows, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
