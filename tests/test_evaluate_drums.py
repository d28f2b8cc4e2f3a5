"""The benchmark's drum grooves: which notes the separator gets, its preset, and the systems for comparison."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from laboratory import pieces, systems
from laboratory.studies.quality import all_systems
from laboratory.study import SHARED


@pytest.fixture(scope="module")
def grooves():
    """Four seconds of each groove."""
    if not (SHARED / "drums" / pieces.HITS).is_dir():
        pytest.skip("the drum grooves are not here")
    return [pieces.excerpt(piece, 4.0) for piece in pieces.grooves(SHARED)]


def test_kick_snare_and_hihat_are_told_the_rest_is_the_residual(grooves):
    assert [list(piece.truths) for piece in grooves] == [["kick", "snare", "hihat", "residual"], ["kick", "snare", "hihat"]]
    assert all(piece.score.track_names == ("kick", "snare", "hihat") for piece in grooves)
    assert all(piece.role == "extra" and list(piece.preset.pitches) == [36, 38, 42] for piece in grooves)


def test_systems_for_pianos_leave_drums_out(grooves):
    concerned = {system.family for system in all_systems() if system.concerns(grooves[0])}
    assert concerned == {"mix", "rtsep", "oracle ratio mask"}


def test_their_own_hits_tell_them_apart(grooves):
    piece = grooves[1]
    mine, mix = (systems.judge_quickly(piece, systems.separate(piece, way)) for way in (systems.LIVE, "mix"))
    assert all(mine[drum]["sdr_db"] > mix[drum]["sdr_db"] + 10 for drum in mine)
