"""A score in line with a sound: any tempo, jitter, pauses, repeats, cuts, starts in the middle, and sounds of other pieces."""

from itertools import pairwise

import numpy as np
import pytest
from instruments import RATE, chords, sound_of

from rtsep.fit import align as fit_align
from rtsep.fit import paths
from rtsep.fit.align import align
from rtsep.fit.grid import WAITING, make_grid
from rtsep.fit.paths import coarse_path
from rtsep.fit.unrolled import unroll
from rtsep.notes.score import NOTE

PITCHES = (48, 52, 55, 57, 60, 62, 64, 67, 69, 72, 76)
SECONDS = 16.0


class Array:
    """An array that is read like a sound file."""

    def __init__(self, samples, sample_rate=RATE):
        self.samples, self.sample_rate, self.frames = samples[None], sample_rate, len(samples)

    def read(self, begin, end):
        return self.samples[:, begin:end]


def played(notes, seconds=None):
    """The sound of notes."""
    return Array(sound_of(notes, notes["offset_s"].max() + 0.5 if seconds is None else seconds))


def at_times(notes, times):
    """The notes with other times; `times` is a function of seconds."""
    moved = notes.copy()
    for name in ("onset_s", "offset_s"):
        moved[name] = times(notes[name])
    return np.sort(moved, order="onset_s")


def section(notes, begin_s, end_s, at_s):
    """The notes that begin in a section, which is played at another time."""
    inside = notes[(notes["onset_s"] >= begin_s) & (notes["onset_s"] < end_s)].copy()
    inside["offset_s"] = np.minimum(inside["offset_s"], end_s) + at_s - begin_s
    inside["onset_s"] += at_s - begin_s
    return inside


def share_in_place(found, true, within_s=0.06):
    """The share of the true notes that the alignment has, no further away than this."""
    hits = [np.abs(found["onset_s"][found["pitch"] == note["pitch"]] - note["onset_s"]).min(initial=9.0) <= within_s
            for note in true]
    return float(np.mean(hits))


@pytest.fixture(scope="module")
def music():
    return chords(np.random.default_rng(5), PITCHES, SECONDS)


@pytest.fixture(scope="module")
def sound(music):
    return played(music)


def swinging(seconds):
    """Times in a score whose tempo swings by 20 %."""
    return seconds + 0.2 * 4 / (2 * np.pi) * np.sin(2 * np.pi * seconds / 4)


TIMES = {"in time": lambda s: s, "the tempo swings": swinging, "half the tempo": lambda s: 2 * s,
         "twice the tempo": lambda s: s / 2, "a score that begins later": lambda s: s + 7.0,
         "a tempo that changes once": lambda s: np.where(s < 8, s, 8 + 0.6 * (s - 8))}


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_notes_come_when_they_sound(music, sound, times):
    found = align(sound, at_times(music, times))
    assert share_in_place(found.notes, music) >= 0.95 and len(found.notes) >= 0.97 * len(music) and not found.jumps
    assert np.abs(np.median(share_errors(found.notes, music))) < 0.015


def share_errors(found, true):
    """The signed errors of the notes."""
    away = [found["onset_s"][found["pitch"] == note["pitch"]] - note["onset_s"] for note in true]
    return np.array([each[np.abs(each).argmin()] for each in away if len(each)])


def test_notes_with_jitter(music, sound, rng):
    score = music.copy()
    moved_s = rng.uniform(-0.1, 0.1, len(score))
    score["onset_s"] = np.maximum(score["onset_s"] + moved_s, 0)
    score["offset_s"] += moved_s
    before = share_in_place(score, music)
    assert before < 0.75 and share_in_place(align(sound, np.sort(score, order="onset_s")).notes, music) >= 0.9


def test_wrong_missing_and_extra_notes(music, sound, rng):
    score = at_times(music[rng.random(len(music)) > 0.05], swinging)
    wrong = rng.random(len(score)) < 0.05
    score["pitch"][wrong] += 1
    extra = score[rng.random(len(score)) < 0.05].copy()
    extra["pitch"] -= 2
    found = align(sound, np.sort(np.concatenate([score, extra]), order="onset_s"))
    right = at_times(score[~wrong], lambda s: np.interp(s, swinging(np.arange(0, 40, 0.01)), np.arange(0, 40, 0.01)))
    assert share_in_place(found.notes, right) >= 0.93


def test_only_the_beginning_tells_the_speed(monkeypatch, music, sound):
    monkeypatch.setattr(fit_align, "TRIED_STEPS", 250)
    assert share_in_place(align(sound, at_times(music, lambda s: 2 * s)).notes, music) >= 0.95


def test_a_repeat_that_the_score_does_not_write_out(music):
    whole = np.concatenate([section(music, 0, 11, 0), section(music, 5, SECONDS + 9, 11)])
    found = align(played(whole), at_times(music, swinging))
    assert share_in_place(found.notes, whole) >= 0.95 and len(found.notes) >= 0.97 * len(whole)
    ((at_s, from_s, to_s),) = found.jumps
    assert at_s == pytest.approx(11, abs=0.5)
    assert from_s == pytest.approx(swinging(11), abs=0.5) and to_s == pytest.approx(swinging(5), abs=0.5)
    assert (np.diff(found.path_s[:, 1]) < 0).sum() == 1


def test_a_passage_that_the_player_leaves_out(music):
    whole = np.concatenate([section(music, 0, 5, 0), section(music, 10, SECONDS + 9, 5)])
    found = align(played(whole), at_times(music, swinging))
    assert share_in_place(found.notes, whole) >= 0.93 and len(found.notes) <= 1.1 * len(whole) and len(found.jumps) == 1


def test_a_pause_of_the_player(music):
    whole = at_times(music, lambda s: np.where(s < 8, s, s + 5))
    whole["offset_s"] = np.minimum(whole["offset_s"], whole["onset_s"] + 1)
    found = align(played(whole), music)
    assert share_in_place(found.notes, whole) >= 0.93 and abs(len(found.notes) - len(whole)) <= 3 and not found.jumps


def test_a_recording_of_the_middle_of_a_score(music, sound):
    part = Array(sound.samples[0, 5 * RATE : 12 * RATE])
    found = align(part, music)
    there = section(music, 5.1, 11.9, 0.1)
    assert share_in_place(found.notes, there) >= 0.93
    assert set(found.source.tolist()) <= set(np.flatnonzero((music["onset_s"] > 4) & (music["onset_s"] < 13)).tolist())


def test_what_an_alignment_is(music, sound):
    score = at_times(music, swinging)
    found = align(sound, score)
    for name in ("pitch", "velocity", "part", "channel"):
        assert np.array_equal(found.notes[name], score[name][found.source])
    assert (np.diff(found.notes["onset_s"]) >= 0).all()
    assert (found.notes["offset_s"] - found.notes["onset_s"] >= 0.05 - 1e-9).all()
    assert found.notes["onset_s"].min() >= 0 and found.notes["onset_s"].max() <= sound.frames / RATE
    assert np.nanmean(found.heard) > 0.85


def test_the_notes_of_another_piece_are_heard_no_more_than_by_chance(sound):
    other = chords(np.random.default_rng(99), (49, 51, 54, 58, 61, 63, 66, 70), SECONDS)
    found = align(sound, other)
    assert len(found.notes) < 8 or np.nanmean(found.heard) < 0.7


def test_silence_and_a_single_note(music):
    assert len(align(Array(np.zeros(RATE, np.float32)), music).notes) <= len(music)
    alone = np.array([(0.5, 1.0, 60, 80, 0, 0)], NOTE)
    found = align(played(alone, 2.0), at_times(alone, lambda s: s + 3))
    assert len(found.notes) == 1 and found.notes["onset_s"][0] == pytest.approx(0.5, abs=0.03)


# --- paths ------------------------------------------------------------------------------------------------------------


def best_of_all(evidence, silent, starts):
    """The best path, by a table of all cells and steps."""
    steps, cells = evidence.shape
    score = np.where(starts, paths.JUMP / 2, paths.IMPOSSIBLE)
    score[0], came = 0, []
    for step in range(steps):
        best, origin = np.full(cells, -np.inf), np.zeros(cells, int)
        for cell in range(cells):
            ways = {cell - k: score[cell - k] + paths.COARSE[k] for k in range(4) if cell >= k}
            if cell in (0, cells - 1) or silent[step]:
                ways[cell] = score[cell] + paths.COARSE[1]
            if starts[cell]:
                top = int(score.argmax())
                ways[top] = max(ways.get(top, -np.inf), score[top] + paths.JUMP)
            origin[cell] = max(ways, key=ways.get)
            best[cell] = ways[origin[cell]] + evidence[step, cell]
        score = best
        came.append(origin)
    path = [int(score.argmax())]
    for origin in reversed(came[1:]):
        path.append(int(origin[path[-1]]))
    return path[::-1]


@pytest.mark.parametrize("block", [1, 7, 256])
def test_the_coarse_path_is_the_best_of_all_paths(monkeypatch, rng, block):
    monkeypatch.setattr(paths, "BLOCK", block)
    for _ in range(5):
        evidence = (6 * rng.standard_normal((40, 12))).astype(np.float32)
        silent, starts = rng.random(40) < 0.2, rng.random(12) < 0.3
        starts[0] = True
        path = coarse_path(lambda steps, evidence=evidence: evidence[steps], silent, starts)
        known = best_of_all(evidence, silent, starts)
        assert path.tolist() == known


def test_the_grid_keeps_the_order_of_notes_that_lie_close_together():
    notes = np.array([(onset, onset + 0.5, pitch, 80, 0, 0) for onset, pitch in ((0.1, 60), (0.105, 64), (0.12, 67), (2, 72))],
                     NOTE)
    grid = make_grid(notes, 0.08)
    assert grid.group.tolist() == [0, 0, 1, 2] and all(one < other for one, other in pairwise(grid.first.tolist()))
    assert grid.struck.sum() == 3 and grid.starts[0] and set(grid.quiet[[0, -1]]) == {np.float32(WAITING)}
    assert np.exp(grid.levels).sum(axis=0) == pytest.approx(np.ones(grid.cells), rel=1e-4)


def test_rough_times_do_not_drift_in_a_long_score():
    notes = np.array([(t, t + 0.4, 60 + n % 12, 80, 0, 0) for n, t in enumerate(np.arange(0.5, 300, 0.5))], NOTE)
    grid, steps = make_grid(notes, 0.08), round(300 / 1.5 / 0.08)
    path = np.minimum(grid.first[0] + np.rint(1.5 * np.arange(steps)).astype(np.int64), grid.cells - 1)  # 1.5 times the tempo
    found = unroll(notes, grid, path, 0.08, 0.02, 4 * steps)
    told = np.interp(grid.first, path, 0.08 * (np.arange(steps) + 0.5))
    assert np.abs(found.notes["onset_s"] - told[grid.group]).max() < 0.15 and not found.seams
    where = found.grid.first[found.grid.group][np.searchsorted(found.notes["onset_s"], [50, 100, 150])]
    assert np.abs(found.around[[2500, 5000, 7500]] - where).max() < 40
