"""A JACK server without a sound card, for tests: `jackd` with its dummy driver, driven as fast as it goes in freewheel."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from fresh_python import compile_all

from rtsep.errors import RtsepError
from rtsep.hosts.jack import import_jack

MISSING = "" if shutil.which("jackd") and shutil.which("jack_lsp") else "jackd is not installed (apt install jackd2)"
try:
    import_jack()
except RtsepError as error:
    MISSING = str(error)
needs_jack = pytest.mark.skipif(bool(MISSING), reason=MISSING)


class JackServer:
    """A server under a fixed name: one that crashed leaves a slot that only a server of the same name takes again."""

    def __init__(
        self, log: Path, period: int = 128, rate: int = 48000, name: str = "rtsep-test", channels: int = 2
    ) -> None:
        self.environment = {**os.environ, "JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1",
                            "JACK_NO_AUDIO_RESERVATION": "1"}
        self._log = log
        self._command = ["jackd", "--name", name, "--port-max", "256", "--no-realtime", "-d", "dummy", "-r", str(rate),
                         "-p", str(period), "-C", str(channels), "-P", str(channels)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> JackServer:
        """Start, and wait until it answers."""
        compile_all()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             env=self.environment, start_new_session=True)
        deadline = time.monotonic() + 30
        while subprocess.run(["jack_lsp"], env=self.environment, capture_output=True).returncode != 0:
            assert self._process.poll() is None and time.monotonic() < deadline, self._log.read_text(errors="replace")
            time.sleep(0.05)
        return self

    @property
    def pid(self) -> int:
        """Of the running server."""
        assert self._process is not None
        return self._process.pid

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it by a signal; one that does not end is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def jack_server(tmp_path, monkeypatch):
    """A running server that every JACK client of this process talks to."""
    server = JackServer(tmp_path / "jackd.log")
    for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER", "JACK_NO_AUDIO_RESERVATION"):
        monkeypatch.setenv(name, server.environment[name])
    yield server.start()
    server.stop()
