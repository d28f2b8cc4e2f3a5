"""Templates for one age of their note, as for the stages of a drum's hit, and notes that end others ("choke")."""

import dataclasses

import numpy as np
import pytest
from conftest import (
    INSTANT,
    SMALL,
    band,
    frame_by_frame,
    make_preset,
    one_stem,
    open_rows,
    prepared,
    random_midi,
    reference_setup,
    two_parts,
)
from engine_state import plan_of

from rtsep import reference

LONG = 8000


def drum_preset(rng):
    """Like `preset`, but each row is open at its own ages, some at all, and three of the pitches choke each other."""
    preset = make_preset(release_s=0.02)
    age_s = np.sort(rng.uniform(0, 0.05, (len(preset.W), 2)), axis=1).astype(np.float32) + np.float32([0, 1e-3])
    age_s[::3] = preset.row_age_s[::3]
    age_s[1::3, 0] = 0
    choke = np.zeros(128, np.int8)
    choke[[48, 60, 64]], choke[[52, 67]] = 1, 2
    return dataclasses.replace(preset, row_age_s=age_s, choke=choke)


@pytest.mark.parametrize("params", [{}, {"gate": False}, {"latency_samples": 128}, INSTANT])
def test_rows_that_wait_for_their_age_agree_with_the_twin(rng, params):
    sound, events = band(rng, LONG), random_midi(rng, 200, LONG)
    drums = prepared(drum_preset(rng), two_parts(), {**SMALL, **params})
    expected = reference.separate(sound, events, reference_setup(drums))
    counts = []
    for k, separator in enumerate(frame_by_frame(drums, sound, events)):
        if k < len(expected.masks):  # the last block can be shorter than a hop
            assert open_rows(separator) == expected.open_rows[k]
            np.testing.assert_allclose(separator.masks, expected.masks[k], atol=2e-3)
            counts.append(len(expected.open_rows[k]))
    assert params == {"gate": False} or len(set(counts)) > 4, "rows open and close"


def test_ages_move_with_the_window(rng):
    """Ages are measured in the frames of training, which hear a note late by half their synthesis window."""
    preset = drum_preset(rng)
    ages = [plan_of(prepared(preset, one_stem(), {**SMALL, "latency_samples": latency})).row_age
            for latency in (128, 256)]
    limited = (preset.row_age_s > 0) & (preset.row_age_s < 1)
    moved = (ages[1] - ages[0])[limited]
    assert limited.any() and (np.abs(moved - 64) <= 64).all() and (np.abs(moved[ages[0][limited] > 0] - 64) <= 1).all()
    assert (ages[0] == ages[1])[~limited].all()
