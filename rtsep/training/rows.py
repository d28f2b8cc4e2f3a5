"""The rows of templates that notes need, and the frames in which each may sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rtsep.training.gates import note_gates, onset_gates
from rtsep.training.isolated import STAGE_ENDS_S, STAGES, Floats, level_of

# A note may sound this long, in seconds, before its onset and after its end; 0.05, and 0.1 to 0.25, do as well
# (docs/measurements/benchmarks.md, "What training is worth").
BEFORE_S, AFTER_S = 0.02, 0.15
ATTACK_S = 0.1  # An attack template is open for this many seconds from its onset on.
BACKGROUND_ROWS = 2  # Rows of the background; one to four are within 0.1 dB (docs/measurements/benchmarks.md, the same).
KEYED = np.dtype([("onset_s", "<f8"), ("offset_s", "<f8"), ("pitch", "<i8")])  # Gates take notes in this form.


@dataclass(frozen=True)
class Rows:
    """Pitch, key (128 * dynamic level + pitch) and role of each template, ordered by pitch."""

    pitch: npt.NDArray[np.int64]
    key: npt.NDArray[np.int64]
    role: tuple[str, ...]

    def with_role(self, role: str) -> npt.NDArray[np.int64]:
        """The rows of one role."""
        return np.flatnonzero(np.array(self.role) == role)


def keyed(of_takes: Sequence[npt.NDArray[np.void]], levels: int) -> list[npt.NDArray[np.void]]:
    """The notes of each take as KEYED, with 128 * level + pitch as one number."""
    counts = [len(notes) for notes in of_takes]
    notes = np.concatenate([*of_takes])
    found = np.zeros(len(notes), KEYED)
    for name in ("onset_s", "offset_s", "pitch"):
        found[name] = notes[name]
    for pitch in np.unique(notes["pitch"]):
        mine = notes["pitch"] == pitch
        found["pitch"][mine] += 128 * level_of(notes["velocity"][mine], levels)
    return np.split(found, np.cumsum(counts)[:-1])


def rows_of(notes: Sequence[npt.NDArray[np.void]], templates: int) -> Rows:
    """One row for each stage of each key of the notes KEYED of all takes, ordered by pitch."""
    keys = np.unique(np.concatenate([*notes])["pitch"])
    keys = np.repeat(sorted(keys.tolist(), key=lambda key: (key % 128, key)), templates)
    return Rows(keys % 128, keys, STAGES[templates] * (len(keys) // templates))


def gates_of(rows: Rows, notes: npt.NDArray[np.void], end_s: Floats) -> npt.NDArray[np.bool_]:
    """G [frame, row, then background]: which rows may sound in the frames that end at `end_s`."""
    G = np.ones((len(end_s), len(rows.pitch) + BACKGROUND_ROWS), bool)
    for role in set(rows.role):
        mine = rows.with_role(role)
        if role == "attack":
            G[:, mine] = onset_gates(notes, rows.key[mine], end_s, BEFORE_S, ATTACK_S)
        else:
            late_s = STAGE_ENDS_S[1] if role == "decay" else -BEFORE_S
            G[:, mine] = note_gates(notes, rows.key[mine], end_s, -late_s, AFTER_S)
    return G
