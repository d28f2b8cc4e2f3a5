"""`rtsep render --start --end`: a range equals that part of the whole, and its notes are known from their beginning."""

import json
import struct
import subprocess

import numpy as np
import pytest
import soundfile
from conftest import CONTROL, OFF, ON, midi
from instruments import write_tracks
from render_files import RATE, fill, render, report_of, sounds_of, tone

from rtsep.files.sound import open_sound
from rtsep.hosts.asked import parse_time
from rtsep.hosts.ranges import GRID, LEAD_S, Excerpt, choose_range
from rtsep.notes.score import read_midi

STILL = ("--set", "adapt=off", "--background", "0")  # Nothing is learnt, so that earlier sound leaves no trace.
LONG_S = 12  # The long sound lasts this many seconds.
LONG_NOTES = ((0.5, 1.5, 60), (5.0, 8.9, 64), (5.5, 6.4, 67), (8.0, 9.0, 60))


@pytest.fixture
def folder(tmp_path):
    """A folder with the files of `fill`, and with long.wav and long.mid."""
    fill(tmp_path)
    sound = np.zeros(LONG_S * RATE)
    for on, off, pitch in LONG_NOTES:
        part = tone(pitch, off - on)
        sound[round(on * RATE) : round(on * RATE) + len(part)] += part
    soundfile.write(tmp_path / "long.wav", sound, RATE, "FLOAT")
    write_tracks(tmp_path / "long.mid", {"Left": LONG_NOTES[:2], "Right": LONG_NOTES[2:]})
    return tmp_path


@pytest.mark.parametrize(("text", "seconds"), [
    ("0", 0), ("72.5", 72.5), ("72.5s", 72.5), (".5", 0.5), ("1:12.5", 72.5), ("0:05", 5), ("1:00:01", 3601), ("90:00", 5400)])
def test_times(text, seconds):
    assert parse_time(text, "--start") == seconds


@pytest.mark.parametrize(("options", "begin", "end"), [
    (("--start", "0.5"), 0.5, 1.5), (("--end", "0:01"), 0, 1), (("--start", "0.2", "--end", "0.8s"), 0.2, 0.8)])
def test_the_range_equals_that_part_of_the_whole(folder, options, begin, end):
    """If the range starts within LEAD_S, the engine hears the sound from its beginning: all bits are the same."""
    assert render(folder, out="whole") == 0 and render(folder, *options) == 0
    first, last = round(begin * RATE), round(end * RATE)
    for name, sound in sounds_of(folder, "whole").items():
        np.testing.assert_array_equal(sounds_of(folder)[name], sound[:, first:last])
    report = report_of(folder)
    assert report["start_s"] == begin and report["seconds"] == pytest.approx(end - begin)


def test_notes_that_sound_at_the_start_are_known_from_their_beginning(folder):
    options = (*STILL, "--set", "gate=on")
    assert render(folder, *options, mix="long.wav", midi="long.mid", out="whole") == 0
    assert render(folder, *options, "--start", "0:06.5", "--end", "8.5", mix="long.wav", midi="long.mid") == 0
    whole, part = sounds_of(folder, "whole"), sounds_of(folder)
    mix = soundfile.read(folder / "long.wav")[0][round(6.5 * RATE) : round(8.5 * RATE)]
    assert np.abs(sum(part.values())[0] - mix).max() < 1e-5 * np.abs(mix).max()
    for name in ("left", "right"):
        wanted = whole[name][:, round(6.5 * RATE) : round(8.5 * RATE)]
        assert np.sum(wanted**2) > 0
        assert 10 * np.log10(np.sum((part[name] - wanted) ** 2) / np.sum(wanted**2) + 1e-12) < -60


def test_hearing_begins_before_the_oldest_note(folder):
    score = read_midi(folder / "long.mid")
    with open_sound(folder / "long.wav") as sound:
        for start_s, oldest_s in ((6.0, 5.0), (7.0, 5.0), (4.0, 4.0), (9.5, 9.5), (8.5, 5.0), (1.0, 0.5)):
            part = choose_range(sound, start_s, None, score, False)
            wanted = max(round((oldest_s - LEAD_S) * RATE), 0)
            assert part.first <= wanted < part.first + GRID and part.first % GRID == 0
        assert choose_range(sound, 6.0, None, score, True).first == 0  # The background learns in the first seconds.
        assert choose_range(sound, 6.0, None, None, False).first == round(4.0 * RATE) // GRID * GRID


def test_pedals_stand_as_they_stood(folder):
    events = midi((0, CONTROL, 64, 127), (5, ON, 60, 90), (10, CONTROL, 64, 0), (11, CONTROL, 64, 100), (12, CONTROL, 66, 127),
                  (13, OFF, 60, 0), (4096, ON, 62, 90), (5000, OFF, 62, 0))
    with open_sound(folder / "mix.wav") as sound:
        heard = Excerpt(sound, 6000, 7000, 4096).events(events)
    found = [tuple(int(event[name]) for name in ("sample", "status", "data1", "data2")) for event in heard]
    assert found == [(0, CONTROL, 64, 100), (0, CONTROL, 66, 127), (0, ON, 62, 90), (904, OFF, 62, 0)]


def chunk(path, name):
    """The content of a chunk of a WAV file."""
    data, at = path.read_bytes(), 12
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == name:
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return b""


@pytest.mark.parametrize("bits", ["16", "24", "float"])
def test_a_wav_says_where_it_begins(folder, bits):
    assert render(folder, "--start", "0.4", "--bits", bits) == 0
    for stem in report_of(folder)["stems"]:
        content = chunk(folder / "out" / stem["file"], b"bext")
        assert len(content) == 602 and content[:6] == b"rtsep\0"
        assert struct.unpack_from("<Q", content, 338) == (round(0.4 * RATE),)
        assert soundfile.info(folder / "out" / stem["file"]).frames == round(1.1 * RATE)
    assert render(folder, out="whole") == 0
    assert not chunk(folder / "whole" / "left.wav", b"bext")


@pytest.mark.parametrize("format", ["flac", "ogg", "mp3"])
def test_other_formats_say_where_they_begin(folder, format):
    assert render(folder, "--start", "0.4", "--format", format) == 0
    with soundfile.SoundFile(folder / "out" / f"left.{format}") as sound:
        assert sound.comment == "begins at 0.400000 s of the mix" and sound.frames == round(1.1 * RATE)


def test_an_editor_finds_where_it_begins(folder):
    try:
        told = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "format_tags", str(folder / "out" / "left.wav")]
        assert render(folder, "--start", "0.4") == 0
        found = json.loads(subprocess.run(told, capture_output=True, check=True).stdout)
    except FileNotFoundError:
        pytest.skip("ffmpeg is not installed")
    assert found["format"]["tags"]["time_reference"] == str(round(0.4 * RATE))


def test_a_picture_and_every_mode_of_a_range(folder):
    assert render(folder, "--start", "0.4", "--end", "1.2", "--picture") == 0
    assert (folder / "out" / "picture.png").read_bytes()[:4] == b"\x89PNG"
    assert render(folder, "--start", "0.4", "--end", "1.2", "--mode", "all", out="modes") == 0
    assert (folder / "modes" / "onset.png").read_bytes()[:4] == b"\x89PNG"
    assert all(sound.shape == (1, round(0.8 * RATE)) for sound in sounds_of(folder, "modes/live").values())
