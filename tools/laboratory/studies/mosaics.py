"""Mosaics offline: what they keep of target and source."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from laboratory.report import table
from laboratory.study import Given, Table, need_file, need_module, option, study
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
SECONDS = 15.0
"""This many seconds of the targets are rebuilt, from their beginning."""
SIZE, HOP = 4096, 2048
"""The window and the hop for judging mosaics, in samples."""
COLUMNS = {"polyphony": "{:.1f}", "run_length": "{:.1f}", "repetitions": "{:.2f}", "loudness": "{:.2f}", "chroma": "{:.2f}",
           "timbre": "{:.3f}"}


def features(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loudness [frame], chroma [frame, 12] and envelopes [frame, 40] of a sound; the latter two have length 1."""
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
    """The mean distance of a sound's frames from the most similar frames of the source."""
    return float(np.average(1 - (sound[2] @ source[2][source[0] > 1e-3 * source[0].max()].T).max(axis=1), weights=sound[0]))


def judge(mosaic: tuple, target: tuple, source: tuple) -> dict[str, float]:
    """How well the mosaic follows the target, and how much it sounds like the source."""
    return {"loudness": float(np.corrcoef(mosaic[0], target[0])[0, 1]),
            "chroma": float(np.average((mosaic[1] * target[1]).sum(axis=1), weights=target[0])),
            "timbre": timbre_distance(mosaic, source)}


def looped(source: tuple, frames: int) -> tuple:
    """The source, repeated: a mosaic must follow the target better than this."""
    return tuple(np.resize(values, (frames, *values.shape[1:])) for values in source)


def example(given: Given, name: str, folder: Path) -> tuple[Path, Path]:
    """The first seconds of the target, written into `folder`, and the source."""
    target, source = (need_file(given.shared / path) for path in EXAMPLES[name])
    sound, rate = read_sound(target)
    path = folder / f"target-{name}.wav"
    soundfile.write(path, sound[:, : round(given.seconds * rate)].T, rate, "FLOAT")
    return path, source


def lines_of(given: Given, name: str, folder: Path) -> list[list[str]]:
    """The table's lines for one example; mosaic and picture of the default stay in `folder`."""
    paths = example(given, name, folder)
    target, source = map(features, paths)
    found = {"the source, looped": judge(looped(source, len(target[0])), target, source),
             "the target": judge(target, target, source)}
    for setting, constraints in SETTINGS.items():
        is_default = constraints == Constraints()
        out = folder / (f"{name}.wav" if is_default else "other.wav")
        picture = folder / f"{name}.png" if is_default else None
        report = make(Job(*paths, out, constraints, overwrite=True, picture=picture))
        found[setting] = report | judge(features(out), target, source)
    return [[f"{name}: {setting}", *(form.format(row[column]) if column in row else "–" for column, form in COLUMNS.items())]
            for setting, row in found.items()]


@contextmanager
def sound_folder(given: Given) -> Iterator[Path]:
    """The folder that --sounds names, or one that is removed when the study ends."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = given["sounds"] or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        for path in [folder / "other.wav", *folder.glob("target-*.wav")]:
            path.unlink(missing_ok=True)


def quantised(picture: Path) -> bytes:
    """A picture in few colours, so that a page loads it quickly."""
    need_module("PIL", "pip install pillow")
    from PIL import Image

    found = BytesIO()
    Image.open(picture).quantize(24).save(found, "PNG", optimize=True)
    return found.getvalue()


@study("mosaic", option("--sounds", type=Path, help="keep the mosaics of the default settings in this folder"),
       page="docs/measurements/mosaic.md", seconds=SECONDS, takes=("seconds",))
def mosaic(given: Given) -> list[Table]:
    """What mosaics keep of their target and of their source, for different constraints.

    Following the target: correlation of the loudness (RMS of frames), and mean cosine similarity of the frames' chroma,
    weighted by loudness. Sounding like the source: mean distance (1 - cosine) of a frame's spectral envelope (40 bands, root
    magnitudes) from the most similar frame of the source, weighted by loudness; the table also has the target's own distance
    from the source.
    """
    with sound_folder(given) as folder:
        lines = [line for found in given.there(lambda name: lines_of(given, name, folder), EXAMPLES) for line in found]
        pictures = {name: quantised(folder / f"{name}.png") for name in EXAMPLES if (folder / f"{name}.png").exists()}
    files = {f"../mosaic/{name}.png": lambda path, data=data: path.write_bytes(data) for name, data in pictures.items()}
    head = ["example: constraints", "polyphony", "run length", "repetitions", "loudness", "chroma", "timbre"]
    return [Table("mosaics", table(head, lines), files=files)]
