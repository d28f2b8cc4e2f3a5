"""A note that moves to another stem while it sounds: without a click, and from then on as if it had begun there."""

from itertools import pairwise

import numpy as np
import pytest
from conftest import (
    CONTROL,
    INSTANT,
    OFF,
    ON,
    RATE,
    SMALL,
    assert_sums_to,
    band,
    in_blocks,
    make_preset,
    midi,
    prepared,
    process_from,
    random_midi,
    two_parts,
)
from engine_state import Memory, on_records, part_of, plan_of
from sounds import tone

from rtsep.engine.separator import Separator
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.notes.routing import by_track
from rtsep.notes.score import read_midi
from rtsep.presets.library import bundled_presets
from rtsep.presets.preset import load_preset
from rtsep.stages import notes
from rtsep.stages.polyphony import FREE, KEY_DOWN, RELEASED

LEFT, RIGHT = range(2)
MODES = ({}, INSTANT, {**SMALL, "mode": "quality", "latency_samples": 0})


@on_records
def _move(plan, state, v, stem):
    return notes.move_voice(plan.hands, state.notes, state.estimate.H, v, stem)


@on_records
def _exchange(plan, state):
    notes.exchange_voices(plan.hands, state.notes, state.estimate.H, LEFT, RIGHT)


def voices_of(separator, pitch, part=0):
    """The numbers of the voices that sound."""
    voices = part_of(separator, "notes").voices
    return np.flatnonzero((voices["status"] != FREE) & (voices["pitch"] == pitch) & (voices["part"] == part)).tolist()


def move(separator, v, stem):
    """Move a voice to another stem, between two blocks."""
    return bool(_move(plan_of(separator), Memory(**separator.prepared.state), v, stem))


def played(separator, sound, events, moves):
    """Stems [stem, channel, sample]; at each sample in `moves`, (pitch, part, stem), the voice moves to the stem."""
    stems, edges = [], sorted({0, sound.shape[1], *moves, *(begin for begin, _ in in_blocks(sound.shape[1], (4096,)))})
    for begin, end in pairwise(edges):
        if begin in moves:
            pitch, part, stem = moves[begin]
            assert all(move(separator, v, stem) for v in voices_of(separator, pitch, part))
        stems.append(process_from(separator, sound, events, begin, end).stems.copy())
    return np.concatenate(stems, axis=2)


# --- what it sounds like ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", MODES)
def test_no_click(rng, params):
    """With overlap-add, a steady sound moves as smoothly as it sounds. With filters, which fade within a slot, it moves about
    as smoothly as a note begins. Afterwards the whole sound is in the other stem."""
    preset, at, params = make_preset(pitches=(48, 60)), 6000, {**SMALL, **params}
    sound = 0.5 * tone(rng, 48, 12000)
    from_start, told_then, wrong = (midi((when, ON, 48, 90, part)) for when, part in ((0, RIGHT), (at, RIGHT), (0, LEFT)))
    found = []
    for events, moves in ((from_start, {}), (told_then, {}), (wrong, {at: (48, LEFT, RIGHT)})):
        separator = prepared(preset, two_parts(), params)
        found.append(played(separator, sound, events, moves))
        assert_sums_to(found[-1], sound, separator.latency)
    steady, begun, moved = (np.abs(np.diff(each[:2, 0, 3000:], 2)).max() for each in found)
    assert moved < 1.5 * (begun if params.get("mode") == "instant" else steady)
    np.testing.assert_allclose(found[2][:, :, 9000:], found[0][:, :, 9000:], atol=1e-3 * np.abs(sound).max())
    assert np.abs(found[2][LEFT, 0, 9000:]).max() < 1e-6 < 1e-2 < np.abs(found[2][LEFT, 0, 3000:6000]).max()


@pytest.mark.parametrize("mode", ["live", "instant", "quality"])
def test_it_is_separated_as_if_it_had_been_told_right_at_once(mode):
    """Every seventh note of the clip goes to the wrong hand, and moves to the right one 40 ms later."""
    samples, after = round(6 * RATE), round(0.04 * RATE)
    mix, *truth = (read_sound(clip_folder() / f"{name}.flac")[0][:, :samples] for name in ("mix", "left_hand", "right_hand"))
    score = read_midi(clip_folder() / "demo.mid")
    events = score.events(RATE)
    events = events[events["sample"] < samples - after]
    wrong = events.copy()
    late = np.flatnonzero((events["status"] & 0xF0 == ON) & (events["data2"] > 0))[3::7]
    wrong["stem"][late] = 2 - events["part"][late]
    moves = {int(each["sample"]) + after: (int(each["data1"]), int(each["part"]), int(each["part"])) for each in events[late]}
    piano, found = load_preset(next(path for path in bundled_presets() if path.stem == "piano")), []
    for told, going in ((events, {}), (wrong, moves), (wrong, {})):
        separator = Separator(piano, by_track(score), {"mode": mode})
        separator.prepare(RATE, 1, 4096)
        stems = played(separator, mix, told, going)
        assert_sums_to(stems, mix, separator.latency)
        found.append(stems[:2, 0, separator.latency :])
    settled = np.ones(found[0].shape[1], bool)
    for at in moves:
        settled[max(at - after - 2048, 0) : at + 2048] = False
    sdr = np.array([[10 * np.log10((want[0, : len(settled)][settled] ** 2).sum()
                                   / ((want[0, : len(settled)] - got)[settled] ** 2).sum())
                     for want, got in zip(truth, each, strict=True)] for each in found])
    assert len(moves) >= 4 and settled.mean() > 0.5
    assert (sdr[1] > sdr[0] - 0.1).all() and (sdr[2] < sdr[0] - 2).all()


# --- what cannot go wrong ---------------------------------------------------------------------------------------------


def test_what_is_over_absent_or_in_place_stays(preset):
    separator = prepared(preset, two_parts())
    separator.process(np.zeros((1, 64), np.float32), midi((0, ON, 60, 90)))
    v = voices_of(separator, 60)[0]
    assert not move(separator, v, LEFT) and not move(separator, v + 1, RIGHT)
    separator.process(np.zeros((1, 64), np.float32), midi((0, OFF, 60, 0)))
    assert move(separator, v, RIGHT), "a voice that rings on moves, too"
    voice = part_of(separator, "notes").voices[v]
    assert (voice["status"], voice["stem"]) == (RELEASED, RIGHT)
    for _ in range(100):
        separator.process(np.zeros((1, 64), np.float32))
    assert not move(separator, v, LEFT)


def test_a_voice_of_another_instrument_stays(preset):
    separator = Separator([preset, make_preset(seed=2)], two_parts(), SMALL)
    separator.prepare(RATE, 1, 64)
    separator.process(np.zeros((1, 64), np.float32), midi((0, ON, 60, 90)))
    assert not move(separator, voices_of(separator, 60)[0], RIGHT)


def test_a_unison_in_the_other_stem_is_one_note_more(preset, rng):
    """Both hands hold a key; one of its voices moves. Each is released by itself, and activations stay with their notes."""
    separator, sound = prepared(preset, two_parts()), tone(rng, 60, 6000)
    separator.process(sound[:, :3000], midi((0, ON, 60, 90), (0, ON, 60, 80, 1)))
    rows = np.flatnonzero(separator.row_pitch == 60)
    whole = separator.activations[:, rows].sum()
    assert move(separator, voices_of(separator, 60, LEFT)[0], RIGHT)
    assert separator.activations[LEFT, rows].sum() == 0
    np.testing.assert_allclose(separator.activations[RIGHT, rows].sum(), whole, rtol=1e-6)
    assert move(separator, voices_of(separator, 60, RIGHT)[0], LEFT)
    assert separator.activations[RIGHT, rows].sum() > 0, "the activation of the voice that stays"
    separator.process(sound[:, :64], midi((0, OFF, 60, 0)))
    assert part_of(separator, "notes").voices["status"][voices_of(separator, 60, RIGHT)[0]] == KEY_DOWN


def test_all_voices_change_places(preset, rng):
    """Activations move with their notes, also if both stems play the same pitch."""
    separator, sound = prepared(preset, two_parts()), band(rng, 3000)
    separator.process(sound, midi((0, ON, 60, 90), (0, ON, 60, 80, 1), (0, ON, 48, 90), (0, ON, 72, 90, 1)))
    before, stems = separator.activations.copy(), part_of(separator, "notes").voices["stem"][:4].copy()
    _exchange(plan_of(separator), Memory(**separator.prepared.state))
    assert np.array_equal(separator.activations[[RIGHT, LEFT]], before[:2]) and (before[:2].sum(axis=1) > 0).all()
    assert part_of(separator, "notes").voices["stem"][:4].tolist() == (1 - stems).tolist() == [1, 0, 1, 0]
    other = Separator([preset, make_preset(seed=2)], two_parts(), SMALL)
    other.prepare(RATE, 1, 64)
    other.process(sound[:, :64], midi((0, ON, 60, 90)))
    _exchange(plan_of(other), Memory(**other.prepared.state))
    assert part_of(other, "notes").voices["stem"][0] == LEFT, "a voice of another instrument stays"


@pytest.mark.parametrize("params", MODES)
def test_any_moves_at_all(preset, rng, params):
    """Voices move at random between notes, pedals and channel messages. The stems add up to the input, and all keys come up."""
    sound, events = band(rng, 12000), random_midi(rng, 150, 12000)
    separator = prepared(preset, two_parts(), {**SMALL, **params, "max_open_rows": 6})
    stems = []
    for begin in range(0, 12000, 100):
        for v in rng.integers(0, 12, 3).tolist():
            move(separator, v, int(rng.integers(2)))
        stems.append(process_from(separator, sound, events, begin, begin + 100).stems.copy())
        np.testing.assert_allclose(separator.masks.sum(axis=0), 1, atol=1e-6)
    assert_sums_to(np.concatenate(stems, axis=2), sound, separator.latency)
    everything_off = midi(*((0, CONTROL | channel, 120, 0, part) for part in range(2) for channel in range(2)))
    separator.process(sound[:, :64], everything_off)
    separator.process(sound[:, :4000])
    assert separator.open_count == 0
