"""`rtsep calibrate`, which fits a preset to one instrument by a short take: tuning, templates, neighbours and levels."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import RATE, make_preset

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.notes.score import NOTE, read_midi
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset, save_preset
from rtsep.training.calibrate import Heard, activations, calibrate, correct_others, estimate_cents, learn_rows
from rtsep.training.envelopes import AGES_S
from rtsep.training.inputs import Take
from rtsep.training.levels import SOUNDING, correct_envelopes, sounding
from rtsep.windows import retune_templates

DEMO = find_preset("piano").parent / "demo"


@pytest.fixture
def small():
    """A preset with the usual window."""
    return make_preset(window=4096)


def frames_of(W, rng, count=60):
    """Frames in which some rows of W sound at a time."""
    H = rng.random((count, len(W))).astype(np.float32) ** 4
    G = H > 0.01
    return Heard((H * G) @ W + np.float32(1e-7), G, np.arange(count) >= 45, 40.0, np.zeros(0, SOUNDING))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The first 12 s of the demo clip, as sound and notes."""
    folder = tmp_path_factory.mktemp("clip")
    sound, rate = soundfile.read(DEMO / "mix.flac", frames=12 * 44100, dtype="float32")
    soundfile.write(folder / "take.wav", sound, rate)
    notes = read_midi(DEMO / "demo.mid").notes()
    return Take(folder / "take.wav", rate, len(sound), notes[notes["onset_s"] < 12])


# --- the parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cents", [-41.0, -2.3, 0.0, 7.85, 33.0])
def test_the_tuning_is_found(small, rng, cents):
    heard = frames_of(retune_templates(small.W, cents), rng)
    assert abs(estimate_cents(heard, small.W) - cents) < 1


def test_rows_are_learnt_where_they_sound_and_held_where_they_do_not(small, rng):
    truth = make_preset(window=4096, seed=8).W
    heard = frames_of(truth, rng, 200)
    heard.G[:, :4] = False
    V = activations(replace(heard, V=np.ones_like(heard.V)), truth, updates=1)[:, :-1] @ truth
    now, said = learn_rows(replace(heard, V=V.astype(np.float32)), small.W)
    assert np.allclose(now[:4], small.W[:4], atol=1e-6) and (said[:4] == 0).all() and (said[4:] > 0.5).all()
    np.testing.assert_allclose(now.sum(axis=1), 1, atol=2e-4)  # half precision


def test_neighbours_of_what_was_played_change_with_it(small):
    """All played notes are darker by 6 dB per octave. Other pitches become darker too, near ones more than far ones."""
    tilt = 1 / (1 + np.arange(small.W.shape[1]) / 100)
    darker = (small.W * tilt) / (small.W * tilt).sum(axis=1, keepdims=True)
    said = np.where(np.isin(small.row_pitch, (60, 64)), 0.9, 0).astype(np.float32)
    now = np.where(said[:, None] > 0, darker, small.W).astype(np.float32)
    after = correct_others(small, now, said)

    def distance(W, row):
        return np.abs(W[row] - darker[row]).sum()

    near, far = np.flatnonzero(small.row_pitch == 67)[0], np.flatnonzero(small.row_pitch == 48)[0]
    assert distance(after, near) < 0.4 * distance(small.W, near)
    assert np.abs(after[far] - small.W[far]).sum() < np.abs(after[near] - small.W[near]).sum()
    assert np.array_equal(after[said > 0], now[said > 0])


def test_envelopes_follow_what_was_heard_of_notes():
    """Each note fades 6 dB per second faster than its envelope. Envelopes of far and of unknown pitches stay."""
    envelope = np.zeros((128, 2, 32), np.float32)
    envelope[40:100, 0], envelope[40:100, 1] = -5 * AGES_S - 0.01, 0.25
    notes = np.zeros(6, NOTE)
    notes["onset_s"], notes["offset_s"], notes["pitch"], notes["velocity"] = np.arange(6), np.arange(6) + 1, 60, 64
    end_s = np.arange(1, 240) / 40
    take = Take(Path("none"), 44100, 6 * 44100, notes)
    heard = sounding([take], [end_s])
    H = np.zeros((len(end_s), 2), np.float32)
    ages = end_s - np.ceil(end_s - 1e-9) + 1
    H[:, 0] = 10 ** (-11 * ages / 20)
    after = correct_envelopes(envelope, heard, H, [60])
    inside = (AGES_S > 0.05) & (AGES_S < 0.9)
    fall = np.polyfit(AGES_S[inside], after[60, 0][inside], 1)[0]
    assert -12 < fall < -9
    assert np.array_equal(after[90], envelope[90]) and not after[20].any()


def test_a_note_that_is_struck_again_ends():
    notes = np.zeros(2, NOTE)
    notes["onset_s"], notes["offset_s"], notes["pitch"] = (0, 1), (3, 3), 60
    found = sounding([Take(Path("none"), 44100, 4 * 44100, notes)], [np.arange(1, 9) / 2])
    assert sorted(found["frame"].tolist()) == [0, 1, 2, 3, 4, 5]


# --- the whole --------------------------------------------------------------------------------------------------------


def test_a_calibrated_preset_explains_new_sound_better(clip):
    preset = load_preset(find_preset("gm-piano"))
    found, report = calibrate(preset, [clip], lambda *_: None)
    losses = report["divergence"]
    assert losses["calibrated"] < 0.75 * losses["preset"] and losses["tuned"] <= losses["preset"]
    assert abs(report["tuning_cents"]) < 10 and len(report["pitches_learnt"]) > 10
    assert found.W.shape == preset.W.shape and not found.filled[report["pitches_learnt"]].any()
    np.testing.assert_allclose(found.W.sum(axis=1), 1, atol=1e-4)
    assert found.envelope_db is not None and not np.array_equal(found.envelope_db, preset.envelope_db)


def test_what_cannot_be_learnt_from_is_told(small, clip, tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(10 * 44100, np.float32), 44100)
    silent = replace(clip, path=tmp_path / "silence.wav", samples=10 * 44100)
    for take, words in ((replace(clip, samples=44100), "5 to 600 s"), (silent, "silent"),
                        (replace(clip, notes=clip.notes[:0]), "no templates for any of these notes")):
        with pytest.raises(RtsepError, match=words):
            calibrate(small, [take], lambda *_: None)
    ages = np.tile(np.float32([0, 1e6]), (len(small.W), 1))
    ages[0] = 0, 0.1
    with pytest.raises(RtsepError, match="drums"):
        calibrate(replace(small, row_age_s=ages), [clip], lambda *_: None)


def test_the_command_writes_a_preset_and_a_report(clip, tmp_path, capsys):
    words = ["calibrate", str(clip.path), str(DEMO / "demo.mid"), "--preset", "gm-piano", "--json",
             "-o", str(tmp_path / "mine")]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "mine.json").read_text()) == report
    kept = load_preset(tmp_path / "mine.npz")
    assert kept.provenance["made_by"].startswith("rtsep calibrate ") and kept.sample_rate == RATE
    assert main(words) == 2 and "mine.npz is there already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0


@pytest.mark.parametrize("words, told", [
    (["{take}"], "its notes are missing"), ([], "--midi PORT to play now"),
    (["{take}", "{midi}", "--midi", "x"], "playing now"),
    (["--midi", "x", "--seconds", "2"], "allowed is 5 to 600"),
    (["{take}", "{midi}", "--preset", "nobody"], "no preset is called"),
])
def test_bad_input_is_one_line_and_leaves_nothing(clip, tmp_path, capsys, words, told):
    given = [word.format(take=clip.path, midi=DEMO / "demo.mid") for word in words]
    assert main(["calibrate", *given, "-o", str(tmp_path / "out" / "mine")]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("rtsep: error") == 1 and not (tmp_path / "out").exists()


def test_notes_of_another_piece_are_refused(clip, tmp_path, capsys, small):
    save_preset(small, tmp_path / "small.npz")
    notes = clip.notes.copy()
    notes["pitch"] = np.random.default_rng(1).permutation(notes["pitch"])
    notes["onset_s"] = np.sort(np.random.default_rng(2).uniform(0, 11, len(notes)))
    lines = ["onset,offset,pitch", *(f"{note['onset_s']},{note['onset_s'] + 0.3},{note['pitch']}" for note in notes)]
    (tmp_path / "wrong.csv").write_text("\n".join(lines))
    words = ["calibrate", str(clip.path), str(tmp_path / "wrong.csv"), "--preset", str(tmp_path / "small.npz"),
             "-o", str(tmp_path / "mine")]
    assert main(words) == 2 and "--no-check goes on" in capsys.readouterr().err
