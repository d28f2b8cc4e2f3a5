"""Envelopes of notes, as training measures them: by age and velocity, and for several instruments at the same level."""

import numpy as np

from rtsep.training.envelopes import AGES_S, averaged, note_envelope, pitch_envelope, table


def test_envelopes_are_measured_by_age_and_velocity():
    age_s = np.arange(1, 400) * 0.005
    notes = [note_envelope(gain * np.exp(-3 * age_s), age_s) for gain in (1.0, 10.0)]
    found = pitch_envelope(notes, np.array([44, 84]))
    np.testing.assert_allclose(found[1][1:], 0.5, atol=0.01)
    expected = 20 * np.log10(np.exp(-3 * AGES_S) * np.sqrt(10))
    inside = (AGES_S > 0.005) & (AGES_S < 2.5)
    np.testing.assert_allclose(found[0][inside], expected[inside], atol=0.2)
    alone = pitch_envelope(notes[:1], np.array([64]))
    assert (alone[1] == 0.25).all()


def test_tables_of_several_instruments_are_brought_to_one_level():
    flat = np.stack([np.zeros(32), np.full(32, 0.2)])
    soft, loud = table({60: flat, 62: flat - [[6], [0]]}), table({62: flat + 40, 64: flat + 46})
    both = averaged([soft, loud])
    np.testing.assert_allclose(both[62, 0], soft[62, 0], atol=1e-5)
    np.testing.assert_allclose(both[64, 0] - both[62, 0], 6, atol=1e-5)
    assert not both[61].any() and both[60].any()
