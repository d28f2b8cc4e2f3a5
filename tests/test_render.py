"""`rtsep render` from files to files: what it writes, what it says, what it refuses and leaves behind."""

import dataclasses
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from conftest import make_preset

from rtsep.cli import main
from rtsep.presets.preset import save_preset

RATE = 22050
NOTES = ((0.1, 0.5, 60), (0.5, 0.9, 64), (0.2, 0.8, 67))


def tone(pitch, seconds=1.2, rate=RATE):
    """A decaying harmonic tone."""
    t = np.arange(round(seconds * rate)) / rate
    f = 440 * 2 ** ((pitch - 69) / 12)
    return sum(np.sin(2 * np.pi * f * k * t) / k for k in range(1, 6)) * np.exp(-2 * t) * 0.1


def write_midi(path, tracks, ticks=480):
    """A format 1 file at 1 s = 2 * ticks: tracks {name: [(onset_s, offset_s, pitch)]}."""
    file = mido.MidiFile(ticks_per_beat=ticks)
    for name, notes in tracks.items():
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        changes = [(on, "note_on", p) for on, _, p in notes] + [(off, "note_off", p) for _, off, p in notes]
        last = 0
        for at, kind, pitch in sorted(changes):
            tick = round(at * 2 * ticks)
            track.append(mido.Message(kind, note=pitch, velocity=64, time=tick - last))
            last = tick
        file.tracks.append(track)
    file.save(path)


@pytest.fixture
def folder(tmp_path):
    """mix.wav, notes.mid with the tracks `Left` and `Right`, and small.npz."""
    sound = np.zeros(round(1.5 * RATE))
    for on, _off, pitch in NOTES:
        part = tone(pitch)[: len(sound) - round(on * RATE)]
        sound[round(on * RATE) : round(on * RATE) + len(part)] += part
    soundfile.write(tmp_path / "mix.wav", sound, RATE, "FLOAT")
    write_midi(tmp_path / "notes.mid", {"Left": NOTES[:1], "Right": NOTES[1:]})
    save_preset(make_preset(window=2048, rate=RATE), tmp_path / "small.npz")
    return tmp_path


def render(folder, *options, mix="mix.wav", midi="notes.mid", out="out", preset="small.npz"):
    """Run the command in-process; its exit code."""
    given = ["--midi", str(folder / midi)] if midi else []
    return main(["render", str(folder / mix), *given, "--out", str(folder / out), "--preset", str(folder / preset), *options])


def report_of(folder, out="out"):
    """What report.json says."""
    return json.loads((folder / out / "report.json").read_text())


def sounds_of(folder, out="out"):
    """The written sounds by stem."""
    stems = report_of(folder, out)["stems"]
    return {stem["name"]: soundfile.read(folder / out / stem["file"], always_2d=True)[0].T for stem in stems}


def refused(capsys, folder, code, *words, out="out"):
    """The command ended with 2 and one line that holds `words`, and left nothing behind."""
    told = capsys.readouterr().err.splitlines()
    assert code == 2
    assert len(told) == 1 and told[0].startswith("rtsep"), told
    for word in words:
        assert word in told[0]
    assert not (folder / out).exists()


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
    """What --mode all writes is what each mode writes alone, and a picture and a report of all."""
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
    write_midi(folder / "evil.mid", dict.fromkeys(names, NOTES))
    assert render(folder, midi="evil.mid") == 0
    written = {path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*")}
    assert all("/" not in name and not name.startswith(".") for name in written)
    assert len(written) == 7  # five stems, the residual, the report


REFUSED_OPTIONS = [
    (("--mode", "fast"), ("instant", "live", "quality")),
    (("--mode", "instant", "--latency", "2000"), ("0 to 512",)),
    (("--mode", "all", "--latency", "256"), ("--latency",)),
    (("--latency", "500"), ("128", "512")),
    (("--latency", "many"), ("latency_samples",)),
    (("--block", "0"), ("65536",)),
    (("--block", "x"), ("block",)),
    (("--by", "colour"), ("track", "split")),
    (("--split", "H9", "--by", "split"), ("C4",)),
    (("--set", "mask_power"), ("NAME=VALUE",)),
    (("--set", "mask_power=9"), ("0.5 to 4",)),
    (("--set", "loudness=1"), ("mask_power",)),
    (("--set", "gain_db.nobody=1"), ("left", "residual")),
    (("--set", "window_samples=5000"), ("powers of two",)),
    (("--format", "mp3"), ("wav", "flac")),
    (("--format", "flac", "--bits", "float"), ("float",)),
    (("--bits", "12"), ("16", "24")),
    (("--nonsense",), ("nonsense",)),
]


@pytest.mark.parametrize(("options", "words"), REFUSED_OPTIONS)
def test_unknown_values_are_refused_with_the_allowed_ones(folder, capsys, options, words):
    try:
        code = render(folder, *options)
    except SystemExit as end:  # argparse
        code = end.code
    refused(capsys, folder, code, *words)


def test_bad_inputs_are_refused_in_one_line(folder, capsys):
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("no sound at all")
    whole = (folder / "mix.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(folder / "none.wav", np.zeros(0), RATE)
    soundfile.write(folder / "slow.wav", np.zeros(100), 4000)
    for name in ("missing.wav", "empty.wav", "text.wav", "cut.wav", "none.wav", "slow.wav"):
        refused(capsys, folder, render(folder, mix=name), name)
    (folder / "text.mid").write_text("no notes at all")
    for name in ("missing.mid", "text.mid"):
        refused(capsys, folder, render(folder, midi=name), name)
    (folder / "text.npz").write_text("no preset")
    for name in ("missing.npz", "text.npz"):
        refused(capsys, folder, render(folder, preset=name), name)
    assert main(["render", str(folder / "mix.wav"), "--out", str(folder / "out"), "--preset", "nobody"]) == 2
    refused(capsys, folder, 2, "nobody", "grand-piano")


def test_results_and_inputs_are_never_overwritten_unasked(folder, capsys):
    assert render(folder) == 0
    before = (folder / "out" / "left.wav").read_bytes()
    assert render(folder) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (folder / "out" / "left.wav").read_bytes() == before
    assert render(folder, "--overwrite") == 0
    write_midi(folder / "mix.mid", {"mix": NOTES})
    whole = (folder / "mix.wav").read_bytes()
    assert render(folder, "--overwrite", midi="mix.mid", out=".") == 2
    assert (folder / "mix.wav").read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_refused(folder, capsys):
    (folder / "file").write_text("")
    code = render(folder, out="file/below")
    refused(capsys, folder, code, "below", out="file/below")


def test_a_full_disk_leaves_nothing(folder):
    command = [sys.executable, "-m", "rtsep", "render", str(folder / "mix.wav"), "--midi", str(folder / "notes.mid"),
               "--preset", str(folder / "small.npz"), "--out", str(folder / "full")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)))
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr and "cannot write" in ended.stderr.strip().splitlines()[-1]
    assert not (folder / "full").exists()


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
    write_midi(folder / "wide.mid", {"Left": (*NOTES, (0.1, 0.4, 20), (0.5, 0.6, 110))})
    assert render(folder, midi="wide.mid") == 0
    report = report_of(folder)
    assert report["notes_out_of_range"] == 2 and any(warning.startswith("2 notes") for warning in report["warnings"])


def test_midi_without_notes_or_of_another_length_warns(folder):
    write_midi(folder / "none.mid", {"Empty": ()})
    assert render(folder, midi="none.mid", out="none") == 0
    assert list(sounds_of(folder, "none")) == ["residual"] and "0 notes" in report_of(folder, "none")["warnings"][0]
    write_midi(folder / "long.mid", {"Left": (*NOTES, (9.0, 9.5, 60))})
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


def test_gate_without_notes_is_refused(folder, capsys):
    refused(capsys, folder, render(folder, "--set", "gate=on", midi=None), "--midi")


def test_doubled_notes_are_over_when_the_score_is(folder):
    """on, on, off: the second off is missing, but nothing hangs beyond the last message."""
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


def test_text_of_a_preset_is_no_markup(folder, capsys):
    preset = make_preset(window=2048, rate=RATE)
    save_preset(dataclasses.replace(preset, title="My piano [/close] \x1b[31m"), folder / "odd.npz")
    assert main(["presets", "show", str(folder / "odd.npz")]) == 0
    told = capsys.readouterr().out
    assert "My piano [/close]" in told and "\x1b" not in told


def test_a_preset_that_is_no_file_is_refused_at_once(folder, capsys):
    os.mkfifo(folder / "pipe.npz")
    refused(capsys, folder, render(folder, preset="pipe.npz"), "not a file")


def test_a_terminal_without_the_letters_still_gets_its_line(folder):
    command = [sys.executable, "-m", "rtsep", "render", str(folder / "mix.wav"), "--out", str(folder / "out"),
               "--preset", str(folder / "small.npz")]
    ended = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0 and b"?s" in ended.stdout
