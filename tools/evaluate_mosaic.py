"""What mosaics keep of their target and of their source, as the constraints move; writes docs/mosaic.md's table and pictures.

    python tools/evaluate_mosaic.py [--shared ../shared/data] [--sounds FOLDER]

Follows the target: correlation of the loudness (RMS of frames), and mean cosine similarity of the frames' chroma, weighed by
loudness. Sounds like the source: mean distance (1 - cosine) of a frame's spectral envelope (40 bands, root magnitudes) from the
most similar frame of the source, weighed by loudness; the target's own distance from the source stands beside it.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from sources import ROOT

from rtsep.files.sound import read_sound
from rtsep.mosaic.constraints import Constraints
from rtsep.mosaic.frames import Sound
from rtsep.mosaic.make import Job, make

EXAMPLES = {  # name: target, source
    "piano-as-violin": ("two_hands/mozart_k545/right.flac", "other_notes/msgeneral_violin.flac"),
    "drums-as-singing": ("drums/3_soul-groove3_86/mix.flac", "backgrounds/vocadito_10.flac"),
}
SETTINGS = {
    "none": Constraints(0, 0, 0),
    "repetition 3": Constraints(3, 0, 0),
    "polyphony 10": Constraints(0, 10, 0),
    "continuity 3": Constraints(0, 0, 3),
    "**all three (default)**": Constraints(),
    "polyphony 3": Constraints(3, 3, 3),
    "polyphony 30": Constraints(3, 30, 3),
    "repetition 10": Constraints(10, 10, 3),
    "continuity 8": Constraints(3, 10, 8),
}
SECONDS = 15.0  # of the targets
SIZE, HOP = 4096, 2048
COLUMNS = {"polyphony": "{:.1f}", "run_length": "{:.1f}", "repetitions": "{:.2f}", "loudness": "{:.2f}", "chroma": "{:.2f}",
           "timbre": "{:.3f}"}
PICTURES = ROOT / "docs" / "mosaic"
BEGIN, END = "<!-- begin mosaics -->", "<!-- end mosaics -->"


def features(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loudness [frame], chroma [frame, 12] and envelopes [frame, 40] of a sound, the latter two of length 1."""
    sound, rate = read_sound(path)
    frames = Sound(sound, SIZE, HOP)
    V = frames.magnitudes(0, frames.frames).astype(np.float64)
    hz = np.arange(V.shape[1]) * rate / SIZE
    pitched = (hz > 100) & (hz < 4000)
    classes = np.round(12 * np.log2(hz[pitched] / 440)).astype(int) % 12
    chroma = V[:, pitched] @ np.eye(12)[classes]
    edges = np.geomspace(80, 12000, 42)
    rising = (hz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hz[:, None]) / np.diff(edges)[1:]
    envelope = np.sqrt(V @ np.clip(np.minimum(rising, falling), 0, None))
    return np.sqrt((V**2).sum(axis=1)), _unit(chroma), _unit(envelope)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def timbre_distance(sound: tuple, source: tuple) -> float:
    """Of a sound's frames from the most similar frames of the source."""
    return float(np.average(1 - (sound[2] @ source[2][source[0] > 1e-3 * source[0].max()].T).max(axis=1), weights=sound[0]))


def judge(mosaic: tuple, target: tuple, source: tuple) -> dict[str, float]:
    """How the mosaic follows, and how it sounds."""
    return {"loudness": float(np.corrcoef(mosaic[0], target[0])[0, 1]),
            "chroma": float(np.average((mosaic[1] * target[1]).sum(axis=1), weights=target[0])),
            "timbre": timbre_distance(mosaic, source)}


def looped(source: tuple, frames: int) -> tuple:
    """The source, played again and again: what a mosaic must follow better."""
    return tuple(np.resize(values, (frames, *values.shape[1:])) for values in source)


def rows_of(name: str, shared: Path, sounds: Path, picture: Path) -> list[str]:
    """The table's rows of one example."""
    paths = [sounds / f"{name.split('-')[0]}.wav", shared / EXAMPLES[name][1]]
    sound, rate = read_sound(shared / EXAMPLES[name][0])
    soundfile.write(paths[0], sound[:, : round(SECONDS * rate)].T, rate, "FLOAT")
    target, source = map(features, paths)
    found = {"the source, looped": judge(looped(source, len(target[0])), target, source),
             "the target": judge(target, target, source)}
    for setting, constraints in SETTINGS.items():
        is_default = constraints == Constraints()
        out = sounds / (f"{name}.wav" if is_default else "other.wav")
        report = make(Job(*paths, out, constraints, overwrite=True, picture=picture if is_default else None))
        found[setting] = report | judge(features(out), target, source)
        print(name, setting, found[setting], flush=True)
    return [f"| {name}: {setting} | {' | '.join(_cell(row, column) for column in COLUMNS)} |" for setting, row in found.items()]


def _cell(row: dict, column: str) -> str:
    return COLUMNS[column].format(row[column]) if column in row else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data", help="where the recordings are")
    parser.add_argument("--sounds", type=Path, help="keep the mosaics of the default settings in this folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        sounds = given.sounds or Path(temporary)
        rows = [row for name in EXAMPLES
                for row in rows_of(name, given.shared, sounds, PICTURES / f"{name}.png")]
        for name in EXAMPLES:
            Image.open(PICTURES / f"{name}.png").quantize(24).save(PICTURES / f"{name}.png", optimize=True)
        (sounds / "other.wav").unlink()
    head = ["| example: constraints | polyphony | run length | repetitions | loudness | chroma | timbre |",
            "| --- | --: | --: | --: | --: | --: | --: |"]
    page = ROOT / "docs" / "mosaic.md"
    text = page.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(before + "\n".join([BEGIN, *head, *rows, END]) + after, encoding="utf-8")


if __name__ == "__main__":
    main()
