"""`rtsep train` and what it learns: templates that tell notes apart, filled pitches, all or nothing on disk."""

import json
from dataclasses import replace

import numpy as np
import pytest
from instruments import RATE, scale, sound_of, tone, write_csv, write_sound

from rtsep.cli import main
from rtsep.presets.preset import load_preset, save_preset
from rtsep.training.combine import stack
from rtsep.training.fill import LEAST, fill, fill_range, mend_gaps, move_partials, shift_templates
from rtsep.training.initial import pitch_hz
from rtsep.training.isolated import Notes, Settings, train

PITCHES = (55, 60, 62, 67)


def notes_of(notes, **timbre):
    """Isolated notes as training takes them."""
    return Notes(sound_of(notes, notes["offset_s"].max() + 0.5, **timbre), float(RATE), notes["onset_s"], notes["offset_s"],
                 notes["pitch"].astype(np.int64), notes["velocity"].astype(np.int64))


@pytest.fixture(scope="module")
def learnt():
    """Templates of four pitches."""
    return train(notes_of(scale(PITCHES)))


def partial_bin(learnt, pitch, number=1):
    return round(number * 440 * 2 ** ((pitch - 69) / 12) * learnt.framing.window_size / RATE)


# --- isolated notes ---------------------------------------------------------------------------------------------------


def test_templates_are_harmonic(learnt):
    assert learnt.row_pitch.tolist() == [p for p in PITCHES for _ in range(2)]
    assert learnt.row_role == ("attack", "sustain") * 4 and learnt.reason == "max_iter"
    np.testing.assert_allclose(learnt.W.sum(axis=1), 1, rtol=1e-5)
    assert np.all(np.diff(learnt.losses) <= 0) and len(learnt.losses) == 6
    for row, pitch in zip(learnt.W[1::2], PITCHES, strict=True):
        assert abs(int(np.argmax(row)) - partial_bin(learnt, pitch)) <= 1
    noise = [row[partial_bin(learnt, pitch, 1) + 5 : partial_bin(learnt, pitch, 2) - 5].sum()
             for row, pitch in zip(learnt.W, learnt.row_pitch, strict=True)]
    assert sum(noise[::2]) > 1.3 * sum(noise[1::2]), "between the partials, an attack is the noisier stage"


def test_times_are_measured(learnt):
    """12 of 60 dB within 0.15 s is 30 ms; -60 dB after 2 s."""
    np.testing.assert_allclose(learnt.release_s[list(PITCHES)], 0.03, atol=0.02)
    np.testing.assert_allclose(learnt.decay_s[list(PITCHES)], 2.0, rtol=0.25)
    assert not learnt.release_s[[54, 61]].any()


@pytest.mark.parametrize("templates, levels, rows", [(1, 1, 1), (3, 1, 3), (2, 2, 4), (1, 5, 2)])
def test_templates_per_pitch_and_level(templates, levels, rows):
    """Two velocities make at most two levels."""
    got = train(notes_of(scale((60, 64))), Settings(templates, levels))
    assert np.bincount(got.row_pitch)[[60, 64]].tolist() == [rows, rows]


@pytest.mark.parametrize("method", ["nae", "nae-gradient", "nae-signed"])
def test_autoencoders(learnt, method):
    """Single pitches cannot teach an encoder to tell them apart, so it is not kept."""
    got = train(notes_of(scale(PITCHES)), Settings(method=method, iterations=10))
    assert np.all(np.diff(got.losses) <= 0) and got.encoder is None
    cosine = (got.W * learnt.W).sum(axis=1) / np.sqrt((got.W**2).sum(axis=1) * (learnt.W**2).sum(axis=1))
    assert cosine.min() > 0.8


def test_channels_and_gain_change_nothing():
    notes = notes_of(scale((60,)))
    want = train(notes)
    for sound in (np.stack([notes.sound, notes.sound]), 1000 * notes.sound):
        np.testing.assert_allclose(train(replace(notes, sound=sound)).W, want.W, atol=1e-5)


def test_an_interrupt_keeps_the_pitches_that_are_done():
    def stop(_what, done, _total, _loss):
        if done == 2:
            raise KeyboardInterrupt

    got = train(notes_of(scale(PITCHES)), progress=stop)
    assert got.reason == "interrupted" and np.unique(got.row_pitch).tolist() == [55, 60]


# --- filling and stacking ---------------------------------------------------------------------------------------------


def test_shifted_templates_lie_where_the_note_would(learnt):
    own = train(notes_of(scale((64,)))).W[1]
    shifted = shift_templates(learnt.W[5:6], 2.0)[0]  # 62 to 64
    cosine = (own * shifted).sum() / np.sqrt((own**2).sum() * (shifted**2).sum())
    unshifted = (own * learnt.W[5]).sum() / np.sqrt((own**2).sum() * (learnt.W[5] ** 2).sum())
    assert cosine > 0.9 > 0.3 > unshifted
    np.testing.assert_allclose(shift_templates(learnt.W, 0), learnt.W, rtol=1e-5)


def comb(pitch, bins=2049, bin_hz=44100 / 4096):
    """Ten narrow partials, 1 / m; nothing between them."""
    row, m = np.zeros(bins), np.arange(1, 11)
    row[np.round(m * pitch_hz(pitch) / bin_hz).astype(int)] = 1 / m
    return (row / row.sum()).astype(np.float32)


def test_moved_partials_lie_where_the_note_would_and_stay_as_narrow():
    for to in (57, 69, 76, 81):
        moved = move_partials(comb(69), 69, to, 44100 / 4096)
        assert np.isclose(moved.sum(), 1) and (moved > 0).sum() <= 20, "a partial that falls between bins is in both"
        near = np.convolve(comb(to), np.ones(3), "same") > 0
        assert moved[near].sum() > 0.99


def test_a_row_that_lacks_a_partial_gets_a_share_of_its_neighbours():
    pitch, bin_hz = np.arange(60, 65), 44100 / 4096
    whole = np.stack([np.convolve(comb(each), [0.2, 0.6, 0.2], "same") for each in pitch]).astype(np.float32)
    third = slice(*np.round(pitch_hz(62) * 3 / bin_hz + np.array([-2, 3])).astype(int))
    holed = whole.copy()
    holed[2, third] = 0
    mended = mend_gaps(holed, pitch, np.full(5, "sustain"), bin_hz)
    np.testing.assert_allclose(mended.sum(axis=1), 1, rtol=1e-5)
    assert 0.7 * LEAST < mended[2, third].sum() / whole[2, third].sum() < 1.5 * LEAST
    loud = whole[0] > 0.005
    np.testing.assert_allclose(mended[0, loud], whole[0, loud] / whole[0].sum(), rtol=0.05, err_msg="what lacks nothing stays")
    alone = mend_gaps(holed[2:3], pitch[2:3], np.full(1, "sustain"), bin_hz)
    np.testing.assert_allclose(alone[0], holed[2] / holed[2].sum(), rtol=1e-6, err_msg="no neighbours")
    roles = np.array(["attack", "attack", "sustain", "attack", "attack"])
    np.testing.assert_allclose(mend_gaps(holed, pitch, roles, bin_hz)[2], alone[0], err_msg="nor of another role")


def test_gaps_and_neighbours_are_filled(learnt):
    missing = fill_range(np.array(PITCHES))
    assert missing.tolist() == [p for p in range(48, 75) if p not in PITCHES]
    whole = fill(learnt, missing)
    assert np.all(np.diff(whole.row_pitch) >= 0) and np.bincount(whole.row_pitch)[48:75].tolist() == [2] * 27
    assert learnt.release_s[60] <= whole.release_s[61] <= learnt.release_s[62] or whole.release_s[61] > 0
    assert whole.decay_s[74] == whole.decay_s[67]


def test_ranges():
    played = np.array([60])
    assert fill_range(played, 60, 62).tolist() == [61, 62]
    assert fill_range(played, 0, 127).tolist() == [*range(36, 60), *range(61, 85)], "not farther than two octaves"
    assert fill_range(np.array([1, 126]))[[0, -1]].tolist() == [0, 127]


def test_stacked_instruments(learnt):
    dark = train(notes_of(scale(PITCHES), bright=2.0))
    both = stack([learnt, dark])
    assert both.row_pitch.tolist() == [p for p in PITCHES for _ in range(4)]
    np.testing.assert_array_equal(both.W[:2], learnt.W[:2])
    np.testing.assert_array_equal(both.W[2:4], dark.W[:2])


def test_encoders_are_stacked_and_filled_with_nothing(learnt):
    own = replace(learnt, encoder=learnt.W + 1)
    both = stack([learnt, own])
    assert both.encoder.any(axis=1).tolist() == [False, False, True, True] * len(PITCHES)
    whole = fill(own, np.array([61]))
    assert np.array_equal(whole.encoder.any(axis=1), whole.row_pitch != 61)
    assert np.array_equal(whole.encoder[whole.row_pitch != 61], own.encoder)


def test_filled_pitches_are_marked(learnt, tmp_path, capsys):
    make(tmp_path, capsys)
    preset = load_preset(tmp_path / "p.npz")
    assert np.flatnonzero(preset.filled).tolist() == [p for p in range(48, 75) if p not in PITCHES]
    save_preset(preset, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "p.npz").read_bytes()
    assert main(["presets", "show", str(tmp_path / "p.npz")]) == 0
    assert "23 pitches without a recording" in capsys.readouterr().out.replace("\n", " ")


# --- the command ------------------------------------------------------------------------------------------------------


def make(folder, capsys, *options, status=0, pitches=PITCHES):
    """Train p.npz in `folder` on isolated notes, without a picture; gives what was printed."""
    notes = scale(pitches)
    sound = write_sound(folder / "a.wav", sound_of(notes, notes["offset_s"].max() + 0.5))
    table = write_csv(folder / "a.csv", notes)
    assert main(["train", str(sound), "--score", str(table), "-o", str(folder / "p.npz"), "--no-picture", *options]) == status
    return capsys.readouterr()


def left(folder):
    """What lies in the folder besides the inputs."""
    return sorted(path.name for path in folder.iterdir() if path.name not in ("a.wav", "a.csv"))


def test_train_writes_a_preset_and_a_report(tmp_path, capsys):
    printed = make(tmp_path, capsys, "--title", "Mine", "--licence", "CC0", "--attribution", "Me", "--no-fill",
                   "--program", "0", "--program", "2")
    assert "4 trained (55 to 67), 0 filled" in printed.out and str(tmp_path / "p.npz") in printed.out
    preset = load_preset(tmp_path / "p.npz")
    assert preset.title == "Mine" and preset.pitches.tolist() == [*PITCHES] and not preset.notes
    assert preset.programs == (0, 2)
    assert preset.provenance["licence"] == "CC0" and preset.provenance["source"] == "a.wav"
    assert preset.provenance["made_by"].startswith("rtsep train ")
    report = json.loads((tmp_path / "p.json").read_text())
    assert report["inputs"] == [{"name": "a.wav", "kind": "isolated notes", "notes": 8, "seconds": 8.3}]
    assert report["losses"][-1] < report["losses"][0] and report["reason"] == "max_iter"
    assert left(tmp_path) == ["p.json", "p.npz"]


def test_nothing_is_replaced_unless_told(tmp_path, capsys):
    make(tmp_path, capsys)
    before = (tmp_path / "p.npz").read_bytes()
    assert "there already" in make(tmp_path, capsys, status=2).err
    make(tmp_path, capsys, "--overwrite", "--no-fill")
    assert (tmp_path / "p.npz").read_bytes() != before


def test_the_input_is_never_replaced(tmp_path, capsys):
    table = write_csv(tmp_path / "p.json", scale((60,)))
    sound = write_sound(tmp_path / "a.wav", tone(60, 1))
    assert main(["train", str(sound), "--score", str(table), "-o", str(tmp_path / "p"), "--overwrite"]) == 2
    assert "is the input" in capsys.readouterr().err and table.read_text().startswith("onset")


@pytest.mark.parametrize("options, words", [
    (["--levels", "9"], ["--levels 9", "1 to 8"]), (["--iterations", "0"], ["--iterations 0"]),
    (["--range", "C4"], ["--range C4"]), (["--range", "C4-A3"], ["60 to 57", "lower"]),
    (["--templates", "3", "--levels", "3"], ["lower"]), (["--range", "X-Y"], ["X"]),
    (["--program", "129"], ["--program 129", "0 to 128"]),
    (["--method", "nae", "--divergence", "kl"], ["--method nae", "--divergence euclid"]),
    (["--method", "nae-signed", "--drums"], ["--method nae-signed", "--drums"]),
])
def test_bad_options(tmp_path, capsys, options, words):
    error = make(tmp_path, capsys, *options, status=2, pitches=(60,)).err
    assert error.count("\n") == 1 and all(word in error for word in words), error
    assert left(tmp_path) == []


def test_silence_is_refused(tmp_path, capsys):
    notes = scale((60,))
    sound, table = write_sound(tmp_path / "a.wav", np.zeros(3 * RATE)), write_csv(tmp_path / "a.csv", notes)
    assert main(["train", str(sound), "--score", str(table), "-o", str(tmp_path / "p")]) == 2
    assert "silent" in capsys.readouterr().err and left(tmp_path) == []


def test_a_name_goes_into_the_users_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rtsep.presets.library.user_folder", lambda: tmp_path / "mine")
    notes = scale((60,))
    sound, table = write_sound(tmp_path / "a.wav", sound_of(notes, 3)), write_csv(tmp_path / "a.csv", notes)
    command = ["train", str(sound), "--score", str(table), "--no-picture", "-o"]
    assert main([*command, "my-piano"]) == 0 and "--preset my-piano" in capsys.readouterr().out
    assert (tmp_path / "mine" / "my-piano.npz").is_file()
    assert main([*command, "piano"]) == 2 and "bundled" in capsys.readouterr().err
    assert main([*command, ".hidden"]) == 2


@pytest.mark.parametrize("options, status", [([], 130), (["--keep-partial"], 0)])
def test_interrupted(tmp_path, capsys, monkeypatch, options, status):
    """Nothing is written, or what was reached, whole."""
    from rtsep.training import isolated

    real, calls = isolated.decompose, []

    def interrupted(*given, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given, **options)

    monkeypatch.setattr(isolated, "decompose", interrupted)
    make(tmp_path, capsys, "--no-fill", *options, status=status)
    assert left(tmp_path) == (["p.json", "p.npz"] if status == 0 else [])
    if status == 0:
        assert load_preset(tmp_path / "p.npz").pitches.tolist() == [55, 60]
        assert json.loads((tmp_path / "p.json").read_text())["reason"] == "interrupted"
