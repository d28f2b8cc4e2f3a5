"""The program in a terminal: Ctrl-Z and fg, Ctrl-C at any moment, and libraries that write on the screen."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import fresh_python
import pytest
from test_portaudio import card, needs_portaudio  # noqa: F401

WATCHDOG_S = 60
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX job control")


class Shell:
    """bash with job control on its own terminal."""

    START = "import fcntl, os, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); " \
            "os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])"

    def __init__(self, environment):
        self._terminal, theirs = pty.openpty()
        self.process = subprocess.Popen([sys.executable, "-c", self.START], stdin=theirs, stdout=theirs, stderr=theirs,
                                        start_new_session=True, env={**environment, "TERM": "xterm", "PS1": "READY "})
        os.close(theirs)
        self.seen = ""

    def type(self, text):
        os.write(self._terminal, text.encode())

    def until(self, pattern):
        """Read until `pattern` comes; returns what was read, and forgets it."""
        ends = time.monotonic() + WATCHDOG_S
        while not (found := re.search(pattern, self.seen, re.DOTALL)):
            assert time.monotonic() < ends and self.process.poll() is None, self.seen[-2000:]
            if select.select([self._terminal], [], [], 0.1)[0]:
                self.seen += os.read(self._terminal, 65536).decode(errors="replace")
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return before

    def __enter__(self):
        self.until("READY ")
        return self

    def __exit__(self, *_error):
        os.killpg(self.process.pid, signal.SIGKILL)
        os.close(self._terminal)
        self.process.wait()


@posix
@needs_portaudio
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_keys_work_again_after_ctrl_z_and_fg(card):  # noqa: F811
    """Keys work without Enter afterwards. While the program is stopped, the shell has its usual terminal."""
    with Shell(card) as shell:
        shell.type(f"{sys.executable} -m rtsep live --input rtcap --output rtplay --mode live --set window_samples=1024\n")
        shell.until("space: panic")
        for key, told in (("b", "BYPASS: the input as it is"), ("m", "MUTED")):
            shell.type("\x1a")
            shell.until("Stopped.*READY ")
            shell.type("echo re''ad\n")
            shell.until("read.*READY ")
            shell.type("fg\n")
            shell.until("space: panic")
            shell.type(key)
            shell.until(told)
        shell.type("q")
        shell.until("rtsep: played")
        shell.until("READY ")


INTERRUPTED = """
import os, signal, sys

AT, sys.argv = sys.argv[1], ["rtsep", "live", "--no-ui", "--seconds", "60"]

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == AT:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
from rtsep.__main__ import main
sys.exit(main())
"""


@posix
@pytest.mark.parametrize("module", ["rtsep.cli", "rtsep.commands.train", "rtsep.errors", "rtsep.hosts.live", "numpy",
                                    "rtsep.hosts.player", "rtsep.hosts.portaudio", "sounddevice"])
def test_ctrl_c_while_modules_are_loaded_ends_in_one_line(module):
    process = fresh_python.start(INTERRUPTED, module)
    _out, told = process.communicate(timeout=WATCHDOG_S)
    assert process.returncode == 130 and told.startswith("rtsep: interrupted") and told.count("\n") == 1, told


LOUD = """
import ctypes, ctypes.util, os, sys, threading
from rtsep.hosts.driver import quiet_libraries, quiet_session
alsa = ctypes.CDLL(ctypes.util.find_library("asound")) if len(sys.argv) > 1 else None
def complain():
    if alsa is None:
        os.write(2, b"ALSA lib pcm.c: underrun occurred\\n")
    else:
        alsa.snd_pcm_open(ctypes.byref(ctypes.c_void_p()), b"nonsense", 0, 0)
def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
complain()
print("heard before", file=sys.stderr, flush=True)
with quiet_session():
    in_thread(complain)
    print("Python is heard", file=sys.stderr)
    begun, ending = threading.Event(), threading.Event()
    def hangs():
        with quiet_libraries():
            begun.set()
            ending.wait()
    hanging = threading.Thread(target=hangs, daemon=True)
    hanging.start()
    begun.wait()
    with quiet_libraries():
        complain()
    complain()
print("still heard", file=sys.stderr)
complain()
ending.set()
hanging.join()
complain()
"""


@pytest.mark.parametrize("real", [False, True])
def test_libraries_are_silent_on_the_screen_and_python_is_not(real):
    """Also while a driver hangs in a silenced call. Afterwards the messages of libraries are shown again."""
    if real and not shutil.which("alsactl") and not os.path.exists("/usr/share/alsa/alsa.conf"):
        pytest.skip("ALSA is not installed")
    process = fresh_python.start(LOUD, *(["alsa"] if real else []))
    _out, told = process.communicate(timeout=WATCHDOG_S)
    assert process.returncode == 0
    kinds = ["alsa" if line.startswith("ALSA lib") else line for line in told.splitlines()]
    assert [kind for at, kind in enumerate(kinds) if kind != "alsa" or kinds[at - 1 : at] != ["alsa"]] == [
        "alsa", "heard before", "Python is heard", "still heard", "alsa"], told
    assert kinds.count("alsa") == 3 * kinds.index("heard before"), "no message comes in between"
