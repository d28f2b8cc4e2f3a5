"""Odd sound files: tags in front, headers that are unfinished or promise too much, formats in which one cannot seek."""

import struct

import numpy as np
import pytest
import soundfile
from result_files import RATE, noise

from rtsep.errors import RtsepError
from rtsep.files.sound import open_sound, read_sound

SAMPLES = 66_150


def tag(size=256, version=4, footer=False):
    """An ID3v2 tag of `size` bytes, with a footer of ten bytes."""
    lengths = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3" + bytes([version, 0, 0x10 * footer]) + lengths + bytes(size + 10 * footer)


def wav(data_size=None, riff_size=None, tail=b"", channels=1):
    """A WAV of 16 bits whose header has these sizes (by default the true ones), and its samples."""
    sound = noise(channels, SAMPLES)
    samples = np.rint(sound.T * 32768).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, channels, RATE, 2 * channels * RATE, 2 * channels, 16)
    size = len(samples) if data_size is None else data_size
    riff = 36 + len(samples) if riff_size is None else riff_size
    head = b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size)
    return head + samples + tail, np.rint(sound * 32768) / 32768


def encoded(tmp_path, kind, subtype, sound):
    soundfile.write(tmp_path / "whole", sound.T, RATE, subtype, format=kind)
    return (tmp_path / "whole").read_bytes()


def read(tmp_path, data, **options):
    """The samples and the messages that a file with this content gives."""
    (tmp_path / "odd").write_bytes(data)
    with open_sound(tmp_path / "odd", **options) as sound:
        return np.concatenate(list(sound.blocks(1000)), axis=1), sound.notes


@pytest.mark.parametrize("front", [tag(10, 3), tag(300), tag(5) + tag(70), tag(33, footer=True)], ids=len)
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF", "RF64", "AU", "OGG"])
def test_tags_in_front_of_formats_that_have_none(tmp_path, kind, front):
    sound = noise(2, SAMPLES)
    data = encoded(tmp_path, kind, "VORBIS" if kind == "OGG" else "PCM_16", sound)
    found, notes = read(tmp_path, front + data)
    np.testing.assert_array_equal(found, read_sound(tmp_path / "whole")[0])
    assert found.shape == (2, SAMPLES) and notes == []


@pytest.mark.parametrize("kept", [0.5, 0.95])
def test_a_cut_behind_a_tag_is_noticed(tmp_path, kept):
    data = encoded(tmp_path, "FLAC", "PCM_16", noise(2, SAMPLES))
    with pytest.raises(RtsepError, match="truncated or broken"):
        read(tmp_path, tag() + data[: round(kept * len(data))])


@pytest.mark.parametrize("front", [b"", tag()])
@pytest.mark.parametrize("riff", [0, 36, None])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_whose_recorder_crashed_says_0(tmp_path, front, riff, channels):
    data, sound = wav(0, riff, channels=channels)
    found, notes = read(tmp_path, front + data)
    np.testing.assert_array_equal(found, sound)
    (note,) = notes
    assert "promises 0 bytes" in note and f"{2 * channels * SAMPLES} are there" in note


@pytest.mark.parametrize(("kind", "name"), [("AIFF", b"SSND"), ("W64", b"data"), ("CAF", b"data"), ("AU", b"")])
def test_other_formats_whose_recorder_crashed(tmp_path, kind, name):
    sound = noise(2, 5000)
    data = bytearray(encoded(tmp_path, kind, "PCM_16", sound))
    whole = read_sound(tmp_path / "whole")[0]
    at, length = {"AIFF": (4, 4), "W64": (16, 8), "CAF": (4, 8), "AU": (8, 4)}[kind]
    start = at + (data.find(name) if name else 0)
    data[start : start + length] = bytes(length)
    found, _notes = read(tmp_path, bytes(data))
    np.testing.assert_array_equal(found[:, :5000], whole)


@pytest.mark.parametrize("more", [2, 100_000])
def test_a_wav_that_promises_too_much_is_read_as_far_as_it_goes(tmp_path, more):
    data, sound = wav(2 * SAMPLES + more)
    with pytest.raises(RtsepError, match="truncated"):
        read(tmp_path, data)
    found, notes = read(tmp_path, data, cut=True)
    np.testing.assert_array_equal(found, sound)
    assert f"promises {2 * SAMPLES + more} bytes" in notes[0] and f"{2 * SAMPLES} are there, which were read" in notes[0]


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "CAF", "W64", "RF64"])
@pytest.mark.parametrize("cut", [1, 4, 7001])
def test_uncompressed_sound_that_ends_too_early(tmp_path, kind, cut):
    data = encoded(tmp_path, kind, "PCM_16", noise(2, SAMPLES))
    whole = read_sound(tmp_path / "whole")[0]
    end = data.find(struct.pack(">h" if kind in ("AIFF", "AU") else "<h", round(float(whole[1, -1]) * 32768)), len(data) - 8)
    found, notes = read(tmp_path, data[: (end + 2 if end > 0 else len(data)) - cut], cut=True)
    np.testing.assert_array_equal(found, whole[:, : found.shape[1]])
    assert 0 <= SAMPLES - found.shape[1] - cut // 4 <= 1 and "truncated" in notes[0]


def test_a_wav_of_no_length_with_chunks_behind_it_is_empty(tmp_path):
    data, _sound = wav(0)
    empty = data[:44] + b"LIST" + struct.pack("<I", 4) + b"INFO"
    with pytest.raises(RtsepError, match="holds no sound"):
        read(tmp_path, empty)


@pytest.mark.parametrize(("kind", "subtype"), [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("FLAC", "PCM_24")])
@pytest.mark.parametrize("begin", [1, 40_000, SAMPLES - 10])
def test_a_part_of_a_lossy_file_is_what_the_whole_has_there(tmp_path, kind, subtype, begin):
    encoded(tmp_path, kind, subtype, noise(2, SAMPLES))
    whole = read_sound(tmp_path / "whole")[0]
    with open_sound(tmp_path / "whole") as sound:
        for _twice in range(2):
            part = np.concatenate(list(sound.blocks(1000, begin, SAMPLES - 3)), axis=1)
            np.testing.assert_array_equal(part, whole[:, begin : SAMPLES - 3])


def test_a_format_that_cannot_be_sought_in(tmp_path):
    soundfile.write(tmp_path / "gsm.wav", noise(1, 8000)[0], 8000, "GSM610", format="WAV")
    with soundfile.SoundFile(tmp_path / "gsm.wav") as sound:
        wanted = sound.read(sound.frames, dtype="float32")
    with open_sound(tmp_path / "gsm.wav") as sound:
        found = np.concatenate(list(sound.blocks(999)), axis=1)
    np.testing.assert_array_equal(found[0], wanted)
    with open_sound(tmp_path / "gsm.wav") as sound:
        np.testing.assert_array_equal(sound.read(3001, 3333)[0], wanted[3001:3333])
