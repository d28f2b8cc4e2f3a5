"""OSC: the tree of addresses, messages and bundles, questions, subscribers, and what is no OSC."""

# ruff: noqa: F811

import socket
from contextlib import closing

import pytest
from test_player import player  # noqa: F401

pytest.importorskip("pythonosc", reason="pip install 'rtsep[remote]'")
pytest.importorskip("aiohttp", reason="pip install 'rtsep[remote]'")
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg
from remote_served import Served, until

from rtsep.hosts.table import BY_NAME, CONTROLS
from rtsep.remote import osc, tree

WATCHDOG_S = 60


@pytest.fixture
def served(player):
    with Served(player) as found:
        until(lambda: found._server._osc._known)
        yield found


class Pad:
    """A program that sends OSC from a port of its own, and hears what comes back."""

    def __init__(self, served):
        self._wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._wire.bind(("127.0.0.1", 0))
        self._wire.settimeout(WATCHDOG_S)
        self._to = ("127.0.0.1", served.osc_port)
        self.port = self._wire.getsockname()[1]
        self.close = self._wire.close

    def send(self, address, *values):
        self.raw(build_msg(address, list(values)).dgram)

    def raw(self, data):
        self._wire.sendto(data, self._to)

    def hear(self, address=None):
        """What comes next, or next of this address: the address and the values."""
        while True:
            message = OscMessage(self._wire.recv(65536))
            if address in (None, message.address):
                return message.address, message.params


@pytest.fixture
def pad(served):
    with closing(Pad(served)) as found:
        yield found


@pytest.mark.parametrize("address, values, then", [
    ("/rtsep/stem/left/gain", (-6.0,), lambda p: p.value("gain_db.left") == -6),
    ("/rtsep/stem/1/gain", (-6,), lambda p: p.value("gain_db.left") == -6),
    ("/rtsep/stem/1/gain/position", (0.375,), lambda p: p.value("gain_db.left") == -30),
    ("/rtsep/stem/*/mute", (1,), lambda p: p.muted == {"left", "right", "residual"}),
    ("/rtsep/stem/r*/solo", (True,), lambda p: p.soloed == {"right", "residual"}),
    ("/rtsep/stem/2/mute/step", (1.0,), lambda p: p.muted == {"right"}),
    ("/rtsep/bypass", (1.0,), lambda p: p.value("bypass") is True),
    ("/rtsep/wet/step", (-1,), lambda p: p.value("wet") == pytest.approx(0.9)),
    ("/rtsep/estimator", ("encoder",), lambda p: p.value("estimator") == "encoder"),
    ("/rtsep/panic", (), lambda p: "panic" in p.said.text), ("/rtsep/panic", (1.0,), lambda p: "panic" in p.said.text),
    ("/rtsep/preset", ("piano",), lambda p: "piano" in p.said.text), ("/rtsep/scene", (2,), lambda p: "scene 2" in p.said.text),
    ("/rtsep/mode", ("turbo",), lambda p: "allowed is live, quality, instant" in p.said.text)])
def test_addresses_move_controls(served, pad, address, values, then):
    pad.send(address, *values)
    until(lambda: then(served.player))


def test_a_button_that_is_let_go_does_nothing(served, pad):
    pad.send("/rtsep/panic", 0.0)
    pad.send("/rtsep/stem/left/mute/step", 0)
    pad.send("/rtsep/bypass", 1)
    until(lambda: served.player.value("bypass"))
    assert not served.player.said.last and not served.player.muted


def test_the_messages_of_a_bundle_are_followed_together_and_the_last_one_counts(served, pad):
    bundle = OscBundleBuilder(IMMEDIATELY)
    for at, db in (("/rtsep/stem/left/gain", -1.0), ("/rtsep/stem/right/gain", -2.0), ("/rtsep/stem/left/gain", -3.0)):
        bundle.add_content(OscMessage(build_msg(at, [db]).dgram))
    bundle.add_content(OscMessage(build_msg("/rtsep/stem/right/gain/step", [1]).dgram))
    inner = OscBundleBuilder(IMMEDIATELY)
    inner.add_content(OscMessage(build_msg("/rtsep/wet", [0.25]).dgram))
    bundle.add_content(inner.build())
    pad.raw(bundle.build().dgram)
    until(lambda: served.player.value("wet") == 0.25)
    assert [served.player.value(f"gain_db.{stem}") for stem in ("left", "right")] == [-3, -1]


def test_questions_are_answered_and_what_is_wrong_is_told(served, pad):
    for address, values in (("/rtsep/stem/left/gain", [0.0]), ("/rtsep/stem/2/level", [-21.0]), ("/rtsep/state", ["playing"]),
                            ("/rtsep/mode", ["live"]), ("/rtsep/stem/left/mute", [0])):
        pad.send(address)
        assert pad.hear() == (address, pytest.approx(values) if isinstance(values[0], float) else values)
    for address, given, words in (("/rtsep/nonsense", (1,), "nothing is called so"), ("/rtsep/wet", (1, 2), "give one number"),
                                  ("/rtsep/scene", ("x",), "give a whole number"),
                                  ("/rtsep/subscribe", (0,), "give a port"), ("/rtsep/subscribe", (9000, 99.0), "up to 50")):
        pad.send(address, *given)
        told, (text,) = pad.hear()
        assert told == "/rtsep/error" and words in text
    pad.send("/rtsep/list")
    listed = [pad.hear("/rtsep/list")[1][0] for _ in tree.listing()]
    assert "/rtsep/stem/STEM/gain" in listed and "/rtsep/stem/STEM/level" in listed


def test_subscribers_are_told_everything_then_what_changes_until_it_ends(served, pad, monkeypatch):
    monkeypatch.setattr(osc, "SUBSCRIBED_S", 0.5)
    pad.send("/rtsep/subscribe", pad.port, 50.0, "numbers")
    pad.hear("/rtsep/stem/1/gain")
    assert pad.hear("/rtsep/stem/3/level")[1] == pytest.approx([-22])
    served.player.gain("left", -12)
    assert pad.hear("/rtsep/stem/1/gain")[1] == [-12] and pad.hear("/rtsep/stem/1/gain/position")[1] == pytest.approx([0.6])
    until(lambda: not served._server._osc._subscribers)
    pad.send("/rtsep/subscribe", pad.port)
    pad.hear("/rtsep/stem/left/gain")
    pad.send("/rtsep/unsubscribe", pad.port)
    until(lambda: not served._server._osc._subscribers)


def test_subscribers_are_few(served, pad):
    for port in range(20000, 20000 + osc.MOST_SUBSCRIBERS + 1):
        pad.send("/rtsep/subscribe", port, 1.0)
    assert "subscribe already" in pad.hear("/rtsep/error")[1][0]


@pytest.mark.parametrize("data", [
    b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"/rtsep/wet\0\0,f\0\0", b"/rtsep/wet\0\0,f\0\0\0", b"#bundle\0",
    b"#bundle\0" + 8 * b"\xff", b"#bundle\0\0\0\0\0\0\0\0\1\x7f\xff\xff\xff/x", b"/rtsep/wet\0\0,[[[[\0\0\0",
    b"/\xff\xfe\xfd\0\0\0\0,f\0\0\x7f\xc0\0\0",
    b"#bundle\0\0\0\0\0\0\0\0\1\0\0\0\x10" * 200, b"x" * 5000, build_msg("/rtsep/wet", [float("nan")]).dgram,
    build_msg("/rtsep/stem/" + "*" * 60 + "/mute", [1]).dgram, build_msg("/rtsep/subscribe", ["x"]).dgram])
def test_what_is_no_osc_changes_nothing(served, pad, data):
    before = {name: value for name, value in served.player.separator.params.items() if "gain_db" not in name}
    pad.raw(data)
    pad.send("/rtsep/stem/left/gain", -7.0)
    until(lambda: served.player.value("gain_db.left") == -7)
    assert before.items() <= served.player.separator.params.items() and not served.player.muted - {"left", "right", "residual"}


def test_a_flood_is_left_out(served, pad, monkeypatch):
    served._server._osc._allowance = osc.Allowance(0.0, rate=0, burst=5)
    for _ in range(20):
        pad.send("/rtsep/state")
    assert [pad.hear()[0] for _ in range(5)] == ["/rtsep/state"] * 5
    pad._wire.settimeout(0.1)
    with pytest.raises(TimeoutError):
        pad.hear()


def test_every_control_has_an_address_of_its_own(served):
    listed = [at for at, _takes, _text in tree.listing()]
    assert len(set(listed)) == len(listed) and not set(tree.READ) & set(BY_NAME)
    for control in CONTROLS:
        assert any(at.endswith("/" + tree.SHORT.get(control.name, control.name)) for at in listed)
    assert set(served._server._osc._known.values()) == set(served.hub and served._server._osc._view.values)


@pytest.mark.parametrize("name, safe", [("left", "left"), ("Roland FP-30", "Roland_FP-30"), ("a/b*[c]#é", "a_b__c___")])
def test_names_of_stems_fit_into_addresses(name, safe):
    assert tree.safe(name) == safe
