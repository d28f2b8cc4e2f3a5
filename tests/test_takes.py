"""Takes: their names, full disks, kills at any moment, and what mends them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import mido
import numpy as np
import pytest
import soundfile
from conftest import band
from native_callback import call
from pretended_card import RATE, Card, Face, job

from rtsep.errors import RtsepError
from rtsep.files.growing import GrowingWav, mend_sounds, wav_header
from rtsep.hosts.found_takes import find_takes, mend_all
from rtsep.hosts.live import live
from rtsep.hosts.takes import ROOM_BYTES, Take, TakeForm, check_base, mend

STEMS = ("low", "high", "residual")
TABLE = np.zeros((32, 16, 128), np.int8)
TABLE[:, :, 60:] = 1
BLOCK = 1000


def form(kind="wav"):
    return TakeForm(STEMS, float(RATE), 2, TABLE, kind)


def planes_of(number):
    """A block that nothing else looks like, in whole steps of 24 bits."""
    rng = np.random.default_rng(number)
    return (rng.integers(-(2**22), 2**22, (8, BLOCK)) / 2**23).astype(np.float32)


def sounds(folder, kind="wav"):
    """Every file of a take: name, sound [channel, sample]."""
    return {name: soundfile.read(folder / f"{name}.{kind}", dtype="float32", always_2d=True)[0].T for name in ("input", *STEMS)}


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB."""
    (tmp_path / "disk").mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tmp_path / "disk"], capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("mounting a small disk is not allowed here")
    yield tmp_path / "disk"
    subprocess.run(["umount", "-l", tmp_path / "disk"], check=True)


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_name_is_taken_at_once_however_many_want_it(tmp_path):
    """Twelve recorders at the same time, beside a folder and a file of such names."""
    (tmp_path / "take").mkdir()
    (tmp_path / "take" / "precious").write_text("x")
    (tmp_path / "take-3").write_text("y")
    takes, ready = [], threading.Barrier(12)

    def begin():
        ready.wait()
        takes.append(Take(tmp_path / "take", form()))

    threads = [threading.Thread(target=begin) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {f"take-{number}" for number in range(1, 14)} - {"take-3"}
    assert {take.folder.name for take in takes} == names
    for number, take in enumerate(takes):
        take.write(planes_of(number))
        assert take.finish()["seconds"] == round(BLOCK / RATE, 3)
    assert all(np.array_equal(sounds(take.folder)["low"], planes_of(number)[2:4]) for number, take in enumerate(takes))
    assert (tmp_path / "take" / "precious").read_text() == "x" and (tmp_path / "take-3").read_text() == "y"


def test_nothing_recorded_leaves_nothing(tmp_path):
    take = Take(tmp_path / "take", form())
    take.add([(0, 0, (0x90, 60, 90)), (0, 0, (0x80, 60, 0))], played=False)  # A key that was down all the while.
    take.finish()
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_it_is_said_before(tmp_path):
    (tmp_path / "file").write_text("")
    for base in (tmp_path / "file" / "take", tmp_path / "file" / "deep" / "take"):
        with pytest.raises(RtsepError, match="is a file"):
            check_base(base)
    check_base(tmp_path / "new" / "take")
    assert not (tmp_path / "new").exists()


# --- a full disk ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_full_disk_ends_the_take_whole_and_not_the_music(small_disk, tmp_path, rng, kind):
    """In `rtsep live`: played on until the disk is full, and then a while."""
    card, face, after = Card(), Face(), []

    def step(player):
        player.receive(0, 0, (0x90, 48 + len(face.statuses) % 24, 90))
        for _ in range(8):
            call(player.lanes, band(rng, BLOCK, 2))
        after.append(1) if "ended" in face.statuses[-1].recording else None
        if len(after) < 5 and len(face.statuses) < 2000:
            face.steps.append(step)

    face.steps.append(step)
    report = live(job(tmp_path, record=small_disk / "take", record_format=kind), lambda rescan: card, face)
    told = [status.recording for status in face.statuses]
    assert any("room for" in text and " s" in text for text in told), "shown from the start"
    assert told[-1] == "ended: the disk is full" and len(after) == 5
    messages = {status.message for status in face.statuses}
    assert any("the disk is nearly full: there is room for" in text for text in messages)
    assert any("recording ended: the disk is full" in text and "playing goes on" in text for text in messages)
    assert report["counters"]["samples"] == 8 * BLOCK * len(face.statuses) - BLOCK * 8 - BLOCK

    (take,) = report["takes"]
    assert take["warnings"] == ["the disk is full"] and json.loads((small_disk / "take" / "report.json").read_text()) == take
    heard = sounds(small_disk / "take", kind)
    assert {sound.shape for sound in heard.values()} == {heard["low"].shape} and heard["low"].shape[1] > 0.5 * RATE
    assert take["seconds"] == round(heard["low"].shape[1] / RATE, 3)
    missed = heard["low"] + heard["high"] + heard["residual"] - heard["input"]
    assert np.abs(missed).max() < 1e-5 if kind == "wav" else 4 / 2**23
    assert mido.MidiFile(small_disk / "take" / "session.mid").length > 0.5
    files = {path.name for path in (small_disk / "take").iterdir()}
    assert files == {"report.json", "session.mid", *(f"{name}.{kind}" for name in ("input", *STEMS))}


def test_notes_have_room_on_a_full_disk(small_disk):
    """However many: their room grows with them."""
    take, full = Take(small_disk / "take", form()), False
    take.write(planes_of(0))
    take.add([(number, 0, (0x90, number % 128, 1 + number % 99)) for number in range(30_000)])
    take.update()
    (small_disk / "other").write_bytes(b"")
    while not full:
        try:
            take.write(planes_of(1))
            with open(small_disk / "other", "ab", buffering=0) as other:
                full = other.write(bytes(4096)) < 4096
        except OSError:
            full = True
    report = take.finish("the disk is full")
    file = mido.MidiFile(small_disk / "take" / "session.mid")
    assert report["events"] == 30_000 == sum(message.type == "note_on" for track in file.tracks for message in track)
    assert (small_disk / "take" / "session.mid").stat().st_size > ROOM_BYTES


def test_what_a_full_disk_takes_of_a_block_counts(small_disk):
    """So that keys are released where the sound ends."""
    file = GrowingWav(small_disk / "a.wav", RATE, 2)
    with pytest.raises(OSError):
        file.write(np.zeros((2, 1_000_000), np.float32))
    file.close()
    assert mend_sounds([small_disk / "a.wav"], 0) == [file.frames] and file.frames > 0


def test_a_disk_that_is_full_from_the_start_is_refused(small_disk):
    for room in (0, 30_000, 66_000):
        with open(small_disk / "other", "wb", buffering=0) as other, pytest.raises(OSError):
            while other.write(bytes(4096)):
                pass
        os.truncate(small_disk / "other", (small_disk / "other").stat().st_size - room)
        with pytest.raises(RtsepError, match="No space left"):
            Take(small_disk / "take", form())
        assert [path.name for path in small_disk.iterdir()] == ["other"]


def test_a_take_that_could_not_be_finished_is_told_and_mended_later(small_disk):
    take = Take(small_disk / "take", form())
    take.write(planes_of(0))
    take.add([(5, 0, (0x90, 60, 90))])
    take._room = 0  # As if another program took what was kept for the end.
    take._mark(0)
    with open(small_disk / "other", "wb", buffering=0) as other, pytest.raises(OSError):
        while other.write(bytes(4096)):
            pass
    with pytest.raises(RtsepError, match="cannot write"):
        take.finish("the disk is full")
    assert all(sound.shape == (2, BLOCK) for sound in sounds(take.folder).values())
    (small_disk / "other").unlink()
    assert len(mend_all(small_disk)) == 1 and mido.MidiFile(take.folder / "session.mid").tracks[0].name == "high"


# --- killed -----------------------------------------------------------------------------------------------------------


def recorded_until_killed(base, kind, blocks):
    """A process that records is killed after it has written so many blocks; gives the folder of its take."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        take = Take(base, form(kind))
        for number in range(10_000):
            take.write(planes_of(number))
            take.add([(number * BLOCK, 0, (0x90, 48 + number % 24, 90)), (number * BLOCK, 0, (0xB0, 64, 127))])
            if number % 7 == 0:
                take.update()
            os.write(writing, b"x")
    os.close(writing)
    while blocks:
        blocks -= len(os.read(reading, blocks))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    return base


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be killed")
@pytest.mark.parametrize("blocks", [1, 5, 20, 33, 50, 64])
@pytest.mark.parametrize("kind, lost", [("wav", 0), ("flac", 3 * 4096)])
def test_a_take_that_was_killed_at_any_moment_is_mended(tmp_path, kind, lost, blocks):
    folder = recorded_until_killed(tmp_path / "take", kind, blocks)
    if kind == "wav":
        assert {sound.shape[1] >= (blocks - 1) // 7 * 7 * BLOCK for sound in sounds(folder).values()} == {True}
    (before,) = find_takes(tmp_path)
    assert (before.name, before.state, before.seconds) == ("take", "being recorded", None)
    said = mend_all(tmp_path)
    (sentence,), (found,) = said, find_takes(tmp_path)
    assert "take was cut off and has been mended" in sentence and found.state == "it was cut off, and mended"
    heard = sounds(folder, kind) if found.seconds else {name: np.zeros((2, 0)) for name in ("input", *STEMS)}
    (length,) = {sound.shape[1] for sound in heard.values()}
    assert length >= blocks * BLOCK - lost and found.seconds == round(length / RATE, 3)
    true = np.concatenate([planes_of(number) for number in range(-(-length // BLOCK) or 1)], axis=1)[:, :length]
    assert np.abs(np.concatenate(list(heard.values())) - true).max(initial=0) <= (0 if kind == "wav" else 1.5 / 2**23)
    file = mido.MidiFile(folder / "session.mid")
    assert {track.name for track in file.tracks} <= {"low", "high"}
    notes = [message for track in file.tracks for message in track if message.type == "note_on"]
    assert len(notes) >= blocks and all(any(message.type == "control_change" for message in track) for track in file.tracks)
    assert not [path for path in folder.iterdir() if path.name.startswith(".")] and not mend_all(tmp_path)


def test_a_take_that_is_being_recorded_stays_as_it_is(tmp_path):
    take = Take(tmp_path / "take", form())
    take.write(planes_of(0))
    assert mend(take.folder) is None and not mend_all(tmp_path) and find_takes(tmp_path)[0].state == "being recorded"
    take.write(planes_of(1))
    assert take.finish()["seconds"] == round(2 * BLOCK / RATE, 3)


def test_a_marker_that_cannot_be_read_is_told_and_harms_nothing(tmp_path):
    folder = recorded_until_killed(tmp_path / "take", "wav", 8)
    (folder / ".recording").write_text("{")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (told,) = mend_all(tmp_path)
    assert "cannot be mended" in told and find_takes(tmp_path)[0].state == "its marker cannot be read"
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"} == {
        name: data for name, data in before.items() if name != ".lock"}


def test_a_file_that_lost_much_does_not_cut_the_others(tmp_path):
    for name, blocks in (("a", 600), ("b", 3)):
        file = GrowingWav(tmp_path / f"{name}.wav", RATE, 8)
        for number in range(blocks):
            file.write(planes_of(number % 2))
        file.close()
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    assert mend_sounds(paths, 10 * RATE) == [600 * BLOCK, 3 * BLOCK]
    assert mend_sounds(paths, 20 * RATE) == [3 * BLOCK, 3 * BLOCK]


def test_beyond_four_gigabytes_it_is_rf64(tmp_path):
    """A sparse file of 5 GB."""
    frames = 5 * 2**30 // 16
    with open(tmp_path / "long.wav", "wb") as file:
        file.write(wav_header(RATE, 4, 1))
        file.truncate(len(wav_header(RATE, 4, 1)) + 16 * frames + 3)
    assert mend_sounds([tmp_path / "long.wav"], 0) == [frames]
    found = soundfile.info(tmp_path / "long.wav")
    assert (found.format, found.frames, found.channels) == ("RF64", frames, 4)


def test_the_command_lists_and_mends(tmp_path):
    recorded_until_killed(tmp_path / "song", "wav", 8)
    recorded_until_killed(tmp_path / "empty", "wav", 0)
    asked = SimpleNamespace(args=[sys.executable, "-m", "rtsep", "takes"])
    done = subprocess.run([*asked.args, tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "song was cut off and has been mended" in done.stderr, done.stderr
    assert all(word in done.stdout for word in ("song", "0:0", "MB", "input, low, high, residual", "cut off, and mended")), done
    listed = json.loads(subprocess.run([*asked.args, tmp_path, "--json"], capture_output=True, text=True, timeout=60).stdout)
    assert listed["mended"] == [] and {take["name"]: take["state"] for take in listed["takes"]}["song"].startswith("it was cut")
    done = subprocess.run([*asked.args, tmp_path / "nowhere"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "is not a folder" in done.stderr and len(done.stderr.splitlines()) == 1
