"""Page and OSC as parts of the program: links in the terminal, the face beside them, libraries that are missing, discovery."""

import contextlib
import json
import socket
import sys
import urllib.request
from types import SimpleNamespace

import pytest
from test_portaudio import card, needs_portaudio  # noqa: F401
from tmux import LIVE, Terminal, needs_tmux

pytest.importorskip("aiohttp", reason="pip install 'rtsep[remote]'")
pytest.importorskip("pythonosc", reason="pip install 'rtsep[remote]'")
import segno

from rtsep.errors import RtsepError
from rtsep.hosts.panel import Panel
from rtsep.remote import access, announce
from rtsep.remote.face import Remote, RemoteFace, import_remote
from rtsep.remote.invite import BORDER, qr_code


def free_port(kind):
    with contextlib.closing(socket.socket(socket.AF_INET, kind)) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@needs_tmux
@needs_portaudio
def test_the_terminal_shows_the_link_and_its_code(card, tmp_path):  # noqa: F811
    """At the start and by key i; the link is answered, and no longer once the program has ended."""
    port = free_port(socket.SOCK_STREAM)
    with Terminal(tmp_path, {**card, "XDG_CONFIG_HOME": str(tmp_path)}, 100, 40) as terminal:
        terminal.type(f"{LIVE} --input rtcap --output rtplay --remote --remote-port {port}", "Enter")
        terminal.until(lambda text: "q: quit" in text and "› piano" in text)
        terminal.type("i")
        text = terminal.until("The page: http://")
        link = text[text.index("http://"):].split()[0]
        assert link == access.links("127.0.0.1", port, access.load_keys(tmp_path / "rtsep" / "remote.json", False)).full
        assert all(line in text for line in qr_code(link))
        assert b"<title>rtsep</title>" in urllib.request.urlopen(link.partition("#")[0], timeout=60).read()
        terminal.type("Escape")
        terminal.until(lambda text: "The page: " not in text)
        terminal.type("q")
        text = terminal.until("rtsep: played")
        assert f"rtsep: the page is {link}" in text and "rtsep: guests look on at" in text
    with pytest.raises(OSError):
        urllib.request.urlopen(link.partition("#")[0], timeout=60)


def test_a_code_is_what_segno_draws_in_half_the_lines():
    text = "http://192.168.178.20:8123/#" + "k" * 16
    wanted = [[bool(each) for each in row] for row in segno.make(text, error="l").matrix_iter(border=BORDER)]
    lines = qr_code(text)
    dark = {"█": (False, False), "▀": (False, True), "▄": (True, False), " ": (True, True)}
    found = [[dark[letter][half] for letter in line] for line in lines for half in (0, 1)]
    assert found[: len(wanted)] == wanted and len(lines) <= 17, "it fits on a terminal of 24 lines"


class _Face:
    def __init__(self, invitation):
        self.invitation, self.shown, self.open = list(invitation), [], False

    def __enter__(self):
        self.open = True
        return self

    def __exit__(self, *_error):
        self.open = False

    def show(self, status):
        self.shown.append(status)

    def act(self, _player):
        return False


def test_the_face_beside_is_asked_whether_to_go_on_and_sockets_end_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(access, "user_config_path", lambda *_names, **_options: tmp_path)
    made = []
    page, osc = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
    face = RemoteFace(lambda invitation: made.append(_Face(invitation)) or made[-1],
                      Remote(("127.0.0.1", page), ("127.0.0.1", osc)))
    with pytest.raises(RtsepError, match=f"--osc {osc}: 127.0.0.1 cannot be used"):
        RemoteFace(_Face, Remote(None, ("127.0.0.1", osc)))
    with face:
        assert made[0].open and made[0].invitation[-1] == face.links.full
        assert face.act(SimpleNamespace()) is False, "no status was shown yet"
    assert not made[0].open
    for port, kind in ((page, socket.SOCK_STREAM), (osc, socket.SOCK_DGRAM)):
        with contextlib.closing(socket.socket(socket.AF_INET, kind)) as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", port))
    assert set(json.loads((tmp_path / "remote.json").read_text())) == {"full", "guest"}


def test_missing_libraries_are_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pythonosc", None)
    import_remote(osc=False)
    with pytest.raises(RtsepError, match=r"pythonosc is missing: pip install 'rtsep\[remote\]'"):
        import_remote(osc=True)


def test_the_key_i_does_nothing_without_a_page():
    player = SimpleNamespace(stem_names=("piano",), attempt=lambda act: act(), controls=SimpleNamespace(learning=""))
    panel = Panel()
    assert panel.press("i", player) and panel.listing is None
    panel = Panel(invitation=["██", "http://x/#k"])
    panel.press("i", player)
    assert panel.listing.title == "The page: http://x/#k" and panel.listing.rows == ["██"]
    panel.press("escape", player)
    assert panel.listing is None


def test_only_what_others_reach_is_announced(monkeypatch):
    assert announce.announce("127.0.0.1", 9000) is None
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    assert announce.announce("192.0.2.1", 9000) is None
    announce.retract(None)


def test_a_network_is_told_where_osc_is():
    zeroconf = pytest.importorskip("zeroconf", reason="pip install 'rtsep[discovery]'")
    here = access.reachable("0.0.0.0")
    announced = announce.announce(here, 9123)
    if announced is None:
        pytest.skip(f"{here} has no multicast")
    try:
        with contextlib.closing(zeroconf.Zeroconf(interfaces=[here])) as other:
            kind = "_osc._udp.local."
            name = f"rtsep on {socket.gethostname().partition('.')[0]}.{kind}"
            found = other.get_service_info(kind, name, 10_000)
        assert found is not None and found.port == 9123 and here in found.parsed_addresses()
    finally:
        announce.retract(announced)
