"""Single keys from the terminal, read without Enter and without waiting, and what they do."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rtsep.hosts.playback_keys import PLAYBACK_KEYS, press
from rtsep.hosts.player import Player
from rtsep.presets.library import bundled_presets, user_presets

ARROWS = {"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1bOA": "up", "\x1bOB": "down",
          "\x1bOC": "right", "\x1bOD": "left"}
HELP = ("up/down 1-9 stem   +/- gain   s solo   m mute   b bypass   w/W dry/wet   p preset   l learn a knob   "
        "f freeze   k/K keep what was learnt   r record, n next take, R/N learn a button for it   "
        "[ ] scene, } learn a foot switch for it   S save the set-up   space panic   q quit")
LEARNT_BUTTONS = {"R": ("record", "begin and end takes"), "N": ("next_take", "begin the next take"),
                  "}": ("next_scene", "call the next scene"), "{": ("previous_scene", "call the scene before")}
STEP_DB = 1.0  # A press of a key changes a gain by this many decibels.
WET_STEP = 0.1  # A press of a key changes `wet` by this much.


class Keys:
    """The keys pressed since the last `read`; none if standard input is no terminal, or another program has it.

    Leaving `with` always restores the terminal. So does Ctrl-Z, after `stopped`; `fg` takes it again, before `resumed`.
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
        """Have single keys from now on, without Enter."""
        import tty

        tty.setcbreak(self._descriptor)

    def _restore(self) -> None:
        import termios

        with suppress(termios.error):  # The terminal may be gone.
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def _is_ours(self) -> bool:
        """Whether this program is in the terminal's foreground: reading and setting it would stop any other."""
        try:
            return os.name != "posix" or os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError as error:
            return error.errno == errno.ENOTTY  # No shell controls this terminal; else it has gone.

    def _stop(self, *_signal: object) -> None:
        """Ctrl-Z: leave the terminal as it was, and stop as any program does."""
        self._stopped()
        self._restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)  # It returns once the program goes on.

    def _resume(self, *_signal: object) -> None:
        """fg: take the terminal again."""
        signal.signal(signal.SIGTSTP, self._stop)
        if self._is_ours():
            self._take()
            self._resumed()

    def read(self) -> list[str]:
        """The keys: letters as typed, arrows as up, down, left, right."""
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
    """What was typed, key by key, without escape sequences other than arrows."""
    found, at = [], 0
    while at < len(typed):
        if typed[at : at + 3] in ARROWS:
            found.append(ARROWS[typed[at : at + 3]])
            at += 3
        elif typed[at] == "\x1b" and at + 1 < len(typed):
            at += 1
            while at < len(typed) and not (typed[at].isalpha() or typed[at] == "~"):
                at += 1
            at += 1
        else:
            found.append("escape" if typed[at] == "\x1b" else typed[at])
            at += 1
    return found


class Panel:
    """The selected stem, and what each key does."""

    def __init__(self) -> None:
        self.selected = 0

    def press(self, key: str, player: Player) -> bool:
        """Do what `key` asks for; False to quit."""
        if key in ("q", "Q", "escape"):
            return False
        stems = player.stem_names
        stem = stems[self.selected % len(stems)]
        if key.isdecimal() and 1 <= int(key) <= len(stems):
            self.selected = int(key) - 1
        elif key in ("down", "\t", "up"):
            self.selected = (self.selected + (-1 if key == "up" else 1)) % len(stems)
        else:
            player.attempt(lambda: self._act(key, stem, player))
        return True

    def _act(self, key: str, stem: str, player: Player) -> None:
        if key in ("+", "=", "right", "-", "_", "left"):
            step = STEP_DB if key in ("+", "=", "right") else -STEP_DB
            player.gain(stem, float(player.value(f"gain_db.{stem}")) + step)
        elif key == "s":
            player.solo(stem, stem not in player.soloed)
        elif key == "m":
            player.mute(stem, stem not in player.muted)
        elif key == "b":
            player.bypass(not player.value("bypass"))
        elif key in ("w", "W"):
            wet = float(player.value("wet")) + (WET_STEP if key == "W" else -WET_STEP)
            player.set("wet", min(max(round(wet, 3), 0.0), 1.0))
        elif key == "p":
            player.use_preset(_next_preset(player.preset_of(stem)), stem)
        elif key == "l":
            player.controls.learn(f"gain_db.{stem}")
            player.say(f"move the knob that should be the fader of {stem}")
        elif key == "f":
            player.learn(not player.learning)
        elif key in ("k", "K"):
            player.keep_preset(stem, key == "K")
        elif key == "r":
            player.record()
        elif key == "n":
            player.next_take()
        elif key in LEARNT_BUTTONS:
            target, told = LEARNT_BUTTONS[key]
            player.controls.learn(target)
            player.say(f"press the button that should {told}")
        elif key in ("[", "]"):
            player.setlist.step(player, 1 if key == "]" else -1)
        elif key in PLAYBACK_KEYS and player.playback is not None:
            press(key, player.playback)
        elif key == "S":
            player.save_setup()
        elif key in (" ", "!"):
            player.panic()


def _next_preset(name: str) -> str:
    """The preset after `name` in alphabetical order; after the last comes the first."""
    names = sorted({path.stem for path in (*bundled_presets(), *user_presets())})
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]
