"""Sound files: what is read is what is there, and what is not whole is refused."""

import os
import struct

import numpy as np
import pytest
import soundfile
from result_files import RATE, noise, write_wav

from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound, read_sound

FORMATS = {  # ending: (format, subtype) of every kind whose cut must be noticed
    "wav": ("WAV", "PCM_16"), "float.wav": ("WAV", "FLOAT"), "wavex": ("WAVEX", "PCM_24"), "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"), "aiff": ("AIFF", "PCM_24"), "au": ("AU", "PCM_16"), "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"), "mp3": ("MP3", "MPEG_LAYER_III"),
}  # fmt: skip
TAG = b"ID3\x04\0\0\0\0\x02\x00" + bytes(256)


@pytest.fixture(scope="session")
def encoded(tmp_path_factory):
    """A second of noise in every format, as bytes."""
    folder = tmp_path_factory.mktemp("encoded")
    for ending, (kind, subtype) in FORMATS.items():
        soundfile.write(folder / f"x.{ending}", noise().T, RATE, subtype, format=kind)
    return {ending: (folder / f"x.{ending}").read_bytes() for ending in FORMATS}


@pytest.fixture
def refused(tmp_path):
    def refused(data, name="file.wav"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(RtsepError) as caught, open_sound(tmp_path / name):
            pass
        message = str(caught.value)
        assert str(tmp_path / name) in message
        assert "\n" not in message
        return message

    return refused


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_is_read_whole(tmp_path, encoded, ending):
    path = tmp_path / f"x.{ending}"
    path.write_bytes(encoded[ending])
    with open_sound(path) as sound:
        assert (sound.sample_rate, sound.channels, sound.frames) == (RATE, 2, RATE)
        assert sound.format_name == FORMATS[ending][0]
        blocks = list(sound.blocks(1000))
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    assert [block.shape for block in blocks] == [(2, 1000)] * 44 + [(2, 100)]
    assert all(block.dtype == np.float32 and block.flags.c_contiguous for block in blocks)
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), expected)


def test_blocks_can_be_kept_and_read_again(tmp_path):
    with open_sound(write_wav(tmp_path / "x.wav", noise(3, 100))) as sound:
        first, second = list(sound.blocks(7)), list(sound.blocks(100))
    np.testing.assert_array_equal(np.concatenate(first, axis=1), noise(3, 100))
    np.testing.assert_array_equal(second[0], noise(3, 100))


@pytest.mark.parametrize("channels", [1, 2, 64])
def test_read_sound(tmp_path, channels):
    data, rate = read_sound(write_wav(tmp_path / "x.wav", noise(channels, 70_000), 8_000))
    np.testing.assert_array_equal(data, noise(channels, 70_000))
    assert rate == 8_000


def test_bad_samples_are_passed_on_for_the_engine_to_count(tmp_path):
    data = np.array([[0.5, np.nan, np.inf, -7]], np.float32)
    np.testing.assert_array_equal(read_sound(write_wav(tmp_path / "x.wav", data))[0], data)


def test_names_of_any_bytes(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff \xc3\xbc.wav")
    try:
        write_wav(tmp_path / "x.wav", noise(1, 9)).rename(path)
    except OSError:
        pytest.skip("this file system has no such names")
    assert read_sound(path)[0].shape == (1, 9)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_wav_from_a_pipe_is_as_long_as_the_file(tmp_path, encoded, size):
    data = bytearray(encoded["wav"])
    at = data.find(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    (tmp_path / "x.wav").write_bytes(data)
    assert read_sound(tmp_path / "x.wav")[0].shape == (2, RATE)


def test_more_chunks_around_the_sound_are_no_matter(tmp_path, encoded):
    data = encoded["wav"]
    odd = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    (tmp_path / "x.wav").write_bytes(data[:12] + odd + data[12:] + odd[:9])
    assert read_sound(tmp_path / "x.wav")[0].shape == (2, RATE)


@pytest.mark.parametrize("ending", ["mp3", "flac"])
def test_a_tag_in_front(tmp_path, encoded, ending):
    (tmp_path / "x").write_bytes(TAG + encoded[ending])
    assert read_sound(tmp_path / "x")[0].shape == (2, RATE)


# --- refused ----------------------------------------------------------------------------------------------------------


def test_a_missing_file_a_folder_and_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for name, reason in (("none.wav", "No such file"), ("", "is not a file"), ("pipe.wav", "is not a file")):
        with pytest.raises(RtsepError, match=reason), open_sound(tmp_path / name):
            pass


def test_an_empty_file(refused):
    assert "is empty" in refused(b"")


@pytest.mark.parametrize("name", ["x.wav", "x.raw", "x.mp3", "x"])
@pytest.mark.parametrize(
    "data", [b"this is a text, not a sound", bytes(4000), b"RIFF\x24\0\0\0WAVEfmt ", b"MThd\0\0\0\6"]
)
def test_what_is_not_sound(refused, data, name):
    assert "not a sound file" in refused(data, name)


@pytest.mark.parametrize("ending", ["wav", "w64", "aiff"])
def test_a_sound_of_no_length(tmp_path, refused, ending):
    soundfile.write(tmp_path / f"x.{ending}", np.zeros((0, 2)), RATE)
    assert "holds no sound" in refused((tmp_path / f"x.{ending}").read_bytes())


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9, "all but one byte"])
def test_a_cut_is_refused_when_opening(refused, encoded, ending, kept):
    data = encoded[ending]
    length = len(data) - 1 if isinstance(kept, str) else int(kept * len(data))
    assert any(word in refused(data[:length], f"x.{ending}") for word in ("truncated", "not a sound file"))


def test_a_cut_wav_with_an_odd_chunk(refused, encoded):
    data = encoded["wav"]
    odd = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    assert "promises 176400 bytes of sound and 176390" in refused((data[:12] + odd + data[12:])[:-10])


def test_a_cut_between_two_pages(refused, encoded):
    data = encoded["ogg"]
    assert "has no end" in refused(data[: data.rfind(b"OggS")])


def test_a_cut_mp3_is_noticed_before_the_decoder_complains(refused, encoded, capfd):
    assert "its header promises" in refused((TAG + encoded["mp3"])[:-100])
    assert capfd.readouterr().err == ""


def test_an_mp3_that_promises_more_than_its_bytes_hold(refused, encoded):
    data = bytearray(encoded["mp3"])
    at = max(data.find(b"Xing"), data.find(b"Info")) + 8  # the number of frames
    data[at : at + 4] = struct.pack(">I", struct.unpack(">I", data[at : at + 4])[0] + 20)
    assert "truncated or broken" in refused(bytes(data))


@pytest.mark.parametrize("ending", ["flac", "mp3"])
def test_a_fault_in_the_middle_is_refused_while_reading(tmp_path, encoded, ending):
    data = bytearray(encoded[ending])
    data[len(data) // 2 : len(data) // 2 + 4_000] = bytes(4_000)
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(RtsepError, match="truncated or broken"):
        read_sound(tmp_path / "x")


@pytest.mark.parametrize("rate", [1, 7_999, 192_001, 2_000_000])
def test_absurd_sample_rates(tmp_path, refused, rate):
    message = refused(write_wav(tmp_path / "file.wav", noise(1, 9), rate).read_bytes())
    assert f"{rate} Hz, allowed are 8000 to 192000" in message


def test_too_many_channels(tmp_path, refused):
    assert "65 channels, allowed are 64" in refused(write_wav(tmp_path / "file.wav", noise(65, 9)).read_bytes())


def test_streams_that_do_not_tell_their_length_need_ffmpeg(refused, encoded, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    flac = bytearray(encoded["flac"])
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)  # total samples: unknown
    assert "does not state its length" in refused(bytes(flac))
    mp3 = encoded["mp3"]
    assert "does not state its length" in refused(mp3[mp3.find(mp3[:2], 100) :])


@pytest.mark.parametrize(
    "start", [b"RIFF", b"RF64", b"FORM", b"caff", b"riff", b".snd", b"OggS", b"ID3\4", b"\xff\xfb\x90\x64"]
)
def test_noise_behind_a_known_start_is_refused(refused, start, capfd):
    rng = np.random.default_rng(0)
    for length in (0, 3, 30, 5000):
        refused(start + rng.integers(0, 256, length, np.uint8).tobytes())
    assert capfd.readouterr().err == ""  # one line of ours is all that a user should see
