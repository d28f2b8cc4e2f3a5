"""Sound files: what is read is what is there, what is not whole is refused, results appear whole or not at all."""

import os
import struct
import subprocess
import wave

import numpy as np
import pytest
import soundfile

from rtsep.errors import RtsepError
from rtsep.files import results
from rtsep.files import sound as files
from rtsep.files.sound import StemWriter, atomic_write, open_sound, read_sound

RATE = 44_100
FORMATS = {  # ending: (format, subtype) of every kind whose cut must be noticed
    "wav": ("WAV", "PCM_16"), "float.wav": ("WAV", "FLOAT"), "wavex": ("WAVEX", "PCM_24"), "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"), "aiff": ("AIFF", "PCM_24"), "au": ("AU", "PCM_16"), "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"), "mp3": ("MP3", "MPEG_LAYER_III"),
}  # fmt: skip
TAG = b"ID3\x04\0\0\0\0\x02\x00" + bytes(256)


def noise(channels=2, frames=RATE, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, frames))).astype(np.float32)


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


def write_wav(path, data, rate=RATE, subtype="FLOAT"):
    soundfile.write(path, data.T, rate, subtype, format="WAV")
    return path


# ---- reading


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
    if size:
        assert read_sound(tmp_path / "x.wav")[0].shape == (2, RATE)
    else:  # the decoder reads nothing then
        with pytest.raises(RtsepError, match="holds no sound"):
            read_sound(tmp_path / "x.wav")


def test_more_chunks_around_the_sound_are_no_matter(tmp_path, encoded):
    data = encoded["wav"]
    odd = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    (tmp_path / "x.wav").write_bytes(data[:12] + odd + data[12:] + odd[:9])
    assert read_sound(tmp_path / "x.wav")[0].shape == (2, RATE)


@pytest.mark.parametrize("ending", ["mp3", "flac"])
def test_a_tag_in_front(tmp_path, encoded, ending):
    (tmp_path / "x").write_bytes(TAG + encoded[ending])
    assert read_sound(tmp_path / "x")[0].shape == (2, RATE)


# ---- refused


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
    assert "no sound file" in refused(data, name)


@pytest.mark.parametrize("ending", ["wav", "w64", "aiff"])
def test_a_sound_of_no_length(tmp_path, refused, ending):
    soundfile.write(tmp_path / f"x.{ending}", np.zeros((0, 2)), RATE)
    assert "holds no sound" in refused((tmp_path / f"x.{ending}").read_bytes())


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9, "all but one byte"])
def test_a_cut_is_refused_when_opening(refused, encoded, ending, kept):
    data = encoded[ending]
    length = len(data) - 1 if isinstance(kept, str) else int(kept * len(data))
    assert any(word in refused(data[:length], f"x.{ending}") for word in ("truncated", "no sound file"))


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


def test_streams_that_do_not_tell_their_length(refused, encoded):
    flac = bytearray(encoded["flac"])
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)  # total samples: unknown
    assert "does not tell its length" in refused(bytes(flac))
    mp3 = encoded["mp3"]
    assert "does not tell its length" in refused(mp3[mp3.find(mp3[:2], 100) :])


@pytest.mark.parametrize(
    "start", [b"RIFF", b"RF64", b"FORM", b"caff", b"riff", b".snd", b"OggS", b"ID3\4", b"\xff\xfb\x90\x64"]
)
def test_noise_behind_a_known_start_is_refused(refused, start, capfd):
    rng = np.random.default_rng(0)
    for length in (0, 3, 30, 5000):
        refused(start + rng.integers(0, 256, length, np.uint8).tobytes())
    assert capfd.readouterr().err == ""  # one line of ours is all that a user should see


# ---- writing


def write_stems(folder, blocks, **options):
    """Stems of the given names, each in pieces of 1000."""
    with StemWriter(folder, tuple(blocks), RATE, next(iter(blocks.values())).shape[0], **options) as writer:
        for stem, data in enumerate(blocks.values()):
            for at in range(0, data.shape[1], 1000):
                writer.write(stem, data[:, at : at + 1000])
        writer.add_file("report.json", "{}\n")
        writer.commit()
    return writer


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


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
    with pytest.raises(RtsepError, match="passes 4 GB"):
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


# ---- nothing half-written


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
        ({"format": "mp3"}, "allowed are wav and flac"),
        ({"bits": "32"}, "allowed are 16, 24, float"),
        ({"format": "flac", "bits": "float"}, "flac has no float"),
        ({"format": "flac", "channels": 9}, "flac holds 8 channels, not 9"),
    ],
)
def test_formats_that_cannot_be(tmp_path, options, reason):
    with pytest.raises(RtsepError, match=reason):
        StemWriter(tmp_path / "out", ("x",), RATE, **{"channels": 2, **options})
    assert left_in(tmp_path) == []


# ---- full disks


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


# ---- single files


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
