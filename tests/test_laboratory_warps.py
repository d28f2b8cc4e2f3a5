"""Scores that are not in time, as the laboratory makes them: what is told about them is true."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from laboratory import pieces, warps
from laboratory.studies.aligning import errors_s


@pytest.fixture(scope="module")
def clip():
    return pieces.excerpt(pieces.load_piece(pieces.DEMO, "demo"), 12.0)


@pytest.mark.parametrize("warp", warps.WARPS, ids=lambda warp: warp.name)
def test_every_warp_is_the_same_for_the_same_seed_and_names_notes_of_the_score(clip, warp):
    case, again, other = (warps.warped(clip, warp, seed) for seed in (1, 1, 2))
    assert np.array_equal(case.score.seconds, again.score.seconds) and np.array_equal(case.piece.mix, again.piece.mix)
    assert not np.array_equal(case.score.seconds, other.score.seconds)
    assert len(case.told) == len(case.written_s) and (np.diff(case.told["onset_s"]) >= 0).all()
    written = case.score.notes()
    for note, at_s in zip(case.told, case.written_s, strict=True):
        same = written[(written["pitch"] == note["pitch"]) & (written["part"] == note["part"])]
        assert np.abs(same["onset_s"] - at_s).min() < 1e-6
    assert case.told["onset_s"].max() < case.piece.mix.shape[1] / case.piece.sample_rate


def test_the_tempo_swings_and_jitter_keeps_the_order_of_groups(clip):
    smooth, jitter = (warps.warped(clip, warp, 1) for warp in (warps.SMOOTH, warps.JITTER))
    tempo = np.diff(smooth.written_s)[np.diff(smooth.told["onset_s"]) > 0.1] / np.diff(smooth.told["onset_s"])[
        np.diff(smooth.told["onset_s"]) > 0.1]
    assert tempo.min() >= 0.79 and tempo.max() <= 1.21 and np.ptp(tempo) > 0.2
    away = np.abs(jitter.written_s - smooth.written_s)
    assert 0.02 < away.max() <= 0.151 + warps.APART_S * len(away) and (np.diff(jitter.written_s) > -0.04).all()


def test_repeated_and_skipped_passages_sound_as_before(clip):
    quiet = replace(clip, score=clip.score)
    for warp, more in ((warps.REPEATS, 1), (warps.SKIP, -1)):
        case = warps.warped(quiet, warp, 3)
        assert more * (case.piece.mix.shape[1] - clip.mix.shape[1]) > clip.sample_rate / 2
        first = case.told[len(case.told) * 2 // 3]
        source = clip.score.notes()
        same = source[(source["pitch"] == first["pitch"]) & (source["part"] == first["part"])]["onset_s"]
        begin, length = round(first["onset_s"] * clip.sample_rate), 2000
        heard = case.piece.mix[0, begin : begin + length]
        likeness = [np.corrcoef(heard, clip.mix[0, round(at * clip.sample_rate) :][:length])[0, 1] for at in same
                    if round(at * clip.sample_rate) + length < clip.mix.shape[1]]
        assert max(likeness) > 0.9


def test_errors_are_times_to_the_nearest_same_note(clip):
    notes = clip.score.notes()[:3].copy()
    late = notes.copy()
    late["onset_s"] += 0.02
    assert errors_s(late, notes) == pytest.approx(0.02) and errors_s(late[:0], notes).tolist() == [9.0] * 3
