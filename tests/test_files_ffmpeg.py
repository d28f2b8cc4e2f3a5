"""What ffmpeg reads: M4A, AAC, video, streams without a length; and what is said where it is missing or finds nothing."""

import shutil
import subprocess

import numpy as np
import pytest
from render_files import RATE, fill, refused, render, report_of, sounds_of
from result_files import write_wav

from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound, read_sound

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def tone(seconds=1.5, rate=44_100):
    """Two channels of sine tones that swell, so that a shift in time shows."""
    t = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.minimum(t, 1) * np.sin(2 * np.pi * np.array([[440], [660]]) * t)).astype(np.float32)


@pytest.fixture
def coded(tmp_path):
    """Makes a file of this name, by its ending, of the tone."""
    def coded(name, *options):
        ffmpeg("-i", write_wav(tmp_path / "tone.wav", tone()), *options, tmp_path / name)
        return tmp_path / name

    return coded


VIDEO = ("-f", "lavfi", "-i", "color=size=32x32:duration=1.5", "-shortest")


@needs_ffmpeg
@pytest.mark.parametrize(("name", "options", "off_db"), [
    ("x.m4a", (), -25), ("x.aac", (), -25), ("clip.mp4", VIDEO, -25), ("clip.mkv", VIDEO, -15), ("-odd: name.m4a", (), -25),
    ("x.wv", (), -90), ("lossless.m4a", ("-c:a", "alac"), -90),
])
def test_what_only_ffmpeg_reads(coded, name, options, off_db):
    path = coded(name, *options)
    with open_sound(path) as sound:
        assert (sound.sample_rate, sound.channels, sound.format_name) == (44_100, 2, "ffmpeg") and sound.notes == []
        found = np.concatenate(list(sound.blocks(1000)), axis=1)
        assert found.shape == (2, sound.frames)
        np.testing.assert_array_equal(sound.read(30_000, 30_100), found[:, 30_000:30_100])
        np.testing.assert_array_equal(sound.read(10, 20), found[:, 10:20])
    wanted = tone()
    shift = 1024 if name.endswith(".aac") else 0  # A bare stream does not say where the sound begins in it.
    assert 0 <= found.shape[1] - wanted.shape[1] <= 2048 + 1024
    error = found[:, shift : wanted.shape[1]] - wanted[:, : wanted.shape[1] - shift]
    assert 20 * np.log10(error.std() / wanted.std() + 1e-9) < off_db


@needs_ffmpeg
def test_an_mp3_that_does_not_tell_its_length_is_read_whole(tmp_path, coded):
    data = coded("x.mp3", "-write_xing", "0", "-q:a", "0").read_bytes()
    found, rate = read_sound(tmp_path / "x.mp3")
    assert data.find(b"Xing") == data.find(b"Info") == -1
    assert rate == 44_100 and 0 <= found.shape[1] - tone().shape[1] < 3 * 1152


@needs_ffmpeg
def test_a_flac_that_does_not_tell_its_length_is_read_whole(tmp_path, coded):
    data = bytearray(coded("x.flac", "-sample_fmt", "s16").read_bytes())
    whole = read_sound(tmp_path / "x.flac")[0]
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # How many samples there are: unknown.
    (tmp_path / "x.flac").write_bytes(data)
    np.testing.assert_array_equal(read_sound(tmp_path / "x.flac")[0], whole)


@needs_ffmpeg
@pytest.mark.parametrize("content", [b"this is a text, not a sound", bytes(4000), b"ffconcat version 1.0\nfile tone.wav\n",
                                     b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\ntone.wav\n#EXT-X-ENDLIST\n"])
def test_what_even_ffmpeg_does_not_read(tmp_path, content):
    write_wav(tmp_path / "tone.wav", tone())
    (tmp_path / "x.m4a").write_bytes(content)
    with pytest.raises(RtsepError, match="is not a sound file that can be read here, even by ffmpeg") as caught, \
            open_sound(tmp_path / "x.m4a"):
        pass
    assert "\n" not in str(caught.value)


@needs_ffmpeg
def test_a_video_without_sound(tmp_path):
    ffmpeg("-f", "lavfi", "-i", "color=size=32x32:duration=1", tmp_path / "silent.mp4")
    with pytest.raises(RtsepError, match="not a sound file"):
        read_sound(tmp_path / "silent.mp4")


@needs_ffmpeg
def test_a_cut_m4a_is_refused_or_said(tmp_path, coded):
    data = coded("x.m4a").read_bytes()
    (tmp_path / "x.m4a").write_bytes(data[: len(data) // 2])  # Its index, at the end, is gone.
    with pytest.raises(RtsepError, match="ffmpeg"):
        read_sound(tmp_path / "x.m4a")
    data = coded("x.m4a", "-movflags", "+faststart").read_bytes()
    (tmp_path / "x.m4a").write_bytes(data[: len(data) // 2])
    with open_sound(tmp_path / "x.m4a") as sound:
        assert "ffmpeg says" in sound.notes[0]
        assert 0 < sound.frames < tone().shape[1]


@needs_ffmpeg
@pytest.mark.parametrize("seconds", [120])
def test_memory_does_not_grow_with_the_sound(tmp_path, seconds):
    ffmpeg("-f", "lavfi", "-i", f"sine=duration={seconds}:sample_rate=8000", "-b:a", "32k", tmp_path / "long.m4a")
    with open_sound(tmp_path / "long.m4a") as sound:
        assert abs(sound.frames - seconds * 8000) <= 2048
        largest = max(block.nbytes for block in sound.blocks(1000))
    assert largest == 4000


def test_without_ffmpeg_a_sentence_says_so(tmp_path, monkeypatch, capsys):
    fill(tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: None)
    for content, kind in ((b"\0\0\0\x20ftypM4A \0\0\0\0", "M4A or MP4"), (b"\x1aE\xdf\xa3" + bytes(99), "Matroska"),
                          (b"\xff\xf1\x50\x80" + bytes(99), "MPEG stream")):
        (tmp_path / "x.m4a").write_bytes(content)
        refused(capsys, tmp_path, render(tmp_path, mix="x.m4a"), "x.m4a", kind, "install ffmpeg", "WAV or FLAC")


@needs_ffmpeg
def test_render_takes_m4a(tmp_path):
    fill(tmp_path)
    ffmpeg("-i", tmp_path / "mix.wav", "-c:a", "alac", "-sample_fmt", "s32p", tmp_path / "mix.m4a")
    assert render(tmp_path, mix="mix.m4a") == 0
    mix, rate = read_sound(tmp_path / "mix.wav")
    assert rate == RATE and report_of(tmp_path)["warnings"] == []
    found = sum(sounds_of(tmp_path).values())
    np.testing.assert_allclose(found[:, : mix.shape[1]], mix, atol=1e-5)
