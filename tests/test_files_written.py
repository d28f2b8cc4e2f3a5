"""Sound files that are written: formats, bits, rounding and clipping, and files of more than 4 GB."""

import os
import struct
import wave

import numpy as np
import pytest
import soundfile
from result_files import RATE, left_in, noise, write_stems

from rtsep.errors import RtsepError
from rtsep.files import encode as files
from rtsep.files.sound import StemWriter, open_sound, read_sound


def test_float_wav_is_the_default_and_exact(tmp_path):
    stems = {"piano": 30 * noise(2, 4321), "residual": noise(2, 4321, 1)}
    writer = write_stems(tmp_path / "new" / "out", stems)
    assert left_in(tmp_path / "new" / "out") == ["piano.wav", "report.json", "residual.wav"]
    assert writer.files == ("piano.wav", "residual.wav")
    assert writer.clipped_samples == 0
    for name, data in stems.items():
        found, rate = read_sound(tmp_path / "new" / "out" / f"{name}.wav")
        np.testing.assert_array_equal(found, data)
        assert rate == RATE
    assert soundfile.info(tmp_path / "new" / "out" / "piano.wav").subtype == "FLOAT"
    assert (tmp_path / "new" / "out" / "report.json").read_text() == "{}\n"


@pytest.mark.parametrize("format", ["wav", "flac"])
@pytest.mark.parametrize("bits", ["16", "24"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_integers_are_rounded(tmp_path, format, bits, channels):
    data = noise(channels, 2345)  # odd, so that 24 bit mono needs a byte of padding
    writer = write_stems(tmp_path, {"x": data}, format=format, bits=bits)
    info = soundfile.info(tmp_path / f"x.{format}")
    assert (info.format, info.subtype) == (format.upper(), f"PCM_{bits}")
    found = read_sound(tmp_path / f"x.{format}")[0]
    np.testing.assert_allclose(found, data, rtol=0, atol=0.5 / 2 ** (int(bits) - 1))
    assert writer.clipped_samples == 0


@pytest.mark.parametrize("format", ["wav", "flac"])
@pytest.mark.parametrize(("bits", "step"), [("16", 2**-15), ("24", 2**-23)])
def test_integers_are_clipped_and_counted(tmp_path, format, bits, step):
    data = np.array([[0, 1, -1, 1.001, -40, np.inf, 0.5]], np.float32)
    writer = write_stems(tmp_path, {"x": data}, format=format, bits=bits)
    assert writer.clipped_samples == 3
    top = 1 - step
    np.testing.assert_array_equal(
        read_sound(tmp_path / f"x.{format}")[0], np.float32([[0, top, -1, top, -1, top, 0.5]])
    )


def test_flac_gets_24_bits_unless_told_otherwise(tmp_path):
    write_stems(tmp_path, {"x": noise(1, 10)}, format="flac")
    assert soundfile.info(tmp_path / "x.flac").subtype == "PCM_24"


@pytest.mark.parametrize("bits", ["16", "24"])
def test_wav_as_the_standard_library_reads_it(tmp_path, bits):
    write_stems(tmp_path, {"x": noise(2, 77)}, bits=bits)
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, RATE, 77)
        assert file.getsampwidth() == int(bits) // 8


@pytest.mark.parametrize("options", [{}, {"bits": "24"}, {"format": "flac"}])
def test_equal_sounds_give_equal_files(tmp_path, options):
    for folder in ("a", "b"):
        write_stems(tmp_path / folder, {"x": noise(1, 3000)}, **options)
    one, other = (next((tmp_path / folder).glob("x.*")) for folder in ("a", "b"))
    np.testing.assert_array_equal(read_sound(one)[0], read_sound(other)[0])
    if options:  # a float file holds the time of day
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("frames", [None, 2**40])
@pytest.mark.parametrize("bits", ["16", "24", "float"])
def test_stems_without_a_sample_are_still_files(tmp_path, bits, frames):
    write_stems(tmp_path, {"x": noise(2, 0)}, bits=bits, frames=frames)
    assert soundfile.info(tmp_path / "x.wav").frames == 0


def test_a_flac_without_a_sample_does_no_harm(tmp_path):
    write_stems(tmp_path, {"x": noise(2, 0), "y": noise(2, 10)}, format="flac")
    assert left_in(tmp_path) == ["report.json", "x.flac", "y.flac"]
    with pytest.raises(RtsepError, match="is empty"):  # the encoder writes no header before the first sample
        read_sound(tmp_path / "x.flac")
    assert read_sound(tmp_path / "y.flac")[0].shape == (2, 10)


def test_blocks_of_no_length_are_no_matter(tmp_path):
    for format in ("wav", "flac"):
        with StemWriter(tmp_path, ("x",), RATE, 2, format, overwrite=True) as writer:
            for frames in (0, 5, 0):
                writer.write(0, noise(2, frames))
            writer.commit()
        assert read_sound(tmp_path / f"x.{format}")[0].shape == (2, 5)


@pytest.mark.parametrize(("bits", "sample_bytes"), [("16", 2), ("24", 3), ("float", 4)])
def test_wav_that_will_pass_4_gb_is_rf64(tmp_path, bits, sample_bytes):
    most = (2**32 - 2**20) // (2 * sample_bytes)
    for frames, format in ((None, "WAV"), (999, "WAV"), (most, "WAV"), (most + 1, "RF64"), (2**40, "RF64")):
        write_stems(tmp_path, {"x": noise(2, 999)}, bits=bits, frames=frames, overwrite=True)
        assert soundfile.info(tmp_path / "x.wav").format == format
        np.testing.assert_allclose(read_sound(tmp_path / "x.wav")[0], noise(2, 999), rtol=0, atol=2**-16)


def test_flac_of_any_length_is_flac(tmp_path):
    write_stems(tmp_path, {"x": noise(2, 999)}, format="flac", frames=2**40)
    assert soundfile.info(tmp_path / "x.flac").format == "FLAC"


@pytest.mark.parametrize("frames", [None, 999])
def test_wav_that_passes_4_gb_unexpectedly_is_refused(tmp_path, monkeypatch, frames):
    monkeypatch.setattr(files, "MOST_WAV_BYTES", 8 * 999)
    write_stems(tmp_path / "fits", {"x": noise(2, 999)}, frames=frames)
    with pytest.raises(RtsepError, match="larger than 4 GB"):
        write_stems(tmp_path / "out", {"x": noise(2, 1000)}, frames=frames)
    assert left_in(tmp_path) == ["fits"]
    for options in ({"frames": 1000}, {"frames": frames, "format": "flac"}):
        write_stems(tmp_path / "out", {"x": noise(2, 4000)}, overwrite=True, **options)


@pytest.mark.parametrize("frames", [2**29, 2**31])
def test_huge_files_are_read_and_their_cuts_noticed(tmp_path, frames):
    path = tmp_path / "x.wav"
    write_stems(tmp_path, {"x": noise(2, 10)}, frames=frames)
    header = bytearray(path.read_bytes()[: -10 * 8])
    header[20:44] = struct.pack("<QQQ", len(header) - 8 + frames * 8, frames * 8, frames)  # its chunk ds64
    path.write_bytes(header)
    os.truncate(path, len(header) + frames * 8)  # a hole: takes no room
    with open_sound(path) as sound:
        assert (sound.frames, sound.format_name) == (frames, "RF64")
    os.truncate(path, len(header) + frames * 8 - 1)
    with pytest.raises(RtsepError, match="truncated"), open_sound(path):
        pass
