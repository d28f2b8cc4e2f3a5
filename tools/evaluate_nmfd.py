"""NMF deconvolution offline on the grooves of `evaluate_kits.py`: libnmfd's and ours, from the same start.

    OPENBLAS_NUM_THREADS=1 python tools/evaluate_nmfd.py [--python /tmp/venv-nmfd/bin/python] [--shared ../shared/data]

The start is single hits (templates of 8 frames) and the onsets that are noted (activations that fall from there); window 2048,
hop 512, 30 updates, masks of power 1: libnmfd's own example. The whole groove is known beforehand. compare_nmfd.py says where
the Python with libnmfd comes from; without it ours is measured alone.
"""

import argparse
import tempfile
from pathlib import Path

import baselines
import numpy as np
from compare_nmfd import UPDATES, run_theirs
from evaluate_data import SHARED, Piece
from evaluate_drums import recorded_hits
from evaluate_kits import DRUMS, FOREIGN, grooves, row

from rtsep.measure import sdr_db
from rtsep.notes.routing import DRUM_GROUPS
from rtsep.training.isolated import Notes
from rtsep.training.nmfd import activations_at, approximation, nmfd, templates_at

SIZE, HOP, LAGS, DECAY = 2048, 512, 8, 0.9


def spectra(sound: np.ndarray) -> np.ndarray:
    """X [frame, bin] of a sound [sample]; frame n has its middle at sample n * HOP."""
    return baselines.spectra(sound.astype(float), SIZE, HOP, SIZE // 2)


def start(piece: Piece, hits: Notes, X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """V [frame, bin] with the sum 1, W [drum, lag, bin] and H [frame, drum]."""
    notes, V = piece.score.notes(), np.abs(X) / np.abs(X).sum()
    single, W, onsets = np.abs(spectra(hits.sound)), [], []
    for drum in DRUMS:
        mine = np.isin(hits.pitch, list(DRUM_GROUPS[drum]))
        W.append(templates_at(single, np.round(hits.onset_s[mine] * hits.sample_rate / HOP).astype(int), LAGS))
        struck_s = notes["onset_s"][np.isin(notes["pitch"], list(DRUM_GROUPS[drum]))]
        onsets.append(np.round(struck_s * piece.sample_rate / HOP).astype(int))
    return V, np.stack(W) / np.sum(W, axis=(1, 2), keepdims=True), activations_at(onsets, len(V), DECAY) + 1e-12


def judged(piece: Piece, X: np.ndarray, models: np.ndarray) -> list[float]:
    """SDR of every drum in dB, from models [drum, frame, bin]."""
    masks = models / np.maximum(models.sum(axis=0), 1e-30)
    truths = [piece.truths[drum][0] for drum in DRUMS]
    return [sdr_db(baselines.overlap_add(X * mask, SIZE, HOP, SIZE // 2, len(truth)), truth)
            for mask, truth in zip(masks, truths, strict=True)]


def modelled(W: np.ndarray, H: np.ndarray) -> np.ndarray:
    """[drum, frame, bin]"""
    return np.stack([approximation(W[[drum]], H[:, [drum]]) for drum in range(len(W))])


def theirs(python: Path, data: dict[str, np.ndarray]) -> np.ndarray:
    """The same of what libnmfd learns."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "problem.npz")
        np.savez(file, **data)
        run_theirs(python, file)
        found = np.load(file.with_name("found.npz"))
        return modelled(found["W"], found["H"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help="the Python in which libnmfd is installed")
    parser.add_argument("--shared", type=Path, default=SHARED, help="where the recordings are")
    given = parser.parse_args()
    kits = {"own": recorded_hits(sorted((given.shared / "drums" / "train_hits").glob("*.flac"))),
            "foreign": recorded_hits([given.shared / "other_notes" / f"drums_fluidr3_{name}.flac" for name in FOREIGN])}
    pieces = [(piece, spectra(piece.mix[0])) for piece in grooves(given.shared)]
    print("| SDR in dB | kick | snare | hi-hat |\n| --- | --: | --: | --: |")
    for kit, hits in kits.items():
        starts = [(piece, X, *start(piece, hits, X)) for piece, X in pieces]
        if given.python:
            row(f"NMFD offline, {kit} kit, libnmfd",
                [judged(piece, X, theirs(given.python, {"V": V, "W": W, "H": H})) for piece, X, V, W, H in starts])
        found = [(piece, X, nmfd(V, W, H, max_iter=UPDATES, tolerance=0)) for piece, X, V, W, H in starts]
        row(f"NMFD offline, {kit} kit, ours", [judged(piece, X, modelled(each.W, each.H)) for piece, X, each in found])
    row("oracle mask of power 1, the same windows", [
        judged(piece, X, np.abs(np.stack([spectra(piece.truths[drum][0]) for drum in DRUMS]))) for piece, X in pieces])


if __name__ == "__main__":
    main()
