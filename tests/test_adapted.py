"""What was learnt while playing: saved as a preset, mapped back onto the preset's own bins, frozen and let go on."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from conftest import PROVENANCE, RATE, SMALL, WINDOW, band, make_preset, midi, one_stem, play, prepared, two_parts
from engine_state import part_of, plan_of, templates_of
from sounds import divergence

from rtsep.cli import main
from rtsep.engine.adapted import adapted_preset, steady_rows
from rtsep.errors import RtsepError
from rtsep.hosts.keep import Keeper
from rtsep.presets.preset import load_preset, save_preset
from rtsep.windows import map_templates, retune_templates

LEARNS = {**SMALL, "adapt_hold_s": 0.02}
HEARD = (60, 67)


def tones(samples, rate=RATE):
    """A sound of both HEARD pitches, brighter than the preset."""
    time = np.arange(samples) / rate
    f0 = 440 * 2 ** ((np.array(HEARD)[:, None] - 69) / 12)
    return sum(np.sin(2 * np.pi * m * f0 * time).sum(axis=0) / m**0.5 for m in range(1, 9))[None].astype(np.float32) / 8


def played(preset, params=LEARNS, samples=8000, rate=RATE, routing=None):
    """A separator that has heard a band with the notes HEARD: 60 left and 67 right."""
    separator = prepared(preset, routing or two_parts(), params, rate=rate)
    play(separator, tones(samples, rate), midi((0, 0x90, 60, 90), (0, 0x90, 67, 90, 1)))
    return separator


# --- templates --------------------------------------------------------------------------------------------------------


def test_rows_that_were_heard_are_as_they_are_now_and_the_others_as_they_were(preset):
    separator = played(preset)
    kept, heard = adapted_preset(separator), np.isin(preset.row_pitch, HEARD)
    now = templates_of(separator)
    np.testing.assert_allclose(kept.W[heard], now[heard], rtol=1e-4, atol=1e-9)
    assert np.array_equal(kept.W[~heard], preset.W[~heard])
    assert divergence(kept.W, preset.W)[heard].min() > 0.01
    np.testing.assert_allclose(kept.W.sum(axis=1, dtype=float), 1, atol=2e-4)  # half precision


def test_a_saved_preset_goes_on_where_the_session_ended(preset, tmp_path):
    separator = played(preset)
    save_preset(adapted_preset(separator, background=True, made_by="a test"), tmp_path / "kept.npz")
    kept = load_preset(tmp_path / "kept.npz")
    plan = plan_of(prepared(kept, two_parts()))
    np.testing.assert_allclose(plan.W, part_of(separator, "adaptation").W, rtol=2e-3, atol=2e-6)
    assert kept.provenance["made_by"] == "a test" and kept.provenance["source"].startswith(PROVENANCE["source"])


def test_a_preset_that_learnt_nothing_is_the_same_file(preset, tmp_path):
    separator = played(preset, {**SMALL, "adapt": False})
    kept = replace(adapted_preset(separator), provenance=preset.provenance)
    for name, each in (("a", preset), ("b", kept)):
        save_preset(each, tmp_path / f"{name}.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("rate, window", [(48000, 1024), (44100, 2048), (96000, 2048)])
def test_another_rate_or_window_is_mapped_back_without_blur(preset, rate, window):
    """What the saved preset makes of the session's bins is nearer to what was learnt there than the preset was."""
    separator = played(preset, {**LEARNS, "window_samples": window}, rate=rate)
    kept = adapted_preset(separator)
    heard = np.isin(preset.row_pitch, HEARD)
    assert kept.W.shape == preset.W.shape and np.array_equal(kept.W[~heard], preset.W[~heard])
    now = templates_of(separator)[heard]
    before, after = (map_templates(each.W, RATE, WINDOW, rate, window)[heard] for each in (preset, kept))
    assert (divergence(now, after) < 0.5 * divergence(now, before)).all()


def test_the_tuning_that_was_played_is_the_saved_preset_s_own(preset):
    separator = played(replace(preset, defaults={"tuning_cents": 30}))
    kept, heard = adapted_preset(separator), np.isin(preset.row_pitch, HEARD)
    assert "tuning_cents" not in kept.defaults
    np.testing.assert_allclose(kept.W[~heard], retune_templates(preset.W, 30)[~heard], atol=1e-7)


def test_pitches_that_were_filled_and_then_heard_are_filled_no_more(preset):
    filled = np.zeros(128, bool)
    filled[[60, 72]] = True
    assert np.flatnonzero(adapted_preset(played(replace(preset, filled=filled))).filled).tolist() == [72]


def test_each_stem_has_the_preset_it_plays():
    low, high = make_preset(seed=3), make_preset(seed=4)
    separator = played([low, high])
    for stem, (preset, pitch) in enumerate(((low, 60), (high, 67))):
        changed = (adapted_preset(separator, stem).W != preset.W).any(axis=1)
        assert np.unique(preset.row_pitch[changed]).tolist() == [pitch]


def test_rows_beyond_the_session_s_nyquist_keep_their_place():
    high = make_preset((48, 60, 127))
    assert np.isclose(high.W[high.row_pitch == 127].sum(), 2)
    separator = played(high, {**LEARNS}, rate=22050.0, routing=one_stem())
    kept = adapted_preset(separator)
    changed = (kept.W != high.W).any(axis=1)
    assert np.unique(high.row_pitch[changed]).tolist() == [60]


# --- background -------------------------------------------------------------------------------------------------------


def test_a_background_that_cannot_be_had_is_told(preset):
    with pytest.raises(RtsepError, match="no background to save"):
        adapted_preset(played(preset, {**SMALL, "background": 0}), background=True)
    coarse = played(make_preset(window=4096), {**SMALL, "window_samples": 1024})
    with pytest.raises(RtsepError, match="window of 1024 samples at 44100 Hz, which is too coarse for small"):
        adapted_preset(coarse, background=True)
    assert adapted_preset(coarse).background is None


# --- a consistent copy ------------------------------------------------------------------------------------------------


class Written:
    """W while it is written: the first two readings find row 1 half done."""

    def __init__(self):
        self.shape, self.readings = (3, 4), 0

    def __getitem__(self, rows):
        self.readings += 1
        W = np.full((3, 4), self.readings >= 3, np.float32)
        W[[0, 2]] = 5
        W[1, 0] += self.readings == 2
        return W[rows]


def test_a_row_that_is_being_written_is_read_again():
    copy = steady_rows(Written(), (0, 1, 2))
    assert (copy == [[5], [1], [5]]).all()


# --- freezing ---------------------------------------------------------------------------------------------------------


def frozen_and_thawed(preset, params, first, second):
    """W at the start, after 4000 samples, a hop later with `first` changed, after 8000, after 12000 with `second` changed."""
    separator, sound = prepared(preset, one_stem(), params), band(np.random.default_rng(5), 12000)
    found = [part_of(separator, "adaptation").W.copy()]
    for begin, end, change in ((0, 4000, {}), (4000, 4096, first), (4096, 8000, first), (8000, 12000, second)):
        separator.exchange(params=change)
        play(separator, sound[:, begin:end], midi((0, 0x90, 60, 90)) if begin == 0 else None)
        found.append(part_of(separator, "adaptation").W.copy())
    return found


def test_frozen_templates_stay_as_they_have_become_and_learn_on_from_there(preset):
    off, on = ({"adapt": on, "background_learns": on} for on in (False, True))
    start, learnt, at_once, frozen, thawed = frozen_and_thawed(preset, LEARNS, off, on)
    assert np.abs(learnt - start).max() > 1e-3 and np.array_equal(at_once, frozen)
    assert np.abs(at_once - learnt).max() < 0.1 * np.abs(learnt - start).max()
    assert not np.array_equal(frozen, thawed)


def test_templates_that_may_learn_only_later_do_not_jump(preset):
    """Where adaptation begins in mid-play, a template is worth its hold as it would have been at the start."""
    params = {**SMALL, "adapt": False, "background": 0}
    start, _, _, learnt, _ = frozen_and_thawed(preset, params, {"adapt": True}, {})
    _, reference, *_ = frozen_and_thawed(preset, {**params, "adapt": True}, {}, {})
    assert 0 < np.abs(learnt - start).sum() < 2 * np.abs(reference - start).sum()


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_keeper_replaces_only_what_it_wrote_itself(preset, tmp_path):
    separator, path = played(preset), tmp_path / "kept.npz"
    keeper = Keeper(separator, [str(path)], False, False, "")
    assert keeper.keep_all(separator) == keeper.keep_all(separator) == [path] == [keeper.keep(separator, 1)]
    with pytest.raises(RtsepError, match="there already"):
        Keeper(separator, [str(path)], False, False, "")
    Keeper(separator, [str(path)], True, False, "").keep_all(separator)


def test_a_name_that_is_taken_meanwhile_is_no_error_at_the_end(preset, tmp_path):
    separator, path = played(preset), tmp_path / "kept.npz"
    keeper = Keeper(separator, [str(path)], False, False, "")
    path.write_text("another's")
    assert keeper.keep_all(separator) == [tmp_path / "kept-1.npz"] and path.read_text() == "another's"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be killed")
def test_a_preset_that_was_killed_before_it_had_its_name_is_found(preset, tmp_path, monkeypatch):
    """Killed once when it is whole, once in the middle."""
    monkeypatch.setattr("rtsep.hosts.keep.user_folder", lambda: tmp_path / "mine")
    separator, path = played(preset), tmp_path / "kept.npz"
    keeper = Keeper(separator, [str(path)], False, False, "")
    for name in ("sync", "save_preset"):
        child = os.fork()
        if child == 0:
            monkeypatch.setattr(f"rtsep.hosts.keep.{name}", lambda *given: (
                given[1:] and given[1].write_bytes(b"PK half of it"), os.kill(os.getpid(), signal.SIGKILL)))
            keeper.keep_all(separator)
        os.waitpid(child, 0)
    left = sorted(tmp_path.glob(".kept.npz.*.part"))
    assert len(left) == 2 and not keeper.leftovers() and not path.exists(), "they might still be being written"
    for each in left:
        os.utime(each, (1, 1))
    said = keeper.leftovers()
    assert len(said) == 2 and sum("is lost" in text for text in said) == 1 and sum(str(path) in text for text in said) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["kept.npz"] and not keeper.leftovers()
    assert load_preset(path).provenance["source"].startswith(PROVENANCE["source"])


def test_whose_preset_is_meant_must_be_said(tmp_path):
    separator = prepared([make_preset(seed=3), make_preset(seed=4)], two_parts())
    for texts, words in ((["x.npz"], "--save-preset x.npz@left"), (["x@nobody"], "nobody"), (["piano@left"], "bundled"),
                         ([f"{tmp_path}/x@left", f"{tmp_path}/x@right"], "two stems")):
        with pytest.raises(RtsepError, match=words):
            Keeper(separator, texts, False, False, "")
    keeper = Keeper(separator, [f"{tmp_path}/a@left", f"{tmp_path}/b@right"], False, False, "")
    assert [path.name for path in keeper.keep_all(separator)] == ["a.npz", "b.npz"]


@pytest.fixture
def files(tmp_path):
    """A sound, its notes and a preset, as arguments of render."""
    import mido

    soundfile.write(tmp_path / "mix.wav", tones(22050).T, 44100)
    track = mido.MidiTrack([mido.Message("note_on", note=pitch, velocity=90) for pitch in HEARD])
    track.append(mido.Message("note_off", note=60, time=400))
    mido.MidiFile(tracks=[track]).save(tmp_path / "notes.mid")
    save_preset(make_preset(window=4096), tmp_path / "small.npz")
    return ["render", str(tmp_path / "mix.wav"), "--midi", str(tmp_path / "notes.mid"), "--preset", str(tmp_path / "small.npz"),
            "--out", str(tmp_path / "out"), "--save-preset", str(tmp_path / "kept")]


def test_render_saves_and_refuses(files, tmp_path, capsys):
    assert main([*files, "--save-background"]) == 0
    kept, preset = load_preset(tmp_path / "kept.npz"), load_preset(tmp_path / "small.npz")
    assert np.unique(preset.row_pitch[(kept.W != preset.W).any(axis=1)]).tolist() == [60, 67] and kept.background is not None
    assert json.loads((tmp_path / "out" / "report.json").read_text())["saved_presets"] == [str(tmp_path / "kept.npz")]
    before = (tmp_path / "kept.npz").read_bytes()
    again = [str(tmp_path / "out2") if word == str(tmp_path / "out") else word for word in files]
    assert main(again) == 2 and "kept.npz is there already" in capsys.readouterr().err
    assert not (tmp_path / "out2").exists() and (tmp_path / "kept.npz").read_bytes() == before
    assert main([*again, "--mode", "all"]) == 2 and "one mode" in capsys.readouterr().err
    assert main([*again, "--overwrite"]) == 0
