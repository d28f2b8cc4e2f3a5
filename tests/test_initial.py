"""Initial factors: bands at the partials, gates at the notes, zeros everywhere else."""

import numpy as np
import pytest

from rtsep.notes.score import NOTE
from rtsep.training.gates import note_gates, onset_gates
from rtsep.training.initial import harmonic_templates, onset_templates, pitch_hz, random_start

BIN_HZ, BINS = 10.0, 1025


def notes(*rows):
    """A NOTE array of (onset_s, offset_s, pitch)."""
    found = np.zeros(len(rows), NOTE)
    for note, (onset, offset, pitch) in zip(found, rows, strict=True):
        note["onset_s"], note["offset_s"], note["pitch"] = onset, offset, pitch
    return found


def test_bands_are_where_the_partials_are():
    row = harmonic_templates([69], BINS, BIN_HZ, width_cents=10, width_bins=2)[0]
    for number in (1, 2, 10):
        centre = 44 * number
        assert (row[centre - 2 : centre + 3] == 1 / number).all() and row[centre + 4] == row[centre - 4] == 0


def test_bands_are_at_least_a_main_lobe_and_grow_with_the_tolerance():
    narrow = harmonic_templates([21, 60, 96], BINS, BIN_HZ, width_cents=0, width_bins=2) > 0
    wide = harmonic_templates([21, 60, 96], BINS, BIN_HZ, width_cents=100, width_bins=2) > 0
    assert (narrow <= wide).all() and wide.sum() > 1.5 * narrow.sum()
    assert narrow[2, 209 - 2 : 209 + 2].all(), "the partial at 2093 Hz"


def test_tuning_and_inharmonicity_move_partials():
    assert pitch_hz(69, 100) == pytest.approx(pitch_hz(70))
    sharp = harmonic_templates([60], BINS, BIN_HZ, tuning_cents=100)
    np.testing.assert_array_equal(sharp, harmonic_templates([61], BINS, BIN_HZ))
    stiff = harmonic_templates([69, 69], BINS, BIN_HZ, inharmonicity=[0, 1e-3], width_cents=0)
    expected = 44 * 10 * np.sqrt(1 + 1e-3 * 100)  # partial 10
    assert stiff[0, 440] == 0.1 and stiff[1, 440] == 0 and stiff[1, round(expected)] == 0.1


def test_a_pitch_above_the_highest_bin_is_zero():
    assert not harmonic_templates([127], 100, BIN_HZ).any()


def test_unconstrained_starts_have_no_zeros():
    W, H = random_start(30, 20, 5, seed=3)
    assert W.shape == (5, 20) and H.shape == (30, 5) and W.min() > 0 and H.min() > 0
    assert np.array_equal(W, random_start(30, 20, 5, seed=3)[0]) and not np.array_equal(W, random_start(30, 20, 5)[0])
    assert (onset_templates(2, 7) == 0.1).all()


def test_gates_open_around_notes_of_their_pitch():
    times = np.arange(1, 401) * 0.01
    G = note_gates(notes((1, 2, 60), (3, 3.5, 62)), [60, 62, 60, 64], times, before_s=0.105, after_s=0.205)
    assert np.array_equal(G[:, 0], G[:, 2]) and not G[:, 3].any()
    assert np.array_equal(times[G[:, 0]][[0, -1]].round(2), [0.90, 2.20])
    assert np.array_equal(times[G[:, 1]][[0, -1]].round(2), [2.90, 3.70])
    G = onset_gates(notes((1, 2, 60)), [60], times, before_s=0.105, after_s=0.055)
    assert np.array_equal(times[G[:, 0]][[0, -1]].round(2), [0.90, 1.05])


def test_gates_of_notes_at_the_ends_and_of_none():
    times = np.arange(1, 11) * 0.1
    assert note_gates(notes((0, 99, 60)), [60], times).all()
    assert not note_gates(notes((5, 6, 60)), [60], times).any()
    assert not note_gates(notes(), [60], times).any()
