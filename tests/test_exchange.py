"""Another plan while the music goes on: what stays, what changes, and what is refused."""

import numpy as np
import pytest
from conftest import SMALL, band, delayed, make_preset, midi, open_rows, play, prepared, two_parts
from engine_state import background_of, part_of

from rtsep.errors import RtsepError

CUT, TOTAL = 2000, 6000  # the cut is no multiple of the hop


def notes():
    return midi((0, 0x90, 60, 90), (0, 0x90, 67, 90, 1), (3000, 0x80, 60, 0), (3500, 0x90, 64, 80))


def play_with(separator, sound, change):
    """Stems of the sound with `change()` called between two blocks."""
    events = notes()
    before, _mix = play(separator, sound[:, :CUT], events[events["sample"] < CUT])
    change()
    late = events[events["sample"] >= CUT].copy()
    late["sample"] -= CUT
    after, _mix = play(separator, sound[:, CUT:], late)
    return np.concatenate([before, after], axis=2)


def test_the_same_plan_again_changes_no_bit(preset, rng):
    sound = band(rng, TOTAL, 2)
    whole, _mix = play(prepared(preset, two_parts(), SMALL, 2), sound, notes())
    separator = prepared(preset, two_parts(), SMALL, 2)
    again = play_with(separator, sound, lambda: separator.exchange(preset, {"iterations": separator.value("iterations")}))
    assert np.array_equal(whole, again)


@pytest.mark.parametrize("params", [{"mask_power": 0.5}, {"iterations": 1}, {"max_open_rows": 4}, {"gate": False}])
def test_a_parameter_changes_from_the_next_frame_on(preset, rng, params):
    sound = band(rng, TOTAL)
    whole, _mix = play(prepared(preset, two_parts()), sound, notes())
    separator = prepared(preset, two_parts())
    stems = play_with(separator, sound, lambda: separator.exchange(params=params))
    assert np.array_equal(stems[..., :CUT], whole[..., :CUT]) and not np.array_equal(stems, whole)
    assert np.abs(stems.sum(axis=0) - delayed(sound, separator.latency)).max() < 1e-5 * np.abs(sound).max()
    assert separator.value(next(iter(params))) == next(iter(params.values()))


@pytest.mark.parametrize("pitches, sounding", [((40, 60, 64, 67, 80, 90, 91), {0, 1}), ((67,), {1}), ((100,), set())])
def test_another_preset_keeps_the_notes_that_sound(preset, rng, pitches, sounding):
    separator, sound = prepared(preset, two_parts()), band(rng, TOTAL)
    stems = play_with(separator, sound, lambda: separator.exchange(make_preset(pitches, rows=3, seed=5)))
    assert np.abs(stems.sum(axis=0) - delayed(sound, separator.latency)).max() < 1e-5 * np.abs(sound).max()
    assert {stem for stem, _row in open_rows(separator)} == sounding


def test_nothing_jumps_at_the_exchange(preset):
    sine = np.sin(2 * np.pi * 261.6 * np.arange(TOTAL) / 44100).astype(np.float32)[None]
    separator = prepared(preset, two_parts())
    stems = play_with(separator, sine, lambda: separator.exchange(make_preset(seed=9), {"mask_power": 1}))
    fastest = 2 * np.pi * 261.6 / 44100  # the greatest step of the sine between two samples
    assert np.abs(np.diff(stems[..., CUT - 500 : CUT + 1000])).max() < 1.5 * fastest


def test_another_framing_is_refused_and_changes_nothing(preset, rng):
    separator, sound = prepared(preset, two_parts()), band(rng, TOTAL)
    whole, _mix = play(prepared(preset, two_parts()), sound, notes())
    kept = separator.prepared

    def change():
        assert not separator.exchange(make_preset(seed=9), {"latency_samples": 128})
        with pytest.raises(RtsepError, match="iterations"):
            separator.exchange(params={"iterations": 0})
        with pytest.raises(RtsepError, match="nobody"):
            separator.exchange(params={"gain_db.nobody": 0})

    assert np.array_equal(play_with(separator, sound, change), whole)
    assert separator.prepared is kept and separator.instruments == [preset] and separator.latency == SMALL["latency_samples"]


def test_one_stem_gets_another_instrument_and_the_other_keeps_its_own(preset, rng):
    other = make_preset(seed=9)
    params = {**SMALL, "background": 0, "adapt": False}  # otherwise what was learnt before would differ
    separator, sound = prepared([preset, preset], two_parts(), params), band(rng, TOTAL)
    whole, _mix = play(prepared([preset, other], two_parts(), params), sound, notes())
    stems = play_with(separator, sound, lambda: separator.exchange([preset, other]))
    far = CUT + 1024 + 256
    assert separator.presets == (preset, other) and np.array_equal(stems[..., far:], whole[..., far:])


@pytest.mark.parametrize("background", [2, 3, 5])
def test_the_background_goes_on_with_what_it_learnt(preset, rng, background):
    separator, sound = prepared(preset, two_parts()), band(rng, TOTAL)
    learnt = {}

    def change():
        learnt["before"] = background_of(separator).copy()
        separator.exchange(make_preset((40, 60, 64), seed=5), {"background": background})
        learnt["after"] = background_of(separator).copy()

    play_with(separator, sound, change)
    kept = min(background, 3)
    assert len(learnt["after"]) == background and np.array_equal(learnt["before"][:kept], learnt["after"][:kept])


def test_freezing_in_the_middle_of_a_hop_freezes_at_once(preset, rng):
    """Also the lesson of the last frame is dropped, at each place in a hop and at each age of a note."""
    sound, events = band(rng, TOTAL), notes()
    for cut in range(900, 1100, 8):
        separator = prepared(preset, two_parts(), {**SMALL, "background_learns": False})
        play(separator, sound[:, :cut], events[events["sample"] < cut])
        separator.exchange(params={"adapt": False})
        learnt = part_of(separator, "adaptation").W.copy()
        stems, _mix = play(separator, sound[:, cut:2000], events[:0])
        assert np.array_equal(part_of(separator, "adaptation").W, learnt) and np.isfinite(stems).all()
