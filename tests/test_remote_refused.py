"""What the page's server refuses: foreign hosts and origins, wrong keys, paths, too much, too many, and what is no message."""

# ruff: noqa: F811

import asyncio
import os
import resource
import socket
import stat

import pytest
from test_player import player  # noqa: F401

pytest.importorskip("aiohttp", reason="pip install 'rtsep[remote]'")
import aiohttp
from remote_served import KEYS, Served, frame, talk, told

from rtsep.errors import RtsepError
from rtsep.remote import doors, frames, messages, sockets
from rtsep.remote.access import Keys, is_own_host, is_own_origin, links, load_keys
from rtsep.remote.server import BACKLOG, bind


@pytest.fixture
def served(player):
    with Served(player) as found:
        yield found


async def status_of(session, url, **options):
    async with session.get(url, **options) as answer:
        return answer.status


async def refusal(session, url, **options):
    """The status with which a websocket is refused."""
    try:
        async with session.ws_connect(url, **options):
            return 101
    except aiohttp.WSServerHandshakeError as error:
        return error.status


async def close_code(session, served, *sent):
    """How a websocket is closed after these messages."""
    async with session.ws_connect(served.url()) as ws:
        await told(ws, lambda found: "hello" in found)
        for message in sent:
            await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))
        async for _message in ws:
            pass
        return ws.close_code


def test_the_page_comes_whole_with_headers_that_keep_it_at_home(served):
    async def conversation(session):
        async with session.get(f"http://{served.host}/") as answer:
            text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
            assert answer.status == 200 and answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer" and KEYS.full not in text and KEYS.guest not in text
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert f"ws://{served.host}" in policy and "frame-ancestors 'none'" in policy
        for path in ("style.css", "app.js", "controls.js", "drawing.js", "fader.js", "link.js", "panels.js", "icon.svg",
                     "manifest.webmanifest"):
            async with session.get(f"http://{served.host}/{path}") as answer:
                text = await answer.text()
                assert answer.status == 200 and len(text) > 100
                assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text, path

    talk(conversation)


def test_foreign_hosts_origins_and_wrong_keys(served):
    async def conversation(session):
        page = f"http://{served.host}/"
        for host in ("evil.example", f"evil.example:{served.host[-4:]}", "", "127.0.0.1.evil.example"):
            assert await status_of(session, page, headers={"Host": host}) == 403, host
            assert await refusal(session, served.url(), headers={"Host": host, "Origin": f"http://{host}"}) == 403
        for origin in ("http://evil.example", "null", f"https://{served.host}", "http://127.0.0.1", "http://localhost:1"):
            assert await refusal(session, served.url(), headers={"Origin": origin}) == 403, origin
        assert await refusal(session, served.url(), headers={"Origin": f"http://{served.host}"}) == 101
        for key in ("", "x", KEYS.full[:-1], KEYS.full + "k", KEYS.full.upper(), "é", "%00", "k" * 900):
            assert await refusal(session, served.url(key)) == 403, key
        assert await refusal(session, f"http://{served.host}/live") == 403
        assert await refusal(session, f"http://{served.host}/live?key=a&key={KEYS.full}") == 403

    talk(conversation)


@pytest.mark.parametrize("path", [
    "/../../etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/page/index.html",
    "/index.html", "/app.js/../app.js%00", "/static/app.js", "/.git/config", "/rtsep/remote/server.py", "/style.css/"])
def test_no_path_reaches_the_disk(served, path):
    """As bytes, so that no client tidies the path first."""
    host, _, port = served.host.partition(":")
    with socket.create_connection((host, int(port)), 30) as wire:
        wire.sendall(f"GET {path} HTTP/1.1\r\nHost: {served.host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    assert answer.split()[1] in (b"404", b"400") and b"root:" not in answer


def test_other_methods_long_lines_and_large_bodies(served):
    async def conversation(session):
        page = f"http://{served.host}/"
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            async with session.request(method, page, data=b"x" * 9 if method == "POST" else None) as answer:
                assert answer.status == 405, method
        assert await status_of(session, page + "?" + "x" * 5000) == 400
        assert await status_of(session, page, headers={"X": "x" * 20000}) == 400

    talk(conversation)


def test_messages_too_long_too_many_or_malformed_end_their_page_alone(served):
    async def conversation(session):
        async with session.ws_connect(served.url()) as ws:
            await told(ws, lambda found: "hello" in found)
            long = '{"set": "wet", "value": "' + "x" * messages.LONGEST + '"}'
            assert await close_code(session, served, long) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
            assert await close_code(session, served, b"binary") == aiohttp.WSCloseCode.UNSUPPORTED_DATA
            for bad in ("{", "[[[[", '{"watch": ["nobody"]}', '{"set": "wet"}'):
                assert await close_code(session, served, bad) == aiohttp.WSCloseCode.INVALID_TEXT, bad
            flood = ['{"watch": []}'] * (int(messages.BURST) + 50)
            assert await close_code(session, served, *flood) == aiohttp.WSCloseCode.POLICY_VIOLATION
            await frame(ws, frames.LEVELS)

    talk(conversation)


def test_no_preset_is_a_path_and_no_control_or_scene_is_made_up(served, tmp_path):
    async def conversation(session):
        async with session.ws_connect(served.url()) as ws:
            await told(ws, lambda found: "hello" in found)
            for target, words in (
                    ("preset./etc/passwd", "no preset is called"), (f"preset.{tmp_path}/x.npz", "no preset is called"),
                    ("preset.piano@nobody", "no stem is called"), ("scene.99", "set list has 0"),
                    ("scene.-1", "set list has 0"), ("gain_db.nobody", "does not exist"), ("nonsense", "no control is called"),
                    ("preset", "no control is called")):
                await ws.send_json({"press": target})
                await told(ws, lambda found, words=words: words in str(found["status"].get("messages")))

    talk(conversation)


def test_pages_beyond_the_limit_wait_outside(served):
    async def conversation(session):
        inside = [await session.ws_connect(served.url()) for _ in range(sockets.MOST_PAGES)]
        assert await refusal(session, served.url()) == 503
        await inside[0].close()
        while await refusal(session, served.url()) != 101:
            await asyncio.sleep(0.01)
        for ws in inside:
            await ws.close()

    talk(conversation)


def test_a_thousand_connections_push_out_each_other_and_no_page(served):
    """Neither they nor requests that never end take more descriptors than there are doors."""
    host, _, port = served.host.partition(":")
    low, high = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(low, 2400), high), high))

    async def conversation(session):
        async with session.ws_connect(served.url()) as ws:
            await told(ws, lambda found: "hello" in found)
            for number in range(1000):
                wire = socket.create_connection((host, int(port)), 30)
                if number % 2:
                    wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
                crowd.append(wire)
                if number % 50 == 0:
                    await frame(ws, frames.LEVELS)
                    assert descriptors() - len(crowd) < before + doors.MOST_CONNECTIONS + 3 * BACKLOG, "some are on their way"
            while descriptors() - len(crowd) > before + doors.MOST_CONNECTIONS + 8:
                await asyncio.sleep(0.01)
            await frame(ws, frames.LEVELS)
            assert await status_of(session, f"http://{served.host}/") == 200, "new ones get in"

    before, crowd = descriptors(), list[socket.socket]()
    try:
        talk(conversation)
    finally:
        for wire in crowd:
            wire.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (low, high))


def descriptors():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


@pytest.mark.parametrize("host, own", [
    ("127.0.0.1:8123", True), ("192.168.1.20", True), ("[::1]:8123", True), ("localhost:8123", True), ("LOCALHOST", True),
    (socket.gethostname(), True), ("evil.example", False), ("127.0.0.1.nip.io:8123", False), ("", False), ("[::1", False),
    ("localhost.evil.example", False), ("@evil.example", False)])
def test_own_hosts(host, own):
    assert is_own_host(host) is own
    assert is_own_origin(f"http://{host}", host) and not is_own_origin("http://foreign.example", host)


def test_keys_stay_until_they_are_renewed_and_are_for_the_owner_alone(tmp_path):
    path = tmp_path / "rtsep" / "remote.json"
    keys = load_keys(path, False)
    assert load_keys(path, False) == keys and len({keys.full, keys.guest}) == 2 and len(keys.full) == 16
    assert os.name != "posix" or stat.S_IMODE(path.stat().st_mode) == 0o600
    renewed = load_keys(path, True)
    assert not {renewed.full, renewed.guest} & {keys.full, keys.guest}
    for damaged in ("", "{", "[]", '{"full": "", "guest": ""}', '{"full": "a"}'):
        path.write_text(damaged)
        assert len(load_keys(path, False).full) == 16
    (tmp_path / "file").write_text("")
    with pytest.raises(RtsepError, match="cannot be written"):
        load_keys(tmp_path / "file" / "remote.json", False)
    assert Keys("a", "b").admits("") == "" and Keys("a", "b").admits("b") == "guest"


def test_links_name_an_address_that_others_reach():
    keys = Keys("full", "guest")
    assert links("127.0.0.1", 8123, keys).full == "http://127.0.0.1:8123/#full"
    assert links("::1", 8123, keys).guest == "http://[::1]:8123/#guest"
    assert "0.0.0.0" not in links("0.0.0.0", 8123, keys).full


def test_a_port_that_is_taken_is_told():
    with bind("127.0.0.1", 0, socket.SOCK_STREAM, "--remote-port") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RtsepError, match=f"--remote-port {port}: 127.0.0.1 cannot be used"):
            bind("127.0.0.1", port, socket.SOCK_STREAM, "--remote-port")
    with pytest.raises(RtsepError, match="cannot be used"):
        bind("192.0.2.1", 0, socket.SOCK_STREAM, "--remote-port")
