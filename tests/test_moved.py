"""Notes at other times: scaled, moved, and left out if they end before the sound begins."""

import numpy as np
from instruments import write_tracks

from rtsep.notes.moved import AS_WRITTEN, Timing, moved_notes, moved_score
from rtsep.notes.score import read_midi


def test_scores_and_notes_move_alike(tmp_path):
    write_tracks(tmp_path / "a.mid", {"a": [(0.5, 1.0, 60), (1.0, 2.0, 62), (1.5, 3.0, 60)]})
    score = read_midi(tmp_path / "a.mid")
    assert moved_score(score, AS_WRITTEN) is score
    for timing in (Timing(0.25), Timing(0.25, 2.0), Timing(-0.75), Timing(-1.25), Timing(-1.75, 0.5), Timing(-9.0)):
        moved = moved_score(score, timing)
        want = moved_notes(score.notes(), timing)
        assert moved.note_count == len(want) and (np.diff(moved.seconds) >= 0).all()
        for name in ("onset_s", "offset_s", "pitch"):
            np.testing.assert_allclose(moved.notes()[name], want[name], atol=1e-3)
    [early, later] = moved_notes(score.notes(), Timing(-1.25))
    assert (early["onset_s"], early["pitch"]) == (0, 62) and abs(later["onset_s"] - 0.25) < 1e-3
