"""A player without a device: MPE zones, and messages about bends."""

import numpy as np
import pytest
from conftest import SMALL, prepared, two_parts
from native_callback import call, warmed

from rtsep.hosts.controls import Controls
from rtsep.hosts.lanes import CAPACITY, MIX
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.player import Player

ZONE = ((0xB0, 101, 0), (0xB0, 100, 6), (0xB0, 6, 15))


@pytest.fixture
def player(preset, tmp_path):
    separator = prepared(preset, two_parts(), SMALL, 1, max_block=CAPACITY)
    watch = NoteWatch(None, preset.pitches)
    return Player(separator, warmed(separator, [(MIX, 0)]), Controls(tmp_path / "controls.json"), watch, 2)


def play(player, *messages):
    """Pitches that the engine and the display hold after these messages."""
    for message in messages:
        player.receive(0, 1, message)
    call(player.lanes, np.zeros((1, 64), np.float32))
    assert player.separator.held_pitches == player.watch.held()
    return player.watch.held()


def test_a_masters_pedal_holds_notes_of_its_members(player):
    keys = ((0x91, 60, 90), (0x92, 64, 90), (0x81, 60, 0), (0x82, 64, 0))
    assert play(player, *ZONE, (0xB0, 64, 127), *keys) == (60, 64)
    assert play(player, (0xB0, 64, 0)) == ()


def test_without_a_zone_a_pedal_holds_its_own_channel_only(player):
    assert play(player, (0xB0, 64, 127), (0x91, 60, 90), (0x90, 64, 90), (0x81, 60, 0), (0x80, 64, 0)) == (64,)


def test_bends_are_told_once(player):
    play(player, (0x90, 60, 90), (0xE0, 0, 96))
    player.tick()
    assert "notes on channel 1 are bent by +100 cents" in player.said.text
    player.say("")
    play(player, (0xE0, 0, 64), (0xE0, 0, 127))
    player.tick()
    assert player.said.text == ""
