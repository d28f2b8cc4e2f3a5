"""The page as a player meets it: real Chromium, the real program, sound through a JACK server."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from browser import Browser, needs_browser
from jack_clients import Instrument
from jack_server import jack_server, needs_jack  # noqa: F401

pytest.importorskip("aiohttp", reason="pip install 'rtsep[remote]'")

pytestmark = [needs_browser, needs_jack]
RATE, WATCHDOG_S = 48000, 90
SIZES = ((390, 844), (820, 1180), (1440, 900))
FADER = ".stem:nth-child(3) .fader"  # The residual's.
CONTRASTS = """(() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => { for (let e = element; e; e = e.parentElement) {
    const colour = parse(getComputedStyle(e).backgroundColor); if (colour.length < 4 || colour[3] > 0.99) return colour; }
    return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const isText = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!isText || e.closest('.fader, canvas, dialog, [hidden]')) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push([e.id || e.className, e.textContent.slice(0, 20), ratio]);
  }
  return found; })()"""
SMALL = """[...document.querySelectorAll('button, select, input, .fader')].filter((e) => e.checkVisibility()
  && Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height) < 43.5).map((e) => e.outerHTML.slice(0, 80))"""


class Listener:
    """A client that hears the mix: `level()` is the RMS of the last half second in dB."""

    def __init__(self):
        import jack

        self._client = jack.Client("listener", no_start_server=True)
        self._port = self._client.inports.register("in")
        self._heard, self._at = np.zeros(RATE // 2, np.float32), 0
        self._client.set_process_callback(self._process)

    def _process(self, frames):
        places = np.arange(self._at, self._at + frames) % len(self._heard)
        self._heard[places] = self._port.get_array()
        self._at += frames

    def __enter__(self):
        self._client.activate()
        self._client.connect("rtsep:mix_1", "listener:in")
        return self

    def __exit__(self, *_error):
        self._client.deactivate()
        self._client.close()

    def level(self):
        return 10 * np.log10(np.mean(np.square(self._heard)) + 1e-12)

    def until(self, wanted):
        """Wait until the level fulfils a condition."""
        until_s = time.monotonic() + WATCHDOG_S
        while not wanted(self.level()):
            assert time.monotonic() < until_s, self.level()
            time.sleep(0.02)


@contextlib.contextmanager
def playing(environment, port, folder):
    """`rtsep live --remote` on JACK; gives its process and its two links."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rtsep", "live", "--jack", "--inputs", "1", "--json", "--mode", "live", "--by", "split", "--set",
         "window_samples=1024", "--remote", "--remote-port", str(port), "--take", str(folder / "take")],
        env={**environment, "PYTHONUNBUFFERED": "1", "XDG_CONFIG_HOME": str(folder)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    try:
        links = [process.stderr.readline().split()[-1] for _ in range(2)]
        assert all(link.startswith("http") for link in links), links
        while json.loads(process.stdout.readline())["state"] != "playing":
            pass
        readers = [threading.Thread(target=pipe.read) for pipe in (process.stdout, process.stderr)]
        for reader in readers:
            reader.start()
        yield process, *links
        process.kill()
        for reader in readers:
            reader.join()
    finally:
        with process:
            process.kill()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def connected(page):
    page.until("document.body.classList.contains('away')", False)
    return page


def test_a_player_with_a_phone(jack_server, tmp_path, rng):  # noqa: F811
    port = free_port()
    noise = (0.1 * rng.standard_normal(RATE)).astype(np.float32)
    with Browser(tmp_path / "profile") as browser:
        with playing(jack_server.environment, port, tmp_path) as (process, link, guests), Instrument(noise, {}), \
                Listener() as listener:
            phone, tablet = (connected(browser.page(link, *size)) for size in SIZES[:2])
            guest = connected(browser.page(guests))
            stranger = browser.page(link[:-1])
            stranger.until("document.querySelector('#gone').textContent.includes('not valid any more')")
            assert stranger.run("document.querySelectorAll('.stem').length") == 0

            listener.until(lambda db: db > -30)  # A fader moves the sound, and the other page.
            loud = listener.level()
            width = phone.run(f"document.querySelector('{FADER}').clientWidth")
            phone.drag(FADER, -0.25 * width)  # From 0 dB by 20 dB down.
            for page in (phone, tablet, guest):
                page.until(f"Math.abs(parseFloat(document.querySelector('{FADER} output').textContent) + 20) < 1")
            listener.until(lambda db: abs(db - loud + 20) < 2)

            tablet.run(f"document.querySelector('{FADER}').focus()")  # By keyboard.
            before = tablet.run(f"document.querySelector('{FADER}').getAttribute('aria-valuetext')")
            tablet.key("ArrowRight")
            phone.until(f"document.querySelector('{FADER}').getAttribute('aria-valuetext')",
                        f"{round(float(before.split()[0]) + 1, 1):g} dB")
            tablet.key("0")
            listener.until(lambda db: abs(db - loud) < 1)

            phone.click(".stem:nth-child(3) .mute")
            tablet.until("document.querySelector('.stem:nth-child(3) .mute').getAttribute('aria-pressed')", "true")
            listener.until(lambda db: db < loud - 40)
            guest.click(".stem:nth-child(3) .mute")  # A guest's click does nothing.
            phone.click("#record")
            guest.until("document.querySelector('#record').textContent", "Stop")
            assert guest.run("document.querySelector('.stem:nth-child(3) .mute').getAttribute('aria-pressed')") == "true"
            phone.until("document.querySelector('#picture').getContext('2d').getImageData(0, 0, 999, 999).data"
                        ".some((v, at) => at % 4 === 0 && v > 60)")  # The picture shows the noise.

            process.send_signal(signal.SIGKILL)  # The connection goes, and comes back.
            for page in (phone, tablet):
                page.until("!document.querySelector('#gone').hidden && document.querySelector('#main').inert")
            assert "not connected" in phone.run("document.body.innerText")
        with playing(jack_server.environment, port, tmp_path):
            for page in (phone, tablet):
                connected(page)
                page.until("document.querySelector('.stem:nth-child(3) .mute').getAttribute('aria-pressed')", "false")


def test_every_size_and_theme_is_readable_and_large_enough_and_has_names(jack_server, tmp_path):  # noqa: F811
    """Pictures go to the folder RTSEP_PICTURES, if that is set."""
    with playing(jack_server.environment, port := free_port(), tmp_path) as (_process, link, _guests), \
            Browser(tmp_path / "profile") as browser:
        page = connected(browser.page(link))
        page.run("document.querySelector('#all').open = true")
        page.until("document.querySelector('#everything').children.length > 50")
        for theme in ("dark", "light"):
            if page.run("document.documentElement.dataset.theme") != theme:
                page.click("#theme")
            assert page.run(CONTRASTS) == [], theme
            for width, height in SIZES:
                page.resize(width, height)
                page.until("innerWidth", width)
                assert page.run("document.scrollingElement.scrollWidth <= innerWidth"), (theme, width)
                assert page.run(SMALL) == [], (theme, width)
                if os.environ.get("RTSEP_PICTURES"):
                    page.run("scrollTo(0, 0)")
                    page.picture(tmp_path.__class__(os.environ["RTSEP_PICTURES"]) / f"{theme}-{width}x{height}.png")
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        touched = [node for node in nodes if node.get("role", {}).get("value") in ("button", "slider", "combobox", "searchbox")]
        assert len(touched) > 60 and all(node["name"]["value"].strip() for node in touched)
        roles = {node.get("role", {}).get("value") for node in nodes}
        assert {"slider", "meter", "alert", "status", "main", "banner"} - {"alert"} <= roles, roles
        assert page.run("performance.getEntriesByType('resource').every((e) => e.name.startsWith(location.origin))"), port
