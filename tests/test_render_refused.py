"""`rtsep render`: what it refuses in one line, and that it leaves nothing behind then."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from instruments import write_tracks
from render_files import NOTES, RATE, fill, refused, render

from rtsep.cli import main

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
    (("--format", "aac"), ("wav", "flac", "ogg", "mp3")),
    (("--format", "mp3", "--bits", "16"), ("--bits",)),
    (("--start", "soon"), ("--start soon", "1:12.5")),
    (("--start", "-1"), ("--start -1", "1:12.5")),
    (("--start", "1.5"), ("--start 1.5", "1.500 s long")),
    (("--end", "1.6"), ("--end 1.6", "1.500 s long")),
    (("--start", "1", "--end", "1"), ("--end 1", "after --start")),
    (("--rate", "4000"), ("8000 to 192000",)),
    (("--rate", "96000", "--format", "mp3"), ("mp3 has no 96000 Hz", "48000")),
    (("--loudness", "3"), ("-60 to 0 LUFS",)),
    (("--name", "left"), ("STEM=NAME", "left=Keys")),
    (("--name", "nobody=x"), ("nobody", "left, right, residual")),
    (("--name", "left=../x"), ("left=../x", "name")),
    (("--name", "left=.x"), ("name",)),
    (("--name", "left="), ("name",)),
    (("--name", "left=Right"), ("right", "its own name")),
    (("--stdout", "nobody"), ("nobody", "left, right, residual")),
    (("--stdout", "left", "--json"), ("--stdout", "--json", "standard output")),
    (("--stdout", "left", "--one-file"), ("--one-file",)),
    (("--mode", "all", "--rate", "44100"), ("--rate", "leave")),
    (("second.wav",), ("takes one MIX", "second.wav", "once for each")),
    (("--format", "flac", "--bits", "float"), ("float",)),
    (("--bits", "12"), ("16", "24")),
    (("--nonsense",), ("nonsense",)),
]


@pytest.fixture
def folder(tmp_path):
    """mix.wav, notes.mid with the tracks `Left` and `Right`, and small.npz."""
    fill(tmp_path)
    return tmp_path


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
    soundfile.write(folder / "mix.flac", soundfile.read(folder / "mix.wav")[0], RATE)
    whole = (folder / "mix.flac").read_bytes()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
    soundfile.write(folder / "none.wav", np.zeros(0), RATE)
    soundfile.write(folder / "slow.wav", np.zeros(100), 4000)
    for name in ("missing.wav", "empty.wav", "text.wav", "cut.flac", "none.wav", "slow.wav"):
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
    write_tracks(folder / "mix.mid", {"mix": NOTES})
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


def test_gate_without_notes_is_refused(folder, capsys):
    refused(capsys, folder, render(folder, "--set", "gate=on", midi=None), "--midi")


def test_a_preset_that_is_no_file_is_refused_at_once(folder, capsys):
    os.mkfifo(folder / "pipe.npz")
    refused(capsys, folder, render(folder, preset="pipe.npz"), "not a file")
