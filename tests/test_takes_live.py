"""Takes that begin and end while it plays: by keys, by buttons of a MIDI controller, one after the other without a gap."""

import json
import time
from types import SimpleNamespace

import mido
import numpy as np
import pytest
import soundfile
from conftest import band
from native_callback import call
from pretended_card import RATE, Card, Face, job

from rtsep.callbacks import shared
from rtsep.errors import RtsepError
from rtsep.hosts.live import live
from rtsep.hosts.panel import Panel
from rtsep.hosts.takes import Take

LATENCY = 256
STEMS = ("low", "high", "residual")


def heard(folder, kind="wav"):
    """Its files as float32 [channel, sample]."""
    return {name: soundfile.read(folder / f"{name}.{kind}", dtype="float32", always_2d=True)[0].T for name in ("input", *STEMS)}


def tracks(folder):
    """Of session.mid: the name, and (kind, key or controller, sample) of each message."""
    file, found = mido.MidiFile(folder / "session.mid"), {}
    for track in file.tracks:
        now, found[track.name] = 0, []
        for message in track:
            now += message.time
            if not message.is_meta:
                kind = "on" if message.type == "note_on" and message.velocity else message.type[-3:]
                number = message.control if message.type == "control_change" else message.note
                found[track.name].append((kind, number, round(now * 0.5 / file.ticks_per_beat * RATE)))
    return found


def session(tmp_path, *steps, **options):
    """Play the steps, each with the card's samples so far; gives the face and the report."""
    card, face = Card(), Face(*steps)
    return face, live(job(tmp_path, **{"record": None, **options}), lambda rescan: card, face)


@pytest.mark.parametrize("way", ["keys", "buttons"])
def test_one_take_after_the_other_without_a_gap(tmp_path, rng, monkeypatch, way):
    """Nothing is recorded, then two takes in a row, nothing again, and a third."""
    monkeypatch.chdir(tmp_path)
    sound, panel, at = band(rng, 30_000, 2), Panel(), [0]
    buttons = {"record": (0xB0, 20, 127), "next_take": (0xB0, 21, 127)}
    (tmp_path / "controls.json").write_text(json.dumps({"controls": {"record": [1, 20], "next_take": [1, 21]}}))

    def play(samples):
        def step(player):
            call(player.lanes, sound[:, at[0] : at[0] + samples])
            at[0] += samples
        return step

    def press(what):
        def step(player):
            if way == "keys":
                assert panel.press({"record": "r", "next_take": "n"}[what], player)
            else:
                player.receive(0, 0, buttons[what])
                player.receive(0, 0, (*buttons[what][:2], 0))  # Letting go does nothing.
                player.tick()
        return step

    def until(pattern):
        def step(player):
            if pattern not in face.statuses[-1].recording + face.statuses[-1].message:
                face.steps.insert(0, step)
        return step

    def notes(*messages):
        return lambda player: [player.receive(0, 0, message) for message in messages]

    card, face = Card(), Face()
    face.steps += [
        play(64), play(2000), press("record"), until("take: "), notes((0x90, 50, 80), (0xB0, 64, 100)), play(3000),
        press("next_take"), until("take-1: "), play(1000), notes((0x90, 70, 90)), play(1500), press("record"),
        until("take-1 holds"), play(4000), press("record"), until("take-2: "), play(2000), press("record"),
        until("take-2 holds")]
    at[0] = -64
    sound = np.concatenate([sound, np.zeros((2, 64), np.float32)], axis=1)
    report = live(job(tmp_path), lambda rescan: card, face)
    first, second, third = (heard(tmp_path / name) for name in ("take", "take-1", "take-2"))
    assert [take["folder"] for take in report["takes"]] == ["take", "take-1", "take-2"]
    for name in ("input", *STEMS):
        assert first[name].shape[1] + second[name].shape[1] == 5500 - LATENCY
    both = {name: np.concatenate([first[name], second[name]], axis=1) for name in first}
    assert np.array_equal(both["input"], sound[:, 2000 : 7500 - LATENCY])
    assert np.array_equal(third["input"], sound[:, 11_500 : 13_500 - LATENCY])
    for each in (both, third):
        assert np.abs(each["low"] + each["high"] + each["residual"] - each["input"]).max() < 1e-5
    border = first["input"].shape[1]
    assert tracks(tmp_path / "take") == {"low": [("on", 50, 0), ("nge", 64, 0), ("off", 50, border), ("nge", 64, border)],
                                         "high": [("nge", 64, 0), ("nge", 64, border)]}
    later = tracks(tmp_path / "take-1")
    assert later["low"][:2] == [("on", 50, 0), ("nge", 64, 0)] and ("on", 70, 4000 - border) in later["high"]
    assert [take["events"] for take in report["takes"]] == [2, 1, 0]


def test_a_note_that_comes_while_the_rings_are_emptied_is_in_its_take(tmp_path, rng, monkeypatch):
    """Its block is the last that the recorder reads before the next take."""
    sound, armed = band(rng, 1000, 2), []

    def new_take(*form):
        made = Take(*form)
        armed.append(True)
        return made

    def play(player):
        call(player.lanes, sound)

    def next_take(player):
        lanes, read = player.lanes, player.lanes.read_record

        def late():
            if armed:
                armed.pop()
                player.receive(0, 0, (0x90, 50, 80))
                call(lanes, sound)
            return read()

        lanes.read_record = late
        armed.clear()
        player.next_take()

    monkeypatch.setattr("rtsep.hosts.recorder.Take", new_take)
    session(tmp_path, play, play, next_take, play, record=tmp_path / "take")
    assert ("on", 50, 1000) in tracks(tmp_path / "take")["low"]


def test_a_block_of_the_take_before_is_in_no_other(tmp_path, rng, monkeypatch):
    """It was begun before the stop, and its thread had to wait: it comes when the recorder has emptied the rings."""
    sound, old = band(rng, 4000, 2), []

    def play(begin, end):
        return lambda player: call(player.lanes, sound[:, begin:end])

    def stop(player):
        old.append(int(player.lanes._arrays["control"][shared.RECORDING]))
        player.record()
        while player.recorder.told():
            time.sleep(0.001)

    def late(player):
        """The callback has read the old word."""
        read = player.lanes.record_start

        def record_start(seconds):
            player.lanes._arrays["control"][shared.RECORDING] = old[0]
            player.receive(0, 0, (0x90, 50, 80))
            call(player.lanes, sound[:, 1000:2000])
            read(seconds)

        player.lanes.record_start = record_start
        player.record()

    session(tmp_path, play(0, 64), play(0, 1000), stop, late, play(2000, 4000), record=tmp_path / "take")
    assert np.array_equal(heard(tmp_path / "take-1")["input"], sound[:, 2000 : 4000 - LATENCY])
    assert tracks(tmp_path / "take-1").get("low", []) in ([], [("on", 50, 0), ("off", 50, 2000 - LATENCY)])


def test_what_is_recorded_is_shown_and_its_latency_stays(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def step(player):
        call(player.lanes, band(rng, 4000, 2))

    def change(player):
        with pytest.raises(RtsepError, match="cannot change while recording"):
            player.set("latency_samples", 128)

    def changes(player):
        player.set("latency_samples", 128)
        with pytest.raises(RtsepError, match="the latency is changing"):
            player.record()

    face, report = session(tmp_path, step, step, lambda player: player.record(), change, *[step] * 12,
                           lambda player: player.record(), changes)
    told = [status.recording for status in face.statuses]
    assert told[0] == "" and told[-1] == "" and any(text.startswith("take: 1 s, room for ") for text in told)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"take"} and len(report["takes"]) == 1


def test_room_is_shown_and_said_twice(tmp_path, rng, monkeypatch):
    """Below ten minutes and below one, each once, however it goes on; the next session says it again."""
    per_minute = 60 * RATE * 2 * 4 * 4
    left = iter([12.2, 12, 9.4, 8.9, 11, 0.9, 0.5, 2])
    minutes = [99.0]

    def usage(_folder):
        minutes[0] = next(left, minutes[0])
        return SimpleNamespace(free=minutes[0] * per_minute)

    monkeypatch.setattr("rtsep.hosts.recorder.shutil.disk_usage", usage)
    monkeypatch.setattr("rtsep.hosts.recorder.UPDATE_S", 0.0)

    def step(player):
        call(player.lanes, band(rng, 100, 2))
        if minutes[0] != 2 or "2 min" not in face.statuses[-1].recording:
            face.steps.append(step)

    card, face = Card(), Face(step)
    live(job(tmp_path, record=tmp_path / "take"), lambda rescan: card, face)
    assert "room for 12 min" in face.statuses[0].recording and "room for 2 min" in face.statuses[-1].recording
    said = list(dict.fromkeys(status.message for status in face.statuses if "nearly full" in status.message))
    assert [text.partition("room for ")[2] for text in said] == ["9 min of recording", "54 s of recording"]


def test_flac_of_24_bits(tmp_path, rng):
    """The same sound up to half a step; what lies beyond full scale is clipped and counted."""
    sound = band(rng, 9000, 2)
    sound *= 0.9 / np.abs(sound).max()
    sound[:, 5000] = 1.5
    reports = {}
    for kind in ("wav", "flac"):
        def play(player):
            call(player.lanes, sound[:, :64])
            call(player.lanes, sound)
        _, report = session(tmp_path, play, record=tmp_path / "new" / kind, record_format=kind)
        (reports[kind],) = report["takes"]
    wav, flac = heard(tmp_path / "new" / "wav"), heard(tmp_path / "new" / "flac", "flac")
    assert soundfile.info(tmp_path / "new" / "flac" / "input.flac").subtype == "PCM_24"
    assert all(np.abs(flac[name] - wav[name].clip(-1, 1)).max() < 2 / 2**23 for name in wav)
    assert reports["wav"]["clipped_samples"] == 0 < reports["flac"]["clipped_samples"] and reports["flac"]["format"] == "flac"


def test_a_format_that_cannot_hold_it_is_refused_before(tmp_path):
    card = Card()
    card.inputs = 9
    with pytest.raises(RtsepError, match="flac holds at most 8 channels"):
        live(job(tmp_path, record=tmp_path / "take", record_format="flac"), lambda rescan: card, Face())
    assert not (tmp_path / "take").exists()
