"""What pages and rtsep tell each other over the websocket; the picture; a page that reads nothing."""

# ruff: noqa: F811

import asyncio
import json
import socket
import struct

import numpy as np
import pytest
from conftest import band, chord
from mosaics import melody, mosaic_of
from native_callback import call, warmed
from test_player import player  # noqa: F401

pytest.importorskip("aiohttp", reason="pip install 'rtsep[remote]'")
from remote_served import KEYS, Served, frame, talk, told, until

from rtsep.hosts.controls import Controls
from rtsep.hosts.lanes import CAPACITY, MIX
from rtsep.hosts.notewatch import NoteWatch
from rtsep.hosts.player import Player
from rtsep.remote import frames, outbox
from rtsep.remote.messages import Allowance, BadMessageError, Watch, parse
from rtsep.remote.picture import BANDS, FRAME, LOWEST, Spectrum
from rtsep.remote.wishes import Wish


@pytest.fixture
def served(player):
    with Served(player) as found:
        yield found


def test_a_page_gets_everything_once_and_then_what_changes_whoever_changes_it(served):
    async def conversation(session):
        async with session.ws_connect(served.url()) as ws, session.ws_connect(served.url()) as other:
            hello = await told(ws, lambda found: "hello" in found)
            assert hello["stems"] == ["left", "right", "residual"] and not hello["guest"]
            assert hello["values"]["gain_db.left"] == {"value": 0.0, "position": 0.75, "text": "0 dB"}
            assert hello["controls"]["mode"]["choices"] == ["live", "quality", "instant"]
            assert hello["values"]["mute.left"] == {"value": False} and ["piano", "piano"] in hello["presets"]
            assert hello["invitation"]["link"].endswith("#" + KEYS.guest)
            await told(other, lambda found: "hello" in found)
            await ws.send_json({"set": "gain_db.left", "position": 0.375})
            for page in (ws, other):
                change = await told(page, lambda found: "gain_db.left" in found.get("values", {}))
                assert change["values"] == {"gain_db.left": {"value": -30.0, "position": 0.375, "text": "-30 dB"}}
            await ws.send_json({"set": "mute.right", "step": 1})
            assert (await told(other, lambda found: found["values"]))["values"] == {"mute.right": {"value": True}}
            served.player.solo("left", True)  # As a key does.
            assert (await told(other, lambda found: found["values"]))["values"] == {"solo.left": {"value": True}}
            await ws.send_json({"set": "mode", "value": "turbo"})
            await told(other, lambda found: "mode turbo: allowed is live" in str(found["status"].get("messages")))
            await ws.send_json({"press": "panic"})
            await told(other, lambda found: "panic: all notes off" in str(found["status"].get("messages")))

    talk(conversation)
    assert served.player.value("gain_db.left") == -30 and served.player.muted == {"right"}


def test_guests_look_and_do_not_touch(served):
    async def conversation(session):
        async with session.ws_connect(served.url(KEYS.guest)) as ws:
            hello = await told(ws, lambda found: "hello" in found)
            assert hello["guest"] and "invitation" not in hello and KEYS.full not in json.dumps(hello)
            await ws.send_json({"set": "mute.left", "value": True})
            await told(ws, lambda found: "not touch" in found["status"].get("refused", ""))
            await ws.send_json({"watch": ["mix"]})
            await frame(ws, frames.PICTURE)

    talk(conversation)
    assert not served.player.muted


def test_levels_notes_and_pictures(served):
    player = served.player

    async def conversation(session):
        async with session.ws_connect(served.url()) as ws:
            levels = await frame(ws, frames.LEVELS)
            inputs, outputs, stems = levels[1:4]
            numbers = struct.unpack(f"<{2 + 3 * (inputs + outputs + stems)}h", levels[4:])
            assert stems == 3 and numbers[-9:] == (-2000, -1150, 0, -2100, -1150, 1, -2200, -1150, 0)
            player.lanes.send(0, 1, (0x90, 64, 90))
            call(player.lanes, np.zeros((1, 64), np.float32))
            assert (await frame(ws, frames.NOTES, lambda data: len(data) > 1))[1:] == bytes((1, 64, 1))
            await ws.send_json({"watch": ["mix", "right"]})
            picture = await frame(ws, frames.PICTURE)
            assert picture[1] == 2 and len(picture) == 4 + 2 * BANDS
            played, rng = 0, np.random.default_rng(0)
            sound = band(rng, 20000)
            for begin in range(0, 20000, 500):
                call(player.lanes, sound[:, begin : begin + 500])
                played += 500
            loud = await frame(ws, frames.PICTURE, lambda data: max(data[4:]) > 150)
            assert max(loud[4 + BANDS :]) > 100, "the stem is heard, too"
            await ws.send_json({"watch": []})

    talk(conversation)
    until(lambda: not player.lanes._arrays["control"][12])  # Nobody looks: the callback keeps nothing.


@pytest.mark.parametrize("hz, pitch", [(27.5, 21), (110, 45), (440, 69), (4000, 107), (12000, 126)])
def test_a_sine_lies_in_the_band_of_its_pitch(hz, pitch):
    sine = np.sin(2 * np.pi * hz * np.arange(FRAME) / 48000).astype(np.float32)
    column = np.frombuffer(Spectrum(48000).column(sine), np.uint8)
    assert column.argmax() + LOWEST == pitch and column.max() > 245
    assert np.frombuffer(Spectrum(48000).column(0 * sine), np.uint8).max() == 0


def test_what_the_callback_keeps_of_the_stems_are_its_last_samples(player, rng):
    lanes, sound = player.lanes, band(rng, 30000)
    lanes.stem_ear.watch(True)
    played = [call(lanes, sound[:, begin : begin + 700]) for begin in range(0, 28000, 700)]
    mix = np.concatenate(played, axis=1)[0]
    assert lanes.stem_ear.last(4096).sum(axis=0) == pytest.approx(mix[-4096:], abs=1e-5) and np.abs(mix[-4096:]).max() > 0.1
    assert np.array_equal(lanes.ear.last(4096)[0], sound[0, 28000 - 4096 : 28000])
    lanes.stem_ear.watch(False)
    before = lanes.stem_ear._ring.copy()
    call(lanes, sound[:, :4096])
    assert np.array_equal(lanes.stem_ear._ring, before), "nobody looks: nothing is kept"


def test_open_notes_are_those_whose_templates_are_open(player):
    from rtsep.engine.streaming import open_notes

    now = player.separator.prepared
    player.separator.process(np.zeros((1, 64), np.float32), chord(60, 64, part=1))
    assert open_notes(now) == [(1, 60, True), (1, 64, True)]


def test_a_mosaic_is_shown_as_well(rng, tmp_path):
    mosaic = mosaic_of(melody(rng), max_block=CAPACITY)
    watch = NoteWatch(None, frozenset(mosaic.row_pitch.tolist()))
    player = Player(mosaic, warmed(mosaic, [(MIX, 0)]), Controls(tmp_path / "controls.json"), watch, 1)

    async def conversation(session):
        async with session.ws_connect(served.url()) as ws:
            hello = await told(ws, lambda found: "hello" in found)
            assert hello["stems"] == list(mosaic.stem_names) and hello["status"]["presets"] == []
            player.lanes.send(0, 0, (0x90, 60, 90))
            call(player.lanes, np.zeros((1, 512), np.float32))
            assert (await frame(ws, frames.NOTES, lambda data: len(data) > 1))[2] == 60
            await ws.send_json({"watch": ["mix", mosaic.stem_names[0]]})
            await frame(ws, frames.PICTURE)

    with Served(player) as served:
        talk(conversation)


@pytest.mark.parametrize("text, wish", [
    ('{"set": "wet", "value": 0.5}', Wish("wet", "value", 0.5)), ('{"press": "panic"}', Wish("panic", "press")),
    ('{"set": "mode", "step": -1}', Wish("mode", "step", -1)), ('{"watch": ["mix", "left"]}', Watch(("mix", "left"))),
    ('{"watch": []}', Watch(()))])
def test_messages(text, wish):
    assert parse(text) == wish


@pytest.mark.parametrize("text", [
    "", "{", "[]", "null", "7", '"x"', "{}", '{"set": 1}', '{"set": "wet", "value": 1, "step": 1}', '{"set": 5, "value": 1}',
    '{"set": "wet", "value": null}', '{"set": "wet", "value": {}}', '{"set": "wet", "value": NaN}', '{"set": "", "value": 1}',
    '{"set": "wet", "value": Infinity}', '{"watch": "mix"}', '{"watch": [1]}', '{"watch": ["a", "b", "c"]}', "[" * 900,
    '{"press": "panic", "value": 1}', '{"set": "wet", "value": "' + 300 * "x" + '"}', '{"do": "panic"}'])
def test_messages_that_no_page_sends(text):
    with pytest.raises(BadMessageError):
        parse(text)


def test_an_allowance_is_spent_and_comes_back():
    allowance = Allowance(0.0, rate=10, burst=3)
    assert [allowance.spend(0.0) for _ in range(5)] == [True, True, True, False, False]
    assert allowance.spend(0.1) and not allowance.spend(0.1) and allowance.spend(99)


def test_what_waits_for_a_page_never_grows():
    async def fill():
        box = outbox.Outbox()
        for number in range(1000):
            box.put_changes({"wet": number}, {"latency": str(number)})
            box.put_frame(bytes((frames.LEVELS, number % 256)))
            box.put_frame(bytes((frames.NOTES, number % 256)))
            box.put_columns(bytes((frames.PICTURE, number % 256)))
        packets = await box.take()
        assert json.loads(packets[0]) == {"values": {"wet": 999}, "status": {"latency": "999"}}
        assert packets[1:3] == [bytes((frames.LEVELS, 231)), bytes((frames.NOTES, 231))]
        assert packets[3:] == [bytes((frames.PICTURE, number % 256)) for number in range(975, 1000)]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(box.take(), 0.01)

    asyncio.run(fill())


def test_a_page_that_reads_nothing_is_given_up_and_others_go_on(served, monkeypatch):
    monkeypatch.setattr("rtsep.remote.sockets.SLOW_S", 0.2)
    monkeypatch.setattr("rtsep.remote.frames.levels", lambda _status: bytes((frames.LEVELS,)) * 50000)
    host, _, port = served.host.partition(":")
    request = (f"GET /live?key={KEYS.full} HTTP/1.1\r\nHost: {served.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((host, int(port)))
        deaf.sendall(request.encode())
        until(lambda: served._server._sockets._open)
        until(lambda: not served._server._sockets._open)

    async def conversation(session):
        async with session.ws_connect(served.url()) as ws:
            await frame(ws, frames.LEVELS)

    talk(conversation)
