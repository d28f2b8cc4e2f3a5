"""`rtsep render` between other programs: sound through standard input and pipes, a stem to standard output."""

import io
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile
from render_files import RATE, fill, refused, render, report_of, sounds_of

from rtsep.files import pipes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """mix.wav, notes.mid, small.npz, and what is rendered of them: `whole`."""
    folder = tmp_path_factory.mktemp("pipes")
    fill(folder)
    assert render(folder, out="whole") == 0
    return folder


def run(folder, *options, mix="-", given=b"", **more):
    """The command in a process of its own."""
    command = [sys.executable, "-m", "rtsep", "render", str(mix), "--midi", str(folder / "notes.mid"), "--preset",
               str(folder / "small.npz"), *map(str, options)]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=300, **more)


def samples(data):
    return soundfile.read(io.BytesIO(data), always_2d=True)[0].T


def failed(done, *words):
    """It ended with 2, one line with these words, and nothing on standard output."""
    told = done.stderr.decode().splitlines()
    assert done.returncode == 2 and done.stdout == b"" and len(told) == 1, (done.returncode, told)
    for word in words:
        assert word in told[0]


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input(folder, tmp_path, kind, name):
    data = io.BytesIO()
    soundfile.write(data, soundfile.read(folder / "mix.wav")[0], RATE, "PCM_24", format=kind)
    done = run(folder, "--out", tmp_path / "out", mix=name, given=data.getvalue())
    assert done.returncode == 0, done.stderr
    for stem, wanted in sounds_of(folder, "whole").items():
        np.testing.assert_allclose(sounds_of(tmp_path)[stem], wanted, atol=1e-4)
    assert report_of(tmp_path)["warnings"] == []


@pytest.mark.parametrize(("size", "cut", "said"), [
    (b"\xff\xff\xff\xff", 0, b""), (bytes(4), 4000, b"never finished"), (None, 4000, b"is truncated")])
def test_a_wav_from_a_program_that_could_not_finish_its_header(folder, size, cut, said):
    """Programs that write to a pipe do not know the length: 0xFFFFFFFF says so. Others write 0, or promise more than comes."""
    data = bytearray((folder / "mix.wav").read_bytes())
    at = data.find(b"data") + 4
    data[at : at + 4] = size or data[at : at + 4]
    done = run(folder, "--stdout", "left", given=bytes(data[: len(data) - cut]))
    assert done.returncode == 0
    assert samples(done.stdout).shape == (1, round(1.5 * RATE) - cut // 4)
    assert done.stderr.count(b"warning: stdin: it") == bool(said) and said in done.stderr


def test_a_named_pipe(folder, tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe.wav").write_bytes((folder / "mix.wav").read_bytes()))
    writer.start()
    done = run(folder, "--stdout", "right", mix=tmp_path / "pipe.wav")
    writer.join()
    np.testing.assert_array_equal(samples(done.stdout), sounds_of(folder, "whole")["right"])


@pytest.mark.parametrize("options", [(), ("--format", "flac"), ("--format", "mp3")])
def test_a_stem_to_standard_output_and_nothing_else(folder, tmp_path, options):
    done = run(folder, "--stdout", "left", *options, given=(folder / "mix.wav").read_bytes(), cwd=tmp_path,
               env=os.environ | {"TMPDIR": str(tmp_path)})
    assert done.returncode == 0 and done.stderr == b""
    wanted = sounds_of(folder, "whole")["left"]
    np.testing.assert_allclose(samples(done.stdout), wanted, atol=0.02 if "mp3" in options else 1e-6)
    assert not list(tmp_path.iterdir())  # Nothing is left, not even in the folder for temporary files.


def test_with_a_folder_all_is_written_too(folder, tmp_path):
    done = run(folder, "--stdout", "Keys", "--name", "left=Keys", "--out", tmp_path / "out", mix=folder / "mix.wav")
    assert done.stdout == (tmp_path / "out" / "Keys.wav").read_bytes()
    assert list(sounds_of(tmp_path)) == ["Keys", "right", "residual"]


def test_a_pipe_of_two(folder):
    """What one writes the next reads."""
    first = run(folder, "--stdout", "left", given=(folder / "mix.wav").read_bytes())
    second = run(folder, "--stdout", "residual", given=first.stdout)
    assert samples(second.stdout).shape == (1, round(1.5 * RATE))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_m4a_through_a_pipe(folder, tmp_path):
    """Its index may stand at its end, so it cannot be read without going back."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(folder / "mix.wav"), "-c:a", "alac", str(tmp_path / "x.m4a")]
    subprocess.run(command, check=True)
    done = run(folder, "--stdout", "left", given=(tmp_path / "x.m4a").read_bytes())
    assert done.returncode == 0, done.stderr
    wanted = sounds_of(folder, "whole")["left"]
    np.testing.assert_allclose(samples(done.stdout)[:, : wanted.shape[1]], wanted, atol=1e-3)


@pytest.mark.parametrize(("given", "words"), [(b"", "standard input is empty"), (b"text" * 99, "is not a sound file")])
def test_what_comes_is_no_sound(folder, given, words):
    failed(run(folder, "--stdout", "left", given=given), words)


def test_there_is_no_such_stem(folder):
    failed(run(folder, "--stdout", "drums", given=(folder / "mix.wav").read_bytes()), "drums", "left, right, residual")


def test_nobody_says_where_to_write(folder):
    failed(run(folder, mix=folder / "mix.wav"), "--out DIR")


def test_a_reader_that_ends_too_early(folder):
    command = [sys.executable, "-m", "rtsep", "render", str(folder / "mix.wav"), "--stdout", "left", "--preset",
               str(folder / "small.npz"), "--by", "split", "--name", "low=left"]  # Without notes.
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        told = process.stderr.read().decode()
    assert process.returncode == 2 and told.count("\n") == 1 and "standard output was closed" in told


def test_terminals_are_not_waited_for(folder):
    leader, follower = os.openpty()
    command = [sys.executable, "-m", "rtsep", "render", "-", "--stdout", "left", "--preset", str(folder / "small.npz")]
    try:
        done = subprocess.run(command, stdin=follower, capture_output=True, check=False, timeout=60)
    finally:
        os.close(leader)
        os.close(follower)
    failed(done, "standard input is a terminal", "< mix.wav")


def test_sound_is_not_written_to_a_terminal(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    refused(capsys, folder, render(folder, "--stdout", "left"), "standard output is a terminal")


def test_where_pipes_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert pipes.roomy_folder() is None
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(pipes, "_ROOMY", tmp_path / "none")
    assert pipes.roomy_folder() is None


MEASURED = """
import pathlib, sys
from rtsep.cli import main
assert main(sys.argv[1:]) == 0
print(pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0], file=sys.stderr)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or shutil.which("ffmpeg") is None, reason="needs Linux and ffmpeg")
def test_memory_does_not_grow_with_the_sound(folder, tmp_path):
    """Standard input, another rate, loudness and a range: all of it together, of half a minute and of six."""
    took_kb = []
    for minutes in (0.5, 6):
        sound = 0.1 * np.random.default_rng(0).standard_normal(round(minutes * 60 * 8000))
        soundfile.write(tmp_path / "long.wav", sound, 8000, "FLOAT")
        command = [sys.executable, "-c", MEASURED, "render", "-", "--midi", str(folder / "notes.mid"), "--preset",
                   str(folder / "small.npz"), "--out", str(tmp_path / f"{minutes}"), "--rate", "16000", "--loudness", "-20",
                   "--start", "1"]
        with open(tmp_path / "long.wav", "rb") as given:
            done = subprocess.run(command, stdin=given, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        took_kb.append(int(done.stderr.split()[-1]))
    assert took_kb[1] - took_kb[0] < 12_000  # One stem alone has 23,000 kB.
