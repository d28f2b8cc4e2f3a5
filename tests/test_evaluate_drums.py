"""The drum grooves of the bench: what the separator is told, with which preset, and beside which systems."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import evaluate_data
import evaluate_systems


@pytest.fixture(scope="module")
def grooves():
    """Four seconds of each."""
    folder = evaluate_data.SHARED / "drums"
    if not (folder / evaluate_data.HITS).is_dir():
        pytest.skip("the drum grooves are not here")
    return [evaluate_data.excerpt(piece, 4.0) for piece in evaluate_data.find_grooves(folder)]


def test_kick_snare_and_hihat_are_told_the_rest_is_the_residual(grooves):
    assert [list(piece.truths) for piece in grooves] == [["kick", "snare", "hihat", "residual"], ["kick", "snare", "hihat"]]
    assert all(piece.score.track_names == ("kick", "snare", "hihat") for piece in grooves)
    assert all(piece.role == "extra" and list(piece.preset.pitches) == [36, 38, 42] for piece in grooves)


def test_systems_for_pianos_leave_drums_out(grooves):
    concerned = {system.family for system in evaluate_systems.all_systems() if system.concerns(grooves[0])}
    assert concerned == {"mix", "rtsep", "oracle ratio mask"}


def test_their_own_hits_tell_them_apart(grooves):
    piece = grooves[1]
    mine, mix = (evaluate_systems.judge(piece, stems, library=False) for stems in (
        evaluate_systems.gated(piece, evaluate_systems.MODES["live 512"]), evaluate_systems.nothing_done(piece)))
    assert all(mine[drum]["sdr_db"] > mix[drum]["sdr_db"] + 10 for drum in mine)
