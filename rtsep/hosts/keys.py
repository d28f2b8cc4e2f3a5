"""Single keys from the terminal, read without Enter and without waiting."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

ARROWS = {"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1bOA": "up", "\x1bOB": "down",
          "\x1bOC": "right", "\x1bOD": "left"}
DELETE = "\x1b[3~"


class Keys:
    """The keys pressed since the last `read`; none if standard input is not a terminal, or if another program has the terminal.

    The end of `with` always restores the terminal. Ctrl-Z restores it too, after `stopped`. `fg` takes it again, before
    `resumed`.
    """

    def __init__(
        self, stopped: Callable[[], object] = lambda: None, resumed: Callable[[], object] = lambda: None
    ) -> None:
        self._descriptor = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else -1
        self._before: Any = None
        self._stopped, self._resumed = stopped, resumed
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Keys:
        if self._descriptor >= 0 and os.name == "posix":
            import termios

            self._before = termios.tcgetattr(self._descriptor)
            self._take()
            if threading.current_thread() is threading.main_thread():
                self._handlers = {number: signal.signal(number, handler) for number, handler in (
                    (signal.SIGTSTP, self._stop), (signal.SIGCONT, self._resume))}
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._before is not None:
            self._restore()

    def _take(self) -> None:
        """Get single keys from now on, without Enter."""
        import tty

        tty.setcbreak(self._descriptor)

    def _restore(self) -> None:
        import termios

        with suppress(termios.error):  # Perhaps the terminal is gone.
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def _is_ours(self) -> bool:
        """Whether this program is in the foreground of the terminal. In the background, reading it would stop the program."""
        try:
            return os.name != "posix" or os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError as error:
            return error.errno == errno.ENOTTY  # No shell controls this terminal. With any other error, the terminal is gone.

    def _stop(self, *_signal: object) -> None:
        """Ctrl-Z: restore the terminal, and stop as any program does."""
        self._stopped()
        self._restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # This returns when the program goes on.

    def _resume(self, *_signal: object) -> None:
        """fg: take the terminal again."""
        signal.signal(signal.SIGTSTP, self._stop)
        if self._is_ours():
            self._take()
            self._resumed()

    def read(self) -> list[str]:
        """The pressed keys: letters as typed, arrows as up, down, left, right."""
        if self._descriptor < 0 or not self._is_ours():
            return []
        return split_keys(self._typed())

    def _typed(self) -> str:
        if os.name != "posix":
            import msvcrt

            typed = ""
            while msvcrt.kbhit():  # type: ignore[attr-defined]
                typed += msvcrt.getwch()  # type: ignore[attr-defined]
            return typed.replace("\xe0H", "\x1b[A").replace("\xe0P", "\x1b[B").replace("\xe0M", "\x1b[C").replace(
                "\xe0K", "\x1b[D")
        import select

        if not select.select([self._descriptor], [], [], 0)[0]:
            return ""
        return os.read(self._descriptor, 1024).decode(errors="ignore")


def split_keys(typed: str) -> list[str]:
    """The typed text, key by key, without escape sequences other than arrows and Del."""
    found, at = [], 0
    while at < len(typed):
        if typed[at : at + 3] in ARROWS:
            found.append(ARROWS[typed[at : at + 3]])
            at += 3
        elif typed.startswith(DELETE, at):
            found.append("delete")
            at += len(DELETE)
        elif typed[at] == "\x1b" and typed[at + 1 : at + 2] in ("[", "O"):  # An escape sequence; otherwise it is the Esc key.
            at += 2
            while at < len(typed) and not (typed[at].isalpha() or typed[at] == "~"):
                at += 1
            at += 1
        else:
            found.append("escape" if typed[at] == "\x1b" else typed[at])
            at += 1
    return found
