"""The limit of open templates closes the quietest and oldest notes. Without the gate all templates are open."""

import numpy as np
from conftest import ON, SMALL, WINDOW, band, frame_by_frame, midi, one_stem, open_rows, play, prepared, random_midi, two_parts

from rtsep.notes.routing import Routing

# --- limits -----------------------------------------------------------------------------------------------------------


def pitches_open(separator, preset):
    return set(preset.row_pitch[[row for _, row in open_rows(separator)]].tolist())


def test_limit_closes_the_quietest(preset, rng):
    """Two pitches can be open. 48 sounds and 60 does not, so 60 closes when 72 comes; the others stay open."""
    phases = np.exp(2j * np.pi * rng.random(WINDOW // 2 + 1))
    period = np.fft.irfft(preset.W[0] * phases, WINDOW)
    sound = np.tile(period / np.abs(period).max(), 8)[None].astype(np.float32)
    separator = prepared(preset, one_stem(), {**SMALL, "max_open_rows": 4})
    events = midi((0, ON, 60, 90), (1, ON, 48, 90), (4096, ON, 72, 90))
    pitches = [pitches_open(s, preset) for s in frame_by_frame(separator, sound, events)]
    assert pitches[40] == {48, 60} and pitches[-1] == {48, 72}
    assert separator.counters.closed_rows >= 2


def test_limit_closes_the_oldest_of_equals(preset):
    """In silence all notes are equally quiet after one window; before that all count as loud."""
    separator = prepared(preset, one_stem(), {**SMALL, "max_open_rows": 4})
    events = midi((2, ON, 48, 90), (1, ON, 60, 90), (3, ON, 72, 90))
    separator.process(np.ones((1, 64), np.float32), events)
    assert pitches_open(separator, preset) == {48, 72}


def test_limit_is_kept_and_nothing_is_counted_below_it(preset, rng):
    sound, events = band(rng, 4000), random_midi(rng, 100, 4000)
    for limit in (4, 5, 7, 24):
        separator = prepared(preset, two_parts(), {**SMALL, "max_open_rows": limit})
        most = max(s.open_count for s in frame_by_frame(separator, sound, events))
        assert most <= limit
        assert (separator.counters.closed_rows > 0) == (limit < 24)
    assert most > 8, "the limit was never reached"


def test_limit_spares_a_young_note_beside_an_old_one_of_its_pitch(preset):
    """Channel 0 has held 60 for long, and channel 1 strikes it now. So 60 is young again, and the silent 48 closes."""
    separator = prepared(preset, one_stem(), {**SMALL, "max_open_rows": 4})
    separator.process(np.zeros((1, 64), np.float32), midi((0, ON, 60, 90), (1, ON, 48, 90)))
    separator.process(np.zeros((1, 2048), np.float32))
    separator.process(np.zeros((1, 64), np.float32), midi((0, ON | 1, 60, 90), (1, ON, 72, 90)))
    assert pitches_open(separator, preset) == {60, 72}


# --- without a gate ---------------------------------------------------------------------------------------------------


def test_gate_off_opens_everything(preset, rng):
    separator = prepared(preset, one_stem(), {**SMALL, "gate": False, "max_open_rows": 4})
    stems, _ = play(separator, band(rng, 2000))
    assert separator.open_count == 12 and stems[0].any()
    assert separator.counters.closed_rows == 0


def test_gate_off_splits_by_pitch(preset, rng):
    table = np.zeros((32, 16, 128), np.int8)
    table[:, :, 60:] = 1
    separator = prepared(preset, Routing(("low", "high"), table), {**SMALL, "gate": False})
    play(separator, band(rng, 2000))
    assert [stem for stem, _ in open_rows(separator)] == [0] * 4 + [1] * 8


def test_gate_off_opens_pitches_that_only_other_channels_play(preset, rng):
    """With notes only on channel 3, their stem still gets all templates without the gate."""
    table = np.full((32, 16, 128), -1, np.int8)
    table[:, 2] = 0
    separator = prepared(preset, Routing(("channel_3",), table), {**SMALL, "gate": False})
    play(separator, band(rng, 2000))
    assert separator.open_count == 12
