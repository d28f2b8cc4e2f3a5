"""Takes of rtsep live with a voice: its pitch as a table and as notes, in time with the files of the take."""

import mido
import numpy as np
import pytest
import soundfile
from native_callback import call
from pretended_card import RATE, Card, Face, job
from test_voice_live import tone

from rtsep.hosts.live import live

PARAMS = {"window_samples": 4096, "latency_samples": 1024}
BLOCK = 441


def played(*sounds):
    """Steps that play each sound [sample], a block at a time."""
    sound = np.concatenate(sounds)
    return [lambda player, at=at: call(player.lanes, np.repeat(sound[None, at : at + BLOCK], 2, axis=0).astype(np.float32))
            for at in range(0, len(sound) - BLOCK + 1, BLOCK)]


def start(player):
    player.recorder.start(player.separator.latency)


def stop(player):
    player.recorder.stop()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A take that begins 0.5 s after the sound; in the take, A4 sounds from 0.3 to 0.8 s."""
    monkeypatch.chdir(tmp_path)
    silence, note = np.zeros(RATE // 10), tone(440, 0.5)[0]
    steps = [*played(*[silence] * 5), start, *played(silence, silence, silence, note, *[silence] * 4), stop]
    card = Card()
    report = live(job(tmp_path, params=PARAMS, by="all", voice="voice"), lambda rescan: card, Face(*steps))
    (take,) = report["takes"]
    assert not take["warnings"]
    return tmp_path / "take"


def test_the_table_is_in_time_with_the_take(folder):
    table = np.genfromtxt(folder / "voice.csv", delimiter=",", names=True)
    sound, rate = soundfile.read(folder / "input.wav")
    assert len(table) == pytest.approx(len(sound) / rate / 0.01, abs=1)
    sings = table["f0_hz"] > 0
    assert np.abs(table["f0_hz"][sings] - 440).max() < 5
    heard = np.flatnonzero(np.abs(sound[:, 0]) > 1e-3) / rate
    begin, end = table["time_s"][sings][[0, -1]]
    assert begin == pytest.approx(heard[0], abs=0.06) and end == pytest.approx(heard[-1], abs=0.06)


def test_the_notes_are_beside_it(folder):
    messages = list(mido.MidiFile(folder / "voice.mid"))
    assert [message.note for message in messages if message.type == "note_on"] == [69]


def test_without_a_voice_there_are_no_such_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    card = Card()
    live(job(tmp_path, params=PARAMS, by="all"), lambda rescan: card, Face(start, *played(np.zeros(RATE // 5)), stop))
    assert (tmp_path / "take" / "input.wav").exists()
    assert not list((tmp_path / "take").glob("voice*"))
