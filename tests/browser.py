"""A real Chromium without a window, driven by its DevTools protocol over a pipe."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None or os.name != "posix", reason="no Chromium (apt install chromium)")
WATCHDOG_S = 60


class Browser:
    """One Chromium; leaving `with` ends it. `folder` keeps its profile."""

    def __init__(self, folder):
        (to_read, self._write), (self._read, to_write) = os.pipe(), os.pipe()
        command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio",
                   "--remote-debugging-pipe", f"--user-data-dir={folder}", "--no-first-run", "--disable-extensions",
                   "--disable-background-networking", "about:blank"]
        shell = f"exec 3<&{to_read} 4>&{to_write}; exec \"$@\""  # Chromium reads from 3 and writes to 4.
        self._process = subprocess.Popen(["bash", "-c", shell, "bash", *command], pass_fds=(to_read, to_write),
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_read)
        os.close(to_write)
        self._number, self._rest = 0, b""

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def call(self, method, session=None, **params):
        """One call of the protocol; gives its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                piece = os.read(self._read, 1 << 20)
                assert piece, "Chromium has ended"
                self._rest += piece
            line, _, self._rest = self._rest.partition(b"\0")
            told = json.loads(line)
            if told.get("id") == self._number:
                assert "error" not in told, (method, told["error"])
                return told["result"]

    def page(self, url, width=390, height=844, touch=True):
        """A new page of this size, in CSS pixels."""
        context = self.call("Target.createBrowserContext")["browserContextId"]  # It shares no storage with others.
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        page = Page(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        page.resize(width, height)
        page.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        page.call("Page.enable")
        page.call("Page.navigate", url=url)
        return page


class Page:
    """One page."""

    def __init__(self, browser, session):
        self._browser, self._session = browser, session

    def call(self, method, **params):
        return self._browser.call(method, self._session, **params)

    def resize(self, width, height, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                  mobile=width < 1000)

    def run(self, code):
        """The value of an expression; promises are waited for."""
        told = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, code, wanted=True):
        """Wait until an expression has this value."""
        until_s = time.monotonic() + WATCHDOG_S
        while (found := self.run(f"document.readyState === 'complete' ? ({code}) : undefined")) != wanted:
            assert time.monotonic() < until_s, (code, found)
            time.sleep(0.02)
        return found

    def centre(self, selector):
        """Where an element's middle is, in CSS pixels."""
        return self.run(f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}}); "
                        "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()")

    def click(self, selector):
        """Press and let go the mouse on it."""
        self.drag(selector, 0)

    def drag(self, selector, dx):
        """Press on it, move by dx, let go."""
        x, y = self.centre(selector)
        for kind, at in (("mousePressed", x), *((("mouseMoved", x + dx * n / 10) for n in range(1, 11)) if dx else ()),
                         ("mouseReleased", x + dx)):
            self.call("Input.dispatchMouseEvent", type=kind, x=at, y=y, button="left", buttons=int(kind != "mouseReleased"),
                      clickCount=1, pointerType="mouse")

    def key(self, name):
        """Press a key that has no letter, such as ArrowRight."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def picture(self, path):
        """Write what is seen into a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
