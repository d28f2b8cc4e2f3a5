"""`rtsep render` from files to files: its results and messages; and the lists of presets and parameters."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from conftest import make_preset
from instruments import write_tracks
from render_files import NOTES, RATE, fill, render, report_of, sounds_of, tone

from rtsep.cli import main
from rtsep.presets.preset import save_preset


@pytest.fixture
def folder(tmp_path):
    """A folder with mix.wav, notes.mid with the tracks `Left` and `Right`, and small.npz."""
    fill(tmp_path)
    return tmp_path


def test_stems_and_residual_add_up_to_the_mix_and_are_aligned_with_it(folder):
    assert render(folder) == 0
    mix = soundfile.read(folder / "mix.wav")[0]
    sounds = sounds_of(folder)
    assert list(sounds) == ["left", "right", "residual"]
    assert all(sound.shape == (1, len(mix)) for sound in sounds.values())
    assert np.abs(sum(sounds.values())[0] - mix).max() < 1e-5 * np.abs(mix).max()


def test_report_has_the_promised_fields(folder):
    assert render(folder, "--latency", "128") == 0
    report = report_of(folder)
    assert report["latency_samples"] == 128 and report["latency_ms"] == pytest.approx(128000 / RATE, abs=1e-3)
    assert report["sample_rate"] == RATE and report["mode"] == "live" and report["warnings"] == []
    assert set(report["hop_us"]) == {"p50", "p99", "max"} and report["realtime_factor"] > 0
    assert report["bad_samples"] == report["notes_out_of_range"] == 0


def test_block_size_does_not_change_the_files(folder):
    for block in ("1", "333", "65536"):
        assert render(folder, "--block", block, out=block) == 0
    first, *others = (sounds_of(folder, out) for out in ("1", "333", "65536"))
    for other in others:
        for name, sound in first.items():
            np.testing.assert_array_equal(sound, other[name])


def test_routing_by_channel_and_split(folder):
    assert render(folder, "--by", "channel", out="c") == 0
    assert list(sounds_of(folder, "c")) == ["channel_1", "residual"]
    assert render(folder, "--by", "split", "--split", "E4", out="s") == 0
    sounds = sounds_of(folder, "s")
    assert list(sounds) == ["low", "high", "residual"]
    assert np.abs(sounds["low"]).max() > 0 and np.abs(sounds["high"]).max() > 0


def test_without_midi_every_template_is_open(folder):
    assert render(folder, midi=None) == 0
    sounds = sounds_of(folder)
    assert list(sounds) == ["small", "residual"]
    mix = soundfile.read(folder / "mix.wav")[0]
    assert np.sum(sounds["small"] ** 2) > 0.5 * np.sum(mix**2)
    assert render(folder, "--by", "split", midi=None, out="split") == 0
    assert list(sounds_of(folder, "split")) == ["low", "high", "residual"]


def test_mixer_parameters_write_a_mixdown(folder):
    assert render(folder, "--set", "gain_db.left=-120", "--set", "gain_db.residual=-6") == 0
    sounds = sounds_of(folder)
    wanted = sounds["right"] + 10 ** (-6 / 20) * sounds["residual"]
    np.testing.assert_allclose(sounds["mixdown"], wanted, atol=1e-6)


def test_picture_flac_and_bits(folder):
    assert render(folder, "--picture", "--format", "flac", "--bits", "16") == 0
    assert (folder / "out" / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert soundfile.info(folder / "out" / "left.flac").subtype == "PCM_16"


def test_every_mode_into_a_folder_of_its_own(folder, capsys):
    """--mode all writes what each mode writes alone, and a picture and a report of all modes."""
    assert render(folder, "--mode", "all") == 0
    report = report_of(folder)
    assert list(report["modes"]) == ["live", "quality", "instant"]
    latencies = [one["latency_samples"] for one in report["modes"].values()]
    assert latencies[2] == 0 < latencies[0] < latencies[1]
    assert (folder / "out" / "onset.png").read_bytes().startswith(b"\x89PNG")
    for mode in report["modes"]:
        assert render(folder, "--mode", mode, out=f"alone {mode}") == 0
        alone, together = sounds_of(folder, f"alone {mode}"), sounds_of(folder, f"out/{mode}")
        assert alone.keys() == together.keys() and all(np.array_equal(alone[stem], together[stem]) for stem in alone)
    capsys.readouterr()
    assert render(folder, "--mode", "all") == 2 and "--overwrite" in capsys.readouterr().err
    assert render(folder, "--mode", "all", "--overwrite") == 0
    assert render(folder, "--mode", "all", out="plain", midi=None) == 0 and not (folder / "plain" / "onset.png").exists()


def test_track_names_cannot_leave_the_folder(folder):
    names = ("../../up", "residual", "", "..", "Up")
    write_tracks(folder / "evil.mid", dict.fromkeys(names, NOTES))
    assert render(folder, midi="evil.mid") == 0
    written = {path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*")}
    assert all("/" not in name and not name.startswith(".") for name in written)
    assert len(written) == 7  # five stems, the residual, the report


def test_bad_samples_are_counted_and_rendered(folder, capsys):
    sound, rate = soundfile.read(folder / "mix.wav")
    sound[[100, 5000, 5001]] = np.nan, np.inf, -np.inf
    soundfile.write(folder / "bad.wav", sound, rate, "FLOAT")
    assert render(folder, mix="bad.wav") == 0
    report = report_of(folder)
    assert report["bad_samples"] == 3 and any("3 samples" in warning for warning in report["warnings"])
    assert "3 samples" in capsys.readouterr().err
    assert all(np.isfinite(sound).all() for sound in sounds_of(folder).values())


def test_notes_outside_the_preset_are_counted(folder):
    write_tracks(folder / "wide.mid", {"Left": (*NOTES, (0.1, 0.4, 20), (0.5, 0.6, 110))})
    assert render(folder, midi="wide.mid") == 0
    report = report_of(folder)
    assert report["notes_out_of_range"] == 2 and any(warning.startswith("2 notes") for warning in report["warnings"])


def test_midi_without_notes_or_of_another_length_warns(folder):
    write_tracks(folder / "none.mid", {"Empty": ()})
    assert render(folder, midi="none.mid", out="none") == 0
    assert list(sounds_of(folder, "none")) == ["residual"] and "0 notes" in report_of(folder, "none")["warnings"][0]
    write_tracks(folder / "long.mid", {"Left": (*NOTES, (9.0, 9.5, 60))})
    assert render(folder, midi="long.mid", out="long") == 0
    assert "1 notes were not used" in report_of(folder, "long")["warnings"][0]
    soundfile.write(folder / "long.wav", np.concatenate([soundfile.read(folder / "mix.wav")[0], np.zeros(4 * RATE)]), RATE)
    assert render(folder, mix="long.wav", out="short") == 0
    assert "before the sound" in report_of(folder, "short")["warnings"][0]


def test_many_channels_share_one_mask_and_warn(folder):
    sound, rate = soundfile.read(folder / "mix.wav")
    soundfile.write(folder / "wide.wav", np.stack([sound, 0.5 * sound, -sound], axis=1), rate, "FLOAT")
    assert render(folder, mix="wide.wav") == 0
    assert "3 channels" in report_of(folder)["warnings"][0]
    left = sounds_of(folder)["left"]
    np.testing.assert_allclose(left[1], 0.5 * left[0], atol=1e-6)
    np.testing.assert_allclose(left[2], -left[0], atol=1e-6)


def test_help_names_every_command_and_needs_no_engine():
    code = "import sys; from rtsep.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n" \
           "print(sorted({'numba', 'numpy', 'matplotlib', 'rich', 'soundfile'} & set(sys.modules)), file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"
    for command in ("demo", "render", "params", "presets"):
        assert command in ended.stdout


def test_lists_and_presets(folder, capsys):
    assert main(["params"]) == 0 and "mask_power" in capsys.readouterr().out
    assert main(["presets"]) == 0 and "grand-piano" in capsys.readouterr().out
    assert main(["presets", "show", "grand-piano"]) == 0 and "Alexander Holm" in capsys.readouterr().out
    assert main(["presets", "check", str(folder / "small.npz")]) == 0
    (folder / "bad.npz").write_bytes(b"PK\x03\x04 nothing")
    assert main(["presets", "check", str(folder / "bad.npz")]) == 2
    assert main(["presets", "check", str(Path("no") / "such.npz")]) == 2


def test_a_broken_preset_of_the_user_does_not_hide_the_others(folder, capsys, monkeypatch):
    monkeypatch.setattr("rtsep.presets.library.user_folder", lambda: folder)
    (folder / "broken.npz").write_text("no preset")
    assert main(["presets"]) == 0
    told = capsys.readouterr().out
    assert "cannot be read" in told and "A small instrument" in told and "grand-piano" in told


def test_a_picture_of_the_shortest_sound_and_of_odd_names(folder):
    soundfile.write(folder / "a $x_$ 曲 [b].wav", np.full(1, 0.1), RATE, "FLOAT")
    assert render(folder, "--picture", mix="a $x_$ 曲 [b].wav") == 0
    assert (folder / "out" / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_doubled_notes_are_over_when_the_score_is(folder):
    """on, on, off: the second note-off is missing, but no note lasts beyond the last message."""
    file = mido.MidiFile()
    note = [mido.Message(kind, note=60, velocity=64, time=100) for kind in ("note_on", "note_on", "note_off")]
    file.tracks.append(mido.MidiTrack(note))
    file.save(folder / "doubled.mid")
    sound = soundfile.read(folder / "mix.wav")[0]
    soundfile.write(folder / "long.wav", np.tile(sound, 3), RATE, "FLOAT")
    assert render(folder, mix="long.wav", midi="doubled.mid") == 0
    sounds = sounds_of(folder)
    assert np.abs(sounds["track_1"][0, : RATE // 2]).max() > 0
    assert not sounds["track_1"][0, 2 * RATE :].any()


def test_text_of_a_preset_is_not_read_as_markup(folder, capsys):
    preset = make_preset(window=2048, rate=RATE)
    save_preset(dataclasses.replace(preset, title="My piano [/close] \x1b[31m"), folder / "odd.npz")
    assert main(["presets", "show", str(folder / "odd.npz")]) == 0
    told = capsys.readouterr().out
    assert "My piano [/close]" in told and "\x1b" not in told


def test_a_terminal_without_the_letters_still_gets_its_line(folder):
    command = [sys.executable, "-m", "rtsep", "render", str(folder / "mix.wav"), "--out", str(folder / "out"),
               "--preset", str(folder / "small.npz")]
    ended = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0 and b"?s" in ended.stdout


def test_notes_without_any_sound_are_told(folder):
    write_tracks(folder / "more.mid", {"Left": NOTES, "High": ((1.1, 1.3, 95), (1.2, 1.4, 97))})
    render(folder)
    assert not any("no sound was found" in text for text in report_of(folder)["warnings"])
    quiet = np.zeros(RATE)
    quiet[: RATE // 2] = tone(60)[: RATE // 2]
    soundfile.write(folder / "quiet.wav", np.append(quiet, np.zeros(RATE)), RATE, "FLOAT")
    assert render(folder, mix="quiet.wav", midi="more.mid", out="quiet") == 0
    told = [text for text in report_of(folder, "quiet")["warnings"] if "no sound was found" in text]
    assert len(told) == 1 and "2 notes of high" in told[0]
