#!/usr/bin/env python3
"""Makes the listening examples of the site, eight seconds of the bundled clip as MP3, and writes their SDR to figures.json.

        python tools/build_sounds.py --out FOLDER       # takes about ten seconds; the site's build calls it
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from rtsep import Separator, by_track, find_preset, load_preset, read_midi
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.measure import oracle_stems, sdr_db
from rtsep.notes.score import Score
from rtsep.training.groups import separate_groups
from rtsep.windows import choose_framing

BEGIN_S, END_S = 8.0, 16.0
"""Where the excerpt begins and ends, in seconds of the clip."""
FADE_S = 0.02
"""The excerpt is faded in and out over this many seconds."""
SPLIT_HZ, WIDTH_OCTAVES = 261.6, 0.1
"""The split filter divides the sound at C4, with a transition of this many octaves."""
MP3 = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE", "compression_level": 0.6}
"""Settings for writing the sounds, as soundfile takes them."""
Floats = np.ndarray


def engine(preset: str, params: dict) -> Callable[[Floats, int, Score], Floats]:
    """Gives a function that separates both hands with the engine, aligned with the mix: [hand, sample]."""
    def separate(mix: Floats, rate: int, score: Score) -> Floats:
        separator = Separator(load_preset(find_preset(preset)), by_track(score), params)
        separator.prepare(rate, 1, len(mix) + 8192)
        padded = np.append(mix, np.zeros(separator.latency, np.float32))[None]
        return separator.process(padded, score.events(rate)).stems[:2, 0, separator.latency :].copy()

    return separate


def textbook(mix: Floats, rate: int, score: Score) -> Floats:
    """Separates both hands by a score-informed factorisation of the clip itself, offline (Ewert & Müller, ICASSP 2012)."""
    notes = score.notes()
    return separate_groups(mix[None], rate, notes, [notes["part"] == 0, notes["part"] == 1])[:2, 0]


def split_filter(mix: Floats, rate: int, score: Score) -> Floats:
    """The sound below C4, and the sound above it: [hand, sample]."""
    hz = np.maximum(np.fft.rfftfreq(len(mix), 1 / rate), 1)
    above = 1 / (1 + np.exp(-np.log2(hz / SPLIT_HZ) / WIDTH_OCTAVES * 4))
    X = np.fft.rfft(mix)
    return np.stack([np.fft.irfft(X * (1 - above), len(mix)), np.fft.irfft(X * above, len(mix))])


WAYS = (
    ("split-filter", "a filter that splits at C4", split_filter),
    ("nmf", "score-informed NMF of the clip itself, offline (the textbook's way)", textbook),
    ("instant-gm", "rtsep, <code>instant</code>: 0 ms, <code>gm-piano</code>, which has never heard this piano",
     engine("gm-piano", {"mode": "instant"})),
    ("instant", "rtsep, <code>instant</code>: 0 ms, <code>piano</code>, which knows it", engine("piano", {"mode": "instant"})),
    ("live", "rtsep, <code>live</code>: 11.6 ms, <code>piano</code>", engine("piano", {"mode": "live"})),
    ("quality", "rtsep, <code>quality</code>: 92.9 ms, as <code>rtsep render</code>, <code>piano</code>",
     engine("piano", {"mode": "quality"})),
)
"""Each: a short name, the text on the page, and the function that separates both hands."""


def excerpt(sound: Floats, rate: int) -> Floats:
    """The excerpt of a sound [sample], faded in and out."""
    part = sound[int(BEGIN_S * rate) : int(END_S * rate)].astype(np.float64)
    fade = np.minimum(np.arange(1, len(part) + 1) / (FADE_S * rate), 1)
    return part * fade * fade[::-1]


def make(folder: Path) -> list[dict]:
    """Write the sounds; returns the rows of the page's table."""
    clip = clip_folder()
    (mix,), rate = read_sound(clip / "mix.flac")
    truths = np.stack([read_sound(clip / f"{hand}.flac")[0][0] for hand in ("left_hand", "right_hand")])
    score = read_midi(clip / "demo.mid")

    def written(name: str, sound: Floats) -> str:
        soundfile.write(folder / f"{name}.mp3", excerpt(sound, rate), rate, **MP3)
        return f"{name}.mp3"

    def both(name: str, told: str, hands: Floats) -> dict:
        sdr = [sdr_db(excerpt(hand, rate), excerpt(truth, rate)) for hand, truth in zip(hands, truths, strict=True)]
        return {"name": told, "sounds": [{"file": written(f"{name}-{side}", hand), "sdr_db": round(db, 2)}
                                         for side, hand, db in zip(("left", "right"), hands, sdr, strict=True)]}

    rows = [{"name": "the mix", "sounds": [{"file": written("mix", mix), "both": True}]}]
    rows += [both(name, told, separate(mix, rate, score)) for name, told, separate in WAYS]
    oracle = oracle_stems(truths, choose_framing("live", rate))
    rows.append(both("oracle", "oracle mask, with the windows of <code>live</code>", oracle))
    rows.append({"name": "the true hands", "sounds": [{"file": written(f"true-{side}", truth)}
                                                      for side, truth in zip(("left", "right"), truths, strict=True)]})
    return rows


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the sounds")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    rows = make(folder)
    (folder / "figures.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {len(list(folder.glob('*.mp3')))} sounds, {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
