"""`rtsep render`: formats, names, one file, another rate, loudness; the report on standard output."""

import json
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from render_files import RATE, fill, refused, render, report_of, sounds_of

from rtsep.commands.output import FORMATS
from rtsep.files import encode

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
SAMPLES = round(1.5 * RATE)


@pytest.fixture
def folder(tmp_path):
    """mix.wav, notes.mid with the tracks `Left` and `Right`, and small.npz."""
    fill(tmp_path)
    return tmp_path


def error_db(found, wanted):
    """How far apart two sounds are, in dB below the second."""
    return 10 * np.log10(np.sum((found - wanted) ** 2) / np.sum(wanted**2) + 1e-12)


def sine(folder, peak, seconds=4.0, rate=48_000, hz=997.0, silent_s=0.0):
    """mix.wav: a sine tone in two channels, after silence."""
    t = np.arange(round(seconds * rate)) / rate
    tone = peak * np.sin(2 * np.pi * hz * t) * (t >= silent_s)
    soundfile.write(folder / "mix.wav", np.stack([tone, tone], axis=1), rate, "FLOAT")


# --- formats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "off_db"), [("flac", -110), ("ogg", -20), ("mp3", -20)])
def test_stems_of_every_format_are_as_long_as_the_mix_and_aligned_with_it(folder, format, off_db):
    assert render(folder, out="wav") == 0 and render(folder, "--format", format) == 0
    assert [stem["file"] for stem in report_of(folder)["stems"]] == [f"{n}.{format}" for n in ("left", "right", "residual")]
    mix = soundfile.read(folder / "mix.wav")[0]
    assert error_db(sum(sounds_of(folder).values())[0], mix) < off_db
    for name, wanted in sounds_of(folder, "wav").items():
        found = sounds_of(folder)[name]
        assert found.shape == (1, SAMPLES)
        if name != "residual":
            assert error_db(found, wanted) < off_db
            lags = [np.sum(found[:, 50 + lag : SAMPLES - 50 + lag] * wanted[:, 50 : SAMPLES - 50]) for lag in range(-50, 51)]
            assert int(np.argmax(lags)) == 50  # The coding has not shifted it.


def test_the_command_line_knows_every_format():
    assert tuple(encode.FORMATS) == FORMATS


def test_formats_that_the_library_cannot_write(folder, capsys, monkeypatch):
    monkeypatch.setattr(soundfile, "available_formats", lambda: {"WAV": "", "FLAC": ""})
    refused(capsys, folder, render(folder, "--format", "mp3"), "cannot write mp3", "wav or flac")


@pytest.mark.parametrize("options", [("--bits", "16"), ("--format", "mp3")])
def test_what_is_too_loud_is_counted_and_said(folder, options, capsys):
    sound, rate = soundfile.read(folder / "mix.wav")
    soundfile.write(folder / "mix.wav", 30 * sound, rate, "FLOAT")
    assert render(folder, *options) == 0
    assert report_of(folder)["clipped_samples"] > 0
    assert "louder than full scale and were clipped; use --format wav --bits float" in capsys.readouterr().err


# --- names and files --------------------------------------------------------------------------------------------------


def test_names_of_the_user(folder):
    assert render(folder, "--name", "left=Linke Hand ü", "--name", "residual=rest", "--set", "gain_db.left=0") == 0
    names = {stem["name"]: stem for stem in report_of(folder)["stems"]}
    assert list(names) == ["Linke Hand ü", "right", "rest", "mixdown"]
    level_db = names["Linke Hand ü"].pop("level_db")
    assert names["Linke Hand ü"] == {"name": "Linke Hand ü", "file": "Linke Hand ü.wav", "stem": "left", "preset": "small"}
    left = soundfile.read(folder / "out" / "Linke Hand ü.wav")[0]
    assert level_db == pytest.approx(10 * np.log10(np.mean(left**2)), abs=0.01)
    assert {path.name for path in (folder / "out").iterdir()} == {*(f"{name}.wav" for name in names), "report.json"}


@pytest.mark.parametrize("name", ["a/b", "a\\b", "", ".", "a.", "x" * 201, "a\nb", "mixdown"])
def test_names_that_cannot_be(folder, capsys, name):
    refused(capsys, folder, render(folder, "--name", f"left={name}", "--set", "gain_db.left=0"), "--name")


@pytest.mark.parametrize(("format", "channels"), [("wav", 1), ("wav", 2), ("flac", 2), ("ogg", 1)])
def test_all_stems_in_one_file(folder, format, channels):
    sound = soundfile.read(folder / "mix.wav")[0]
    soundfile.write(folder / "mix.wav", np.stack([sound, 0.5 * sound], axis=1)[:, :channels], RATE, "FLOAT")
    assert render(folder, "--format", format, "--set", "gain_db.left=-6", out="apart") == 0
    assert render(folder, "--format", format, "--set", "gain_db.left=-6", "--one-file") == 0
    together = soundfile.read(folder / "out" / f"stems.{format}", always_2d=True)[0].T
    stems = report_of(folder)["stems"]
    assert together.shape == (3 * channels, SAMPLES)
    assert [stem["name"] for stem in stems] == ["left", "right", "residual", "mixdown"]
    assert stems[3] == {"name": "mixdown", "file": f"mixdown.{format}"}
    for number, stem in enumerate(stems[:3]):
        first = number * channels
        assert stem["channels"] == list(range(first + 1, first + channels + 1)) and stem["file"] == f"stems.{format}"
        wanted = sounds_of(folder, "apart")[stem["name"]]
        np.testing.assert_allclose(together[first : first + channels], wanted, atol=0.02 if format == "ogg" else 0)


def test_more_channels_than_one_file_holds(folder, capsys):
    soundfile.write(folder / "mix.wav", np.zeros((1000, 4)), RATE)
    refused(capsys, folder, render(folder, "--one-file", "--format", "flac"), "flac holds at most 8 channels, not 12")
    soundfile.write(folder / "mix.wav", np.zeros((1000, 22)), RATE)
    refused(capsys, folder, render(folder, "--one-file"), "3 stems of 22 channels", "64")


# --- rate -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [44_100, 48_000, 16_000, RATE])
def test_another_rate(folder, rate):
    soxr = pytest.importorskip("soxr")
    assert render(folder, "--rate", str(rate)) == 0 and render(folder, out="given") == 0
    assert soundfile.info(folder / "out" / "left.wav").samplerate == rate
    assert report_of(folder)["sample_rate"] == RATE and report_of(folder)["output_sample_rate"] == rate
    mix = soundfile.read(folder / "mix.wav", dtype="float32")[0]
    for name, sound in sounds_of(folder, "given").items():
        wanted = soxr.resample(sound[0].astype(np.float32), RATE, rate, "VHQ")
        found = sounds_of(folder)[name]
        assert found.shape == (1, round(SAMPLES * rate / RATE))
        np.testing.assert_allclose(found[0, : len(wanted)], wanted[: found.shape[1]], atol=1e-5)
    wanted = soxr.resample(mix, RATE, rate, "VHQ")[: found.shape[1]]
    assert error_db(sum(sounds_of(folder).values())[0, : len(wanted)], wanted) < -90


def test_a_rate_without_the_library(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)
    refused(capsys, folder, render(folder, "--rate", "48000"), "soxr", "pip install 'rtsep[rate]'")


# --- loudness ---------------------------------------------------------------------------------------------------------


@needs_ffmpeg
@pytest.mark.parametrize(("peak_db", "target", "options"), [
    (-23.0, -14.0, ()), (-36.0, -23.0, ()), (-10.0, -33.0, ("--bits", "24")), (-23.0, -14.0, ("--rate", "44100"))])
def test_the_mixdown_is_as_loud_as_asked(folder, peak_db, target, options):
    """A tone of 997 Hz in both channels is as loud in LUFS as its peak in dB of full scale (EBU Tech 3341)."""
    sine(folder, 10 ** (peak_db / 20))
    assert render(folder, "--loudness", str(target), *options, midi=None) == 0
    told = report_of(folder)["loudness"]
    assert told["target_lufs"] == target and told["measured_lufs"] == pytest.approx(peak_db, abs=0.1)
    assert told["gain_db"] == pytest.approx(target - peak_db, abs=0.1)
    sounds = sounds_of(folder)
    middle = sounds["mixdown"][:, 50_000:-50_000]
    assert 20 * np.log10(np.abs(middle).max()) == pytest.approx(target, abs=0.1)
    stems = sum(sound for name, sound in sounds.items() if name != "mixdown")
    assert 20 * np.log10(np.abs(stems[:, 50_000:-50_000]).max()) == pytest.approx(peak_db, abs=0.05)  # They stay as they are.
    assert sounds["mixdown"].shape == stems.shape


@needs_ffmpeg
def test_pauses_do_not_count(folder):
    """The measure leaves out what is 10 LU below the rest (BS.1770): half a file of silence lowers nothing."""
    sine(folder, 10 ** (-23 / 20), seconds=20, silent_s=10)
    assert render(folder, "--loudness", "-14", midi=None) == 0
    assert report_of(folder)["loudness"]["measured_lufs"] == pytest.approx(-23, abs=0.15)


@needs_ffmpeg
def test_silence_has_no_loudness(folder, capsys):
    soundfile.write(folder / "mix.wav", np.zeros(2 * RATE), RATE)
    assert render(folder, "--loudness", "-14") == 0
    assert report_of(folder)["loudness"] == {"target_lufs": -14.0, "measured_lufs": None, "gain_db": 0.0}
    assert "silent" in capsys.readouterr().err
    assert not sounds_of(folder)["mixdown"].any()


@needs_ffmpeg
def test_a_mixdown_that_becomes_too_loud_is_said(folder, capsys):
    sine(folder, 0.1)
    assert render(folder, "--loudness", "0", "--bits", "16", midi=None) == 0
    sine(folder, 0.1, hz=60)  # Low tones count less, so it must be louder than full scale.
    assert render(folder, "--loudness", "0", "--bits", "16", "--overwrite", midi=None) == 0
    assert report_of(folder)["clipped_samples"] > 1000 and "were clipped" in capsys.readouterr().err


@needs_ffmpeg
def test_the_loudness_of_many_channels_is_not_known(folder, capsys):
    soundfile.write(folder / "mix.wav", np.zeros((1000, 3)), RATE)
    refused(capsys, folder, render(folder, "--loudness", "-14"), "at most 2 channels, and MIX has 3")


def test_loudness_without_ffmpeg(folder, capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    refused(capsys, folder, render(folder, "--loudness", "-14"), "--loudness needs ffmpeg")


@needs_ffmpeg
def test_a_disk_that_is_full_for_the_mixdown_leaves_nothing(folder):
    command = [sys.executable, "-m", "rtsep", "render", str(folder / "mix.wav"), "--out", str(folder / "full"),
               "--loudness", "-14", "--bits", "16", "--preset", str(folder / "small.npz")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    assert ended.returncode == 2 and "Traceback" not in ended.stderr, ended.stderr
    assert "cannot write" in ended.stderr and not (folder / "full").exists()


# --- the report -------------------------------------------------------------------------------------------------------


def test_json_is_all_of_standard_output(folder, capsys):
    assert render(folder, "--json") == 0
    assert json.loads(capsys.readouterr().out) == report_of(folder)
    assert render(folder, "--json", "--mode", "all", out="modes") == 0
    assert list(json.loads(capsys.readouterr().out)["modes"]) == ["live", "quality", "instant"]
    assert render(folder, "--json") == 2  # They are there already.
    assert capsys.readouterr().out == ""


def test_two_mixes_get_advice(folder, capsys):
    for words in ([], ["--by", "all"]):
        with pytest.raises(SystemExit) as ended:
            render(folder, *words, "second.wav", "third.wav")
        refused(capsys, folder, ended.value.code, "takes one MIX, and 3 were given", "second.wav, third.wav", "once for each")
