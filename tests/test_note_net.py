"""The note net: its inputs, and the tool that trains it."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import train_note_net
from laboratory import note_training
from laboratory.mixes import RATE
from laboratory.note_inputs import fast_inputs
from laboratory.note_material import Clip
from laboratory.note_training import NEAR, NO, YES, Descent, gradients, material, train
from laboratory.sources import NOTE
from train_note_net import write

from rtsep.fit.hearing import LOWEST, PITCHES
from rtsep.listening import note_net as note_net_module
from rtsep.listening.note_finder import LATE_FRAMES
from rtsep.listening.note_net import (
    ACTIVATIONS_AT,
    BANDS_AT,
    COLUMNS,
    FRAMES,
    HISTORY,
    INPUTS,
    MARGIN,
    PAST_ACTIVATIONS_AT,
    PAST_FRAMES,
    PASTS,
    Net,
    Seen,
    answer,
    inputs,
    note_net,
    read_net,
)
from rtsep.listening.transcriber import Transcriber
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset

DELAY = 5


def seen(rng, frames=HISTORY + 60):
    levels = [np.zeros((frames, COLUMNS), np.float32) for _ in range(2)]
    for part in levels:
        part[HISTORY:, MARGIN : MARGIN + PITCHES] = rng.random((frames - HISTORY, PITCHES))
    return Seen(*levels, rng.random(frames).astype(np.float32), np.ones(frames, np.float32))


def test_inputs_are_what_lies_around_the_pitch(rng):
    sight = seen(rng)
    frame, pitch = HISTORY + 40, 30
    x = inputs(sight, np.array([frame]), np.array([pitch]))[0]
    own = np.flatnonzero(ACTIVATIONS_AT == 0)[0]
    assert len(x) == INPUTS
    newest = (FRAMES - 1) * len(ACTIVATIONS_AT) + own
    assert x[newest] == sight.activations[frame, MARGIN + pitch]
    octave = FRAMES * len(ACTIVATIONS_AT) + np.flatnonzero(BANDS_AT == 12)[0]
    assert x[octave] == sight.bands[frame - FRAMES + 1, MARGIN + pitch + 12]
    assert x[-1] == sight.held[frame] == 1


def test_the_past_is_in_the_inputs_as_means(rng):
    sight = seen(rng)
    frame, pitch = HISTORY + 40, 30
    past = inputs(sight, np.array([frame]), np.array([pitch]))[0][FRAMES * (len(ACTIVATIONS_AT) + len(BANDS_AT) + 1) :]
    own = np.flatnonzero(PAST_ACTIVATIONS_AT == 0)[0]
    for part in range(PASTS):
        last = frame - FRAMES - part * PAST_FRAMES
        mean = sight.activations[last - PAST_FRAMES + 1 : last + 1, MARGIN + pitch].mean()
        assert past[part * len(PAST_ACTIVATIONS_AT) + own] == pytest.approx(mean, rel=1e-6)
    assert HISTORY == FRAMES + PASTS * PAST_FRAMES


def test_the_fast_inputs_are_the_same(rng):
    sight = seen(rng)
    frames, pitches = np.tile([HISTORY, HISTORY + 50], 3), np.repeat([0, 40, PITCHES - 1], 2)
    assert np.abs(fast_inputs(sight, frames, pitches) - inputs(sight, frames, pitches)).max() < 1e-6


@pytest.mark.parametrize(("presets", "piano"), [(["piano"], True), (["gm-piano"], True), (["electric-piano"], False),
                                                ([], False), (["piano", "violin"], False)])
def test_pianos_have_their_own_net(presets, piano, monkeypatch):
    used = []
    monkeypatch.setattr(note_net_module, "answer", lambda x, net: used.append(net) or np.zeros((len(x), 3), np.float32))
    Transcriber([load_preset(find_preset(preset)) for preset in presets], RATE).hear(np.zeros((1, 2000), np.float32))
    assert used and all(net is note_net(piano) for net in used)


@pytest.mark.parametrize(("preset", "held"), [("piano", 0), ("nylon-guitar", 0), ("violin", 1), ("organ", 1)])
def test_the_net_is_told_whether_notes_are_held(preset, held, monkeypatch):
    seen = []
    monkeypatch.setattr(note_net_module, "answer", lambda x, net: seen.append(x[:, -1]) or np.zeros((len(x), 3), np.float32))
    Transcriber([load_preset(find_preset(preset))], RATE).hear(np.zeros((1, 2000), np.float32))
    assert np.all(np.concatenate(seen) == held)


@pytest.mark.parametrize("pitch", [0, PITCHES - 1])
def test_the_outermost_pitches_have_silence_around_them(rng, pitch):
    assert np.isfinite(inputs(seen(rng), np.array([HISTORY]), np.array([pitch]))).all()


def test_what_the_net_should_answer(rng):
    notes = np.array([(0.1, 0.3, 60, 127)], NOTE)
    given = material([(seen(rng), notes)], DELAY)
    onset, at, row = given.onset[:, 60 - LOWEST], HISTORY + 10 + DELAY, 60 - LOWEST
    assert onset[at - 1 : at + 3].tolist() == [NEAR, YES, YES, NEAR] and (onset != NO).sum() == 4
    sounding = np.flatnonzero(given.sounds[:, row]) - HISTORY - LATE_FRAMES
    assert (sounding[0], sounding[-1]) == (10, 29) and given.velocity[at, row] == 1
    assert not given.onset[:, row + 1].any() and given.usable.sum() == 60


def test_gradients_are_those_of_the_loss(rng):
    descent = Descent(rng, (INPUTS, 5, 4, 3))
    net = Net(*(part.astype(np.float64) for part in descent.weights), DELAY)
    x, wanted = rng.random((6, INPUTS)), rng.random((6, 3))
    found = gradients(net, x, lambda output: output - wanted)
    for layer, gradient in enumerate(found):
        at = tuple(int(rng.integers(size)) for size in gradient.shape)
        losses = []
        for step in (1e-6, -1e-6):
            moved = [part.copy() for part in net[:3]]
            moved[layer][at] += step
            losses.append(0.5 * ((answer(x, Net(*moved, DELAY)) - wanted) ** 2).sum() / len(x))
        assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(gradient[at], abs=1e-6)


def test_it_learns_and_the_file_keeps_it(rng, tmp_path, monkeypatch):
    """A note whose activation jumps is told from steady ones."""
    monkeypatch.setattr(note_training, "BATCH", 32)
    sight = seen(rng, HISTORY + 400)
    notes = np.array([(0.3 + 0.3 * i, 0.5 + 0.3 * i, 60, 100) for i in range(11)], NOTE)
    for onset in notes["onset_s"]:
        begin = HISTORY + round(onset * 100)
        sight.activations[begin : begin + 20, MARGIN + 60 - LOWEST] += 4
    given = material([(sight, notes)], DELAY)
    net = train(given, rounds=8, say=lambda text: None)
    frames = np.arange(HISTORY, len(sight.rise))
    sure = answer(inputs(sight, frames, np.full(len(frames), 60 - LOWEST)), net)[:, 0]
    onset = given.onset[HISTORY:, 60 - LOWEST]
    assert sure[onset == YES].mean() > sure[onset == NO].mean() + 3
    write(net, tmp_path / "net.npz")
    read = read_net(tmp_path / "net.npz")
    assert read.delay_frames == DELAY and np.abs(read.first - net.first).max() < 0.01
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]


def test_the_tool_makes_a_net_from_clips(rng, tmp_path, monkeypatch, capsys):
    """From sound to the file, with two short clips in place of its own."""
    def clips(groups, shared):
        for pitch in (57, 64)[: 2 * groups]:
            notes = np.array([(0.2 + 0.5 * i, 0.6 + 0.5 * i, pitch + i, 90) for i in range(4)], NOTE)
            sound = 0.001 * rng.standard_normal(round(2.5 * RATE))
            for onset, end, key, _ in notes.tolist():
                time = np.arange(round((end - onset) * RATE)) / RATE
                tone = np.sin(2 * np.pi * 440 * 2 ** ((key - 69) / 12) * time) * np.exp(-4 * time)
                sound[round(onset * RATE) :][: len(tone)] += 0.3 * tone
            yield Clip(sound.astype(np.float32), notes, "")

    monkeypatch.setattr(train_note_net, "clips_for_training", clips)
    monkeypatch.setattr(note_training, "BATCH", 16)
    out = tmp_path / "net.npz"
    train_note_net.main(["--groups", "1", "--rounds", "3", "--delay-frames", "4", "--out", str(out)])
    said, net = capsys.readouterr().out, read_net(out)
    assert "round 3 of 3" in said and str(out) in said and net.delay_frames == 4
    assert [part.shape for part in net[:3]] == [part.shape for part in note_net()[:3]]
    assert all(np.isfinite(part).all() for part in net[:3])


@pytest.mark.parametrize("piano", [True, False])
def test_the_shipped_nets_fit_the_code(piano):
    net = note_net(piano)
    assert [part.shape[0] for part in net[:3]] == [INPUTS + 1, net.first.shape[1] + 1, net.second.shape[1] + 1]
    assert 4 <= net.delay_frames <= 6
