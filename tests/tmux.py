"""A terminal of any size for the program: tmux, which also shows what a player sees."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
WATCHDOG_S = 60
ROOT = str(Path(__file__).parent.parent)
LIVE = f"{sys.executable} -m rtsep live --mode live --set window_samples=1024"


class Terminal:
    """A shell in tmux, on its own server, in the folder `home`."""

    def __init__(self, home, environment, columns=80, lines=24):
        self._tmux = ["tmux", "-S", str(home / "tmux"), "-f", "/dev/null"]
        self._call("new-session", "-d", "-x", str(columns), "-y", str(lines), "-c", str(home), "env PS1='READY ' sh -i",
                   env={**environment, "PYTHONPATH": ROOT, "PYTHONUNBUFFERED": "1"})

    def _call(self, *words, **options):
        return subprocess.run(
            [*self._tmux, *words], check=True, capture_output=True, text=True, timeout=WATCHDOG_S, **options).stdout

    def __enter__(self):
        self.until(lambda text: "READY" in text)
        return self

    def __exit__(self, *_error):
        self._call("kill-server")

    def type(self, *keys):
        """Press keys, by tmux's names or as text."""
        self._call("send-keys", *keys)

    def resize(self, columns, lines):
        """Resize the terminal."""
        self._call("resize-window", "-x", str(columns), "-y", str(lines))

    def text(self):
        """The text on the terminal."""
        return self._call("capture-pane", "-p")

    def until(self, fits):
        """Wait until the terminal's text contains a text, or fulfils a function; returns the terminal's text."""
        ends = time.monotonic() + WATCHDOG_S
        wanted = fits if callable(fits) else lambda text: fits in text
        while not wanted(text := self.text()):
            assert time.monotonic() < ends, text
            time.sleep(0.02)
        return text
