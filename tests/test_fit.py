"""Do notes fit a sound? Offset, drift, tempo, octave and key are told with the right figures, and nothing if all fit."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from instruments import RATE, chords, sound_of, write_csv, write_midi, write_sound

from rtsep.cli import main
from rtsep.files.sound import open_sound, read_sound
from rtsep.fit.check import check_fit
from rtsep.notes.moved import Timing, moved_notes
from rtsep.notes.score import read_midi

DEMO = Path(__file__).parent.parent / "presets" / "demo"
PITCHES = (52, 55, 59, 60, 62, 64, 67, 72)


@pytest.fixture(scope="module")
def clip():
    return read_midi(DEMO / "demo.mid").notes()


def fit_of(notes, path=DEMO / "mix.flac"):
    with open_sound(path) as sound:
        return check_fit(sound, notes)


class Array:
    """An array that is read like a sound file."""

    def __init__(self, samples, sample_rate):
        self.samples, self.sample_rate, self.frames = samples, sample_rate, samples.shape[1]

    def read(self, begin, end):
        return self.samples[:, begin:end]


def excerpt(notes, begin_s, end_s):
    return moved_notes(notes[(notes["onset_s"] >= begin_s) & (notes["onset_s"] < end_s)], Timing(-begin_s))


def transposed(notes, semitones):
    changed = notes.copy()
    changed["pitch"] = notes["pitch"].astype(int) + semitones
    return changed


# --- the real clip ----------------------------------------------------------------------------------------------------


def test_quiet_where_notes_fit(clip):
    fit = fit_of(clip)
    assert fit.fits and not fit.fault() and not fit.doubt() and fit.strength > 25 and abs(fit.offset_s) < 0.02


@pytest.mark.parametrize("begin_s", [0, 8, 16])
def test_quiet_in_excerpts_and_beside_noise(clip, begin_s):
    samples, rate = read_sound(DEMO / "mix.flac")
    part = samples[:, begin_s * rate : (begin_s + 8) * rate]
    notes = excerpt(clip, begin_s, begin_s + 8)
    noise = np.random.default_rng(0).standard_normal(part.shape).astype(np.float32) * part.std()
    for sound in (part, part + noise, 1e-4 * part):
        fit = check_fit(Array(sound, rate), notes)
        assert fit.fits and not fit.doubt()
        assert check_fit(Array(sound, rate), moved_notes(notes, Timing(0.4))).offset_s == pytest.approx(-0.4, abs=0.02)


@pytest.mark.parametrize("offset_s", [-5, -1, -0.3, -0.1, 0.1, 0.3, 1, 5])
def test_offset(clip, offset_s):
    fit = fit_of(moved_notes(clip, Timing(offset_s)))
    assert fit.clear and fit.offset_s == pytest.approx(-offset_s, abs=0.02) and fit.stretch == 1 and fit.transposed == 0
    told = re.fullmatch(r"the notes seem to come (\S+) s (before|after) their sound: --offset (\S+)", fit.fault())
    assert float(told[1]) == pytest.approx(abs(offset_s), abs=0.02) and float(told[3]) == pytest.approx(-offset_s, abs=0.02)
    assert told[2] == ("after" if offset_s > 0 else "before")


@pytest.mark.parametrize("factor", [0.5, 0.8, 0.9, 0.99, 1.01, 1.1, 1.3, 2])
def test_tempo_and_drift(clip, factor):
    fit = fit_of(moved_notes(clip, Timing(0.0, factor)))
    assert fit.clear and fit.stretch == pytest.approx(1 / factor, rel=0.002) and abs(fit.offset_s) < 0.05, fit
    words = "(1.0|0.9) % (slower|faster)" if abs(factor - 1) < 0.02 else f"run at {1 / factor:.2f} times the tempo"
    assert re.search(words, fit.fault()) and re.search(r"--stretch \S+ --offset \S+$", fit.fault())


@pytest.mark.parametrize("semitones", range(-12, 13))
def test_transpositions(clip, semitones):
    fit = fit_of(transposed(clip, semitones))
    assert fit.transposed == -semitones and fit.fits == (semitones == 0)
    if semitones:
        assert fit.fault().endswith(f"transpose them by {-semitones:+d}")
        assert ("an octave" in fit.fault()) == (abs(semitones) == 12)


def test_late_and_an_octave_off(clip):
    fault = fit_of(moved_notes(transposed(clip, 12), Timing(1.0))).fault()
    assert "transpose them by -12; the notes seem to come" in fault and fault.endswith(("--offset -1.00", "--offset -0.99"))


def test_what_options_did_before_is_part_of_the_advice(clip):
    fit = fit_of(moved_notes(clip, Timing(0.5, 1.0)))
    assert fit.fault(Timing(0.5)).endswith(("--offset 0.00", "--offset 0.01", "--offset -0.00", "--offset -0.01"))


def test_other_notes_fit_nowhere(clip):
    fit = fit_of(chords(np.random.default_rng(1), range(48, 80), 24.0, 4))
    assert not fit.fits and not fit.clear and "do not seem to fit the sound at any time" in fit.fault() and not fit.doubt()


def test_few_notes_and_silence_say_nothing(clip):
    assert not fit_of(clip[:3]).fault() and "3 notes" in fit_of(clip[:3]).doubt()
    assert not check_fit(Array(np.zeros((1, 44100 * 8), np.float32), 44100), clip).fault()
    holes = np.full((2, 44100 * 8), np.nan, np.float32)
    assert not check_fit(Array(holes, 44100), clip).fault()


# --- the commands -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def take(tmp_path_factory):
    """Random music: its sound file and its notes."""
    notes = chords(np.random.default_rng(0), PITCHES, 14.0)
    return write_sound(tmp_path_factory.mktemp("take") / "a.wav", sound_of(notes, 14.0), RATE), notes


def render(tmp_path, capsys, sound, notes, *options):
    score = write_midi(tmp_path / "a.mid", notes)
    assert main(["render", str(sound), "--midi", str(score), "--out", str(tmp_path / "o"), "--overwrite", *options]) == 0
    return json.loads((tmp_path / "o" / "report.json").read_text())["warnings"], capsys.readouterr().err


def test_render_warns_and_the_options_help(take, tmp_path, capsys):
    sound, notes = take
    assert render(tmp_path, capsys, sound, notes)[0] == []
    right = read_sound(tmp_path / "o" / "residual.wav")[0]
    late = moved_notes(notes, Timing(1.0))
    [warning], screen = render(tmp_path, capsys, sound, late)
    assert "after their sound: --offset -1.0" in warning and warning in " ".join(screen.split())
    assert render(tmp_path, capsys, sound, late, "--offset", "-1")[0] == []
    np.testing.assert_allclose(read_sound(tmp_path / "o" / "residual.wav")[0], right, atol=0.02)
    assert render(tmp_path, capsys, sound, moved_notes(notes, Timing(0.0, 0.5)), "--stretch", "2")[0] == []
    [warning], _ = render(tmp_path, capsys, sound, transposed(notes, 12))
    assert "(an octave) lower" in warning
    assert main(["render", str(sound), "--midi", str(tmp_path / "a.mid"), "--out", str(tmp_path / "p"), "--stretch", "0"]) == 2


@pytest.mark.parametrize("semitones, words", [(12, "transpose them by -12"), (-12, "transpose them by +12"), (2, "by -2")])
def test_train_and_calibrate_refuse_another_key(take, tmp_path, capsys, semitones, words):
    sound, notes = take
    score = write_csv(tmp_path / "a.csv", transposed(notes, semitones))
    out = ["-o", str(tmp_path / "p.npz")]
    assert main(["train", str(sound), "--score", str(score), "--no-picture", *out]) == 2
    assert words in capsys.readouterr().err
    assert main(["calibrate", str(sound), str(score), *out]) == 2
    assert words in capsys.readouterr().err and not (tmp_path / "p.npz").exists()


def test_train_and_calibrate_move_notes(take, tmp_path, capsys):
    sound, notes = take
    score = write_csv(tmp_path / "a.csv", moved_notes(notes, Timing(0.3, 0.9)))
    out = ["-o", str(tmp_path / "p.npz"), "--overwrite"]
    for command in (["train", str(sound), "--score", str(score), "--no-picture", *out],
                    ["calibrate", str(sound), str(score), *out]):
        assert main(command) == 2
        stretch, offset = re.search(r"--stretch (\S+) --offset (\S+)", capsys.readouterr().err).groups()
        assert float(stretch) == pytest.approx(1 / 0.9, rel=0.003) and float(offset) == pytest.approx(-0.3 / 0.9, abs=0.06)
        assert main([*command, "--stretch", stretch, "--offset", offset]) == 0
