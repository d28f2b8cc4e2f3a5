"""Results appear whole or not at all, whatever lies there, fails or is full."""

import os
import subprocess

import pytest
from result_files import RATE, left_in, noise, write_stems, write_wav

from rtsep.errors import RtsepError
from rtsep.files import results
from rtsep.files.sound import StemWriter, atomic_write, read_sound

# --- nothing half-written ---------------------------------------------------------------------------------------------


def test_nothing_is_visible_before_commit(tmp_path):
    with StemWriter(tmp_path, ("x",), RATE, 1) as writer:
        writer.write(0, noise(1, 100))
        writer.add_file("report.json", "{}")
        assert all(name.startswith(".") for name in left_in(tmp_path))
        writer.commit()
    assert left_in(tmp_path) == ["report.json", "x.wav"]


@pytest.mark.parametrize("format", ["wav", "flac"])
@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, None])
def test_leaving_without_commit_leaves_nothing(tmp_path, format, stop):
    def render():
        with StemWriter(tmp_path / "a" / "b", ("x", "y"), RATE, 1, format) as writer:
            writer.write(1, noise(1, 5000))
            writer.add_file("report.json", "{}")
            if stop:
                raise stop

    if stop:
        with pytest.raises(stop):
            render()
    else:
        render()
    assert left_in(tmp_path) == []


def test_what_others_put_there_stays(tmp_path):
    with pytest.raises(ValueError), StemWriter(tmp_path / "out", ("x",), RATE, 1):
        (tmp_path / "out" / "notes.txt").write_text("mine")
        raise ValueError
    assert left_in(tmp_path / "out") == ["notes.txt"]


def test_a_folder_with_results_is_refused_and_kept(tmp_path):
    for name in ("x.wav", "report.json"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("old")
        with pytest.raises(RtsepError, match=f"{name} is there already"):
            StemWriter(folder, ("x",), RATE, 1)
        assert left_in(folder) == [name]
        assert (folder / name).read_text() == "old"


def test_other_files_are_no_reason_to_refuse(tmp_path):
    (tmp_path / "holiday.wav").write_text("old")
    write_stems(tmp_path, {"x": noise(1, 10)})
    assert left_in(tmp_path) == ["holiday.wav", "report.json", "x.wav"]


def test_a_result_that_came_meanwhile_is_kept(tmp_path):
    with pytest.raises(RtsepError, match="is there already"), StemWriter(tmp_path, ("w", "x"), RATE, 1) as writer:
        (tmp_path / "x.wav").write_text("theirs")
        writer.commit()
    assert left_in(tmp_path) == ["x.wav"]
    assert (tmp_path / "x.wav").read_text() == "theirs"


def test_overwriting_replaces_at_commit_only(tmp_path):
    write_stems(tmp_path, {"x": noise(1, 10)})
    old = (tmp_path / "x.wav").read_bytes()
    with pytest.raises(ValueError), StemWriter(tmp_path, ("x",), RATE, 1, overwrite=True) as writer:
        writer.write(0, noise(1, 99))
        raise ValueError
    assert (tmp_path / "x.wav").read_bytes() == old
    write_stems(tmp_path, {"x": noise(1, 99)}, overwrite=True)
    assert read_sound(tmp_path / "x.wav")[0].shape == (1, 99)
    assert left_in(tmp_path) == ["report.json", "x.wav"]


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_the_input_is_never_overwritten(tmp_path, link):
    source = write_wav(tmp_path / ("x.wav" if link is None else "mix.wav"), noise(1, 10))
    if link:
        link(source, tmp_path / "x.wav")
    before = source.read_bytes()
    with pytest.raises(RtsepError, match="is the input"):
        StemWriter(tmp_path, ("x",), RATE, 1, overwrite=True, protect=(tmp_path / "other.mid", source))
    assert source.read_bytes() == before


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "x.wav").mkdir()
    with pytest.raises(RtsepError, match=r"x\.wav is a folder"):
        StemWriter(tmp_path, ("x",), RATE, 1, overwrite=True)


def test_out_is_a_file(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(RtsepError, match="is a file: give a folder"):
        StemWriter(tmp_path / "out", ("x",), RATE, 1)


@pytest.mark.parametrize("format", ["wav", "flac"])
@pytest.mark.parametrize("below", ["file/out", "file/out/deeper", "n" * 300])
def test_a_folder_that_cannot_be_made(tmp_path, format, below):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RtsepError, match="cannot write") as caught:
        StemWriter(tmp_path / below, ("x",), RATE, 1, format)
    assert str(tmp_path / below) in str(caught.value)
    assert left_in(tmp_path) == ["file"]


def test_a_folder_that_is_half_made_is_removed(tmp_path, monkeypatch):
    mkdir = os.mkdir

    def refuse_inner(path, *arguments, **options):
        if str(path).endswith("inner") and os.path.isdir(os.path.dirname(path)):
            raise OSError(28, "No space left on device")
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(os, "mkdir", refuse_inner)
    with pytest.raises(RtsepError, match="No space left"):
        StemWriter(tmp_path / "outer" / "inner", ("x",), RATE, 1)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_new_folder_is_removed_if_its_files_cannot_be_made(tmp_path, format):
    with pytest.raises(RtsepError, match="cannot write"):
        StemWriter(tmp_path / "out", ("first", "n" * 250), RATE, 1, format)
    assert left_in(tmp_path) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc, where not even root may write")
@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_folder_that_takes_no_files(format):
    with pytest.raises(RtsepError, match="cannot write /proc/self"):
        StemWriter("/proc/self", ("x",), RATE, 1, format)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"format": "au"}, "allowed are wav, flac, ogg and mp3"),
        ({"bits": "32"}, "allowed are 16, 24, float"),
        ({"format": "flac", "bits": "float"}, "flac has no float"),
        ({"format": "flac", "channels": 9}, "flac holds at most 8 channels, not 9"),
        ({"format": "mp3", "channels": 3}, "mp3 holds at most 2 channels, not 3"),
        ({"format": "ogg", "bits": "16"}, "ogg has no bits to choose"),
    ],
)
def test_formats_that_cannot_be(tmp_path, options, reason):
    with pytest.raises(RtsepError, match=reason):
        StemWriter(tmp_path / "out", ("x",), RATE, **{"channels": 2, **options})
    assert left_in(tmp_path) == []


# --- full disks -------------------------------------------------------------------------------------------------------


@pytest.fixture
def limit_files():
    """A function that lets no file pass a number of bytes: what would go beyond is refused as on a full disk."""
    resource = pytest.importorskip("resource", reason="no limits on file sizes here")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("options", [{}, {"bits": "24"}, {"format": "flac", "bits": "16"}])
def test_a_disk_that_runs_full_leaves_nothing(tmp_path, limit_files, options):
    limit_files(100_000)
    with pytest.raises(RtsepError, match=r"cannot write .*out: .*free some space"):
        write_stems(tmp_path / "out", {"small": noise(2, 100), "large": noise(2, 60_000)}, **options)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("options", [{}, {"bits": "24"}, {"format": "flac"}])
@pytest.mark.parametrize("missing", [1, 100])
def test_a_disk_that_is_full_when_the_last_bytes_come(tmp_path, limit_files, options, missing):
    """Encoders keep bytes back, and that of FLAC does not tell when these find no room."""
    stems = {"x": noise(2, 25_001)}
    file = write_stems(tmp_path / "fits", stems, **options).files[0]
    limit_files((tmp_path / "fits" / file).stat().st_size - missing)
    with pytest.raises(RtsepError, match="cannot write"):
        write_stems(tmp_path / "out", stems, **options)
    assert left_in(tmp_path) == ["fits"]


def test_a_report_that_finds_no_room(tmp_path, limit_files):
    limit_files(100_000)
    with (
        pytest.raises(RtsepError, match=r"cannot write .*report\.json"),
        StemWriter(tmp_path / "out", ("x",), RATE, 1) as w,
    ):
        w.add_file("report.json", "x" * 100_001)
    assert left_in(tmp_path) == []


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"cannot mount a small disk: {error}")
    if done.returncode:
        pytest.skip(f"cannot mount a small disk: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("options", [{}, {"format": "flac"}])
def test_a_real_disk_that_runs_full(tiny_disk, options):
    with pytest.raises(RtsepError, match="cannot write"):
        write_stems(tiny_disk / "out", {"a": noise(2, 20_000), "b": noise(2, 60_000)}, **options)
    assert left_in(tiny_disk) == []
    write_stems(tiny_disk / "out", {"a": noise(2, 20_000)}, **options)  # the room is free again


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_disk_that_is_full_only_when_asked_to_keep(tmp_path, monkeypatch, format):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with (
        pytest.raises(RtsepError, match="No space left"),
        StemWriter(tmp_path / "out", ("x",), RATE, 1, format) as writer,
    ):
        writer.write(0, noise(1, 10))
        writer.commit()
    assert left_in(tmp_path) == []


def test_a_name_that_fails_takes_the_others_back(tmp_path, monkeypatch):
    replace = os.replace

    def fail_for_y(source, target):
        if str(target).endswith("y.wav"):
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(results.os, "replace", fail_for_y)
    with pytest.raises(RtsepError, match=r"y\.wav: Input/output error"):
        write_stems(tmp_path / "out", {"x": noise(1, 10), "y": noise(1, 10)})
    assert left_in(tmp_path) == []


# --- single files -----------------------------------------------------------------------------------------------------


def test_atomic_write_replaces(tmp_path):
    atomic_write(tmp_path / "x.bin", b"old")
    atomic_write(tmp_path / "x.bin", b"new")
    assert left_in(tmp_path) == ["x.bin"]
    assert (tmp_path / "x.bin").read_bytes() == b"new"


def test_atomic_write_keeps_the_old_file_when_the_disk_is_full(tmp_path, limit_files):
    limit_files(100_000)
    atomic_write(tmp_path / "x.bin", b"old")
    with pytest.raises(RtsepError, match=r"cannot write .*x\.bin"):
        atomic_write(tmp_path / "x.bin", bytes(100_001))
    assert left_in(tmp_path) == ["x.bin"]
    assert (tmp_path / "x.bin").read_bytes() == b"old"


@pytest.mark.parametrize("name", ["none/x.bin", "file/x.bin", "folder"])
def test_atomic_write_where_nothing_can_be_written(tmp_path, name):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RtsepError, match="cannot write"):
        atomic_write(tmp_path / name, b"new")
    assert left_in(tmp_path) == ["file", "folder"]
