"""How the tracker of hands is trained: as the engine asks it, and without the pianists whose pieces are reported."""

import sys
from pathlib import Path

import numpy as np
import pytest

from rtsep.engine.note_path import give_to_hands
from rtsep.hosts.demo import clip_folder
from rtsep.notes.routing import by_hands
from rtsep.notes.score import read_midi
from rtsep.stages.hand_tracker import hand_net

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
from laboratory.hand_pieces import (
    CHOSEN_BY,
    COMPOSERS,
    REPORTED,
    HandPiece,
    learnt_from,
    read_hands,
    struck,
    transposed,
    varied,
    with_wrong_notes,
)
from laboratory.hand_training import Settings, answers, gradients, learn, material, new_net

CLIP = clip_folder() / "demo.mid"


@pytest.fixture(scope="module")
def clip() -> HandPiece:
    """The bundled clip, whose first track is the left hand."""
    return HandPiece("clip", "Beethoven", read_hands(CLIP, right_first=False))


def test_it_is_asked_as_the_engine_asks(clip):
    """Training and the compiled stage give the same answers for each note, at each time."""
    score = read_midi(CLIP)
    given = give_to_hands(score, by_hands(score))
    _, after, at_last = answers(clip.played, len(clip.right), hand_net())
    assert np.allclose(given.right, after, atol=2e-3) and np.allclose(given.at_last, at_last, atol=2e-3)
    assert ((given.stem == 1) == (after >= 0.5)).mean() > 0.99


def test_pianists_who_are_reported_are_not_learnt_from():
    assert not set(learnt_from()) & set(REPORTED) and set(CHOSEN_BY) < set(learnt_from())
    assert {"J. S. Bach", "Mozart"} <= set(REPORTED) and not {"Clara Schumann", "Joplin"} & set(COMPOSERS.values())
    assert len({"bach", "bachjs", "prokofjew", "prokoview", "liszt", "lisztschubert"} & set(COMPOSERS)) == 6


def test_it_learns(clip):
    """After some rounds it finds most notes of a piece that it learns from."""
    settings = Settings(rounds=4, steps=30, mirrored=0.0)
    losses, nets = zip(*learn([clip] * 4, settings), strict=True)
    assert losses[-1] < 0.5 * losses[0]
    after = answers(clip.played, len(clip.right), nets[-1])[1]
    assert np.mean((after > 0.5) == clip.right) > 0.85


def test_gradients_are_the_slopes_of_the_loss(clip):
    """Compared with difference quotients, for all units and inputs."""
    rng, settings = np.random.default_rng(0), Settings(dropped=0.0, deaf=0.0)
    net = new_net(rng)
    X, Y = material([clip], None, settings, rng)
    slopes = gradients(net, X[:50], Y[:50], settings, rng)[1]
    for layer, place in ((0, (3, 5)), (0, (-1, 7)), (1, (4, 2)), (1, (-1, 3)), (2, (6,)), (2, (-1,))):
        losses = []
        for step in (-1e-2, 1e-2):
            moved = [each.astype(np.float64) for each in net]
            moved[layer][place] += step
            losses.append(gradients(tuple(moved), X[:50], Y[:50], settings, rng)[0])
        assert slopes[layer][place] == pytest.approx((losses[1] - losses[0]) / 2e-2, rel=0.05, abs=1e-5)


def test_other_performances_keep_hands_and_keys(clip):
    """Each key that goes down comes up as the same key, and hands stay. Some notes are wrong on purpose."""
    rng = np.random.default_rng(1)
    wrong = with_wrong_notes(clip.played, 0.2, rng)
    on = struck(wrong)
    assert 0.1 < np.mean(wrong["data1"][on] != clip.played["data1"][on]) < 0.3
    assert (wrong["right"] == clip.played["right"]).all()
    assert (transposed(clip.played, 3)["data1"][on] == clip.played["data1"][on] + 3).all()
    for played in (wrong, varied(clip.played, rng, mirrored=1.0)):
        keys = played["data1"][played["right"] >= 0]
        assert keys.min() >= 21 and keys.max() <= 108 and (np.diff(played["seconds"]) >= 0).all()
    mirrored = varied(clip.played, np.random.default_rng(2), mirrored=1.0)
    low, high = (np.mean(mirrored["data1"][struck(mirrored) & (mirrored["right"] == hand)]) for hand in (0, 1))
    assert low < high, "in the mirror, low notes are high, and the left hand is the right one"
