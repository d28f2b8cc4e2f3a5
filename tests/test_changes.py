"""What can change while `rtsep live` plays: mode, latency, estimator, split point and the delay of notes."""

# ruff: noqa: F811

import json

import numpy as np
import pytest
import soundfile
from conftest import band
from native_callback import call
from pretended_card import RATE, Card, Face, job
from test_player import block, held, player  # noqa: F401

from rtsep.callbacks import shared
from rtsep.errors import RtsepError
from rtsep.hosts.live import live
from rtsep.hosts.panel import Panel
from rtsep.hosts.table import find
from rtsep.stages.polyphony import HELD, KEY_DOWN

QUIET = 1e-4  # Samples below this share of full scale count as silence.


class Stage:
    """A session that plays a sine through the pretended card; `out` is its output."""

    def __init__(self):
        self.card, self.face, self.panel = Card(), Face(), Panel()
        self.heard, self._at = [], 0

    def play(self, blocks, size=256):
        """A step of the test: let the device ask for this many blocks."""
        def step(player):
            for _ in range(blocks):
                at = np.arange(self._at, self._at + size)
                sine = 0.3 * np.sin(2 * np.pi * 261.6 * at / RATE)
                self._at += size
                self.heard.append(call(player.lanes, np.stack([sine, sine]).astype(np.float32))[0])
        return step

    def press(self, *keys):
        """A step of the test: press these keys."""
        return lambda player: [self.panel.press(key, player) for key in keys]

    def run(self, tmp_path, *steps, **options):
        self.face.steps += steps
        return live(job(tmp_path, **options), lambda rescan: self.card, self.face)

    @property
    def sound(self):
        return np.concatenate(self.heard)

    @property
    def said(self):
        return [message.text for message in self.face.statuses[-1].messages]


def note(status, pitch):
    return lambda player: player.receive(0, 0, (status, pitch, 90))


@pytest.mark.parametrize("keys, changed, fades", [
    ("E", lambda p: p.value("estimator") != "encoder+kl", False), ("M", lambda p: p.value("mode") == "instant", True),
    ("]", lambda p: p.separator.latency == 512, True), (">", lambda p: p.split.pitch == 61, False),
    ("]E", lambda p: p.separator.latency == 512 and p.value("estimator") != "encoder+kl", True),
])
def test_changes_by_keys_while_it_plays(tmp_path, keys, changed, fades):
    """No sample jumps. Only when the latency changes, the sound fades out and in. Held keys stay down."""
    stage, found = Stage(), []
    stage.run(tmp_path, stage.play(60), note(0x90, 60), stage.play(40), stage.press(*keys), stage.play(120),
              lambda player: None, stage.play(120), lambda player: found.append((changed(player), held(player))))
    assert found == [(True, (60,))]
    after = stage.sound[100 * 256 :]
    fastest = 0.3 * 2 * np.pi * 261.6 / RATE  # the greatest step of the sine between two samples
    assert np.abs(np.diff(stage.sound[60 * 256 :])).max() < 1.5 * fastest
    blocks = np.abs(after).reshape(-1, 256).max(axis=1)
    assert (blocks < QUIET).any() == fades and blocks[-1] > 0.2, "it comes back"
    assert any("starts to learn again" in text for text in stage.said) == fades


def test_a_split_moves_under_held_keys(tmp_path):
    """The next note obeys the new split. A held note stays in its stem, and its end is not lost."""
    stage, seen = Stage(), []

    def look(player):
        voices = player.separator.prepared.state["voices"]
        seen.append([(int(voice["pitch"]), int(voice["stem"])) for voice in voices if voice["status"] in (KEY_DOWN, HELD)])

    stage.run(tmp_path, stage.play(20), note(0x90, 60), stage.play(4), look, stage.press(*">" * 5), note(0x90, 64),
              stage.play(4), look, note(0x80, 60), note(0x80, 64), stage.play(4), look)
    assert seen == [[(60, 1)], [(60, 1), (64, 0)], []]
    assert stage.said[-1] == "split at F4"


def test_without_a_split_there_is_none_to_move(player):
    assert find("split", player) is None and Panel().press(">", player) and player.said.text == ""
    with pytest.raises(RtsepError, match="--by split"):
        player.move_split(50)


def test_while_recording_the_latency_stays_and_all_else_may_change(tmp_path, rng, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage = Stage()
    report = stage.run(tmp_path, stage.play(20), stage.press("r"), stage.play(20), stage.press("M", "]", "E", ">"),
                       stage.play(20), stage.press("r"), stage.play(4), stage.press("M"), stage.play(200),
                       stage.press("r"), stage.play(20))
    assert any("mode cannot change while recording" in text for text in stage.said)
    assert any("latency_samples cannot change while recording" in text for text in stage.said)
    assert "split at C#4" in stage.said
    assert report["takes"][0]["seconds"] == round((40 * 256 - 256) / RATE, 3) and len(report["takes"]) == 2
    told = [json.loads((tmp_path / name / "report.json").read_text()) for name in ("take", "take-1")]
    assert [each["mode"] for each in told] == ["live", "instant"] and told[1]["mode_chosen"] == "changed while playing"
    sounds = {name: soundfile.read(tmp_path / "take" / f"{name}.wav")[0] for name in ("input", "low", "high", "residual")}
    assert np.abs(sounds["low"] + sounds["high"] + sounds["residual"] - sounds["input"]).max() < 1e-5


def test_notes_keep_their_order_when_their_delay_becomes_shorter(player):
    """A note-off must not overtake its note-on that still waits: the note would never end."""
    control, of = find("midi_offset_ms", player)
    control.write(player, of, 500)
    assert control.read(player, of) == 500
    for message in ((0x90, 60, 90), (0x90, 64, 90)):
        player.lanes.send(2**62, 1, message)  # Their time is far in the future, so they wait.
    block(player)
    player.lanes._arrays["due"][:2] = player.lanes.word(shared.POSITION) + np.array([200, 300])
    control.write(player, of, 0)
    player.lanes.send(0, 1, (0x80, 60, 0))
    player.lanes.send(0, 0, (0x90, 67, 90))
    block(player)
    assert held(player) == (67,), "another keyboard does not wait"
    for _ in range(6):
        block(player)
    assert held(player) == (64, 67) and player.lanes.word(shared.PENDING) == 0


def test_latencies_that_are_not_possible_are_passed_over(player):
    panel, found = Panel(), []
    for _ in range(5):
        panel.press("]", player)
        found.append(player.separator.latency)
    assert found == [512, 512, 128, 256, 512], "the greatest, the default and the least latency"


def test_a_band_goes_on_through_all_changes(tmp_path, rng):
    """After each change the stems still add up to the mix."""
    stage = Stage()
    sound = band(rng, 256 * 200, 2) * 0.2
    at = [0]

    def play(player):
        for _ in range(40):
            call(player.lanes, sound[:, at[0] : at[0] + 256])
            at[0] += 256
        prepared = player.separator.prepared
        assert np.isfinite(prepared.stems).all() and prepared.stems.any()

    stage.run(tmp_path, play, stage.press("E", ">"), play, stage.press("M"), play, stage.press("["), play)
    assert not any("error" in text for text in stage.said)
