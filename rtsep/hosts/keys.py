"""Single keys from the terminal, read without Enter and without waiting, and what they do."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from rtsep.hosts.player import Player
from rtsep.presets.library import bundled_presets, user_presets

ARROWS = {"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1bOA": "up", "\x1bOB": "down",
          "\x1bOC": "right", "\x1bOD": "left"}
HELP = ("up/down 1-9 stem   +/- gain   s solo   m mute   b bypass   w/W dry/wet   p preset   l learn a knob   "
        "f freeze   k/K keep what was learnt   r record, n next take, R/N learn a button for it   space panic   q quit")
STEP_DB = 1.0  # A press of a key changes a gain by this many decibels.
WET_STEP = 0.1  # A press of a key changes `wet` by this much.


class Keys:
    """The keys pressed since the last `read`; none if standard input is no terminal.

    Leaving `with` always restores the terminal.
    """

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else -1
        self._before: Any = None

    def __enter__(self) -> Keys:
        if self._descriptor >= 0 and os.name == "posix":
            import termios
            import tty

            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._before is not None:
            import termios

            with suppress(termios.error):  # The terminal may be gone.
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def read(self) -> list[str]:
        """The keys: letters as typed, arrows as up, down, left, right."""
        if self._descriptor < 0:
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
        elif key in ("R", "N"):
            player.controls.learn("record" if key == "R" else "next_take")
            player.say(f"press the button that should {'begin and end takes' if key == 'R' else 'begin the next take'}")
        elif key in (" ", "!"):
            player.panic()


def _next_preset(name: str) -> str:
    """The preset after `name` in alphabetical order; after the last comes the first."""
    names = sorted({path.stem for path in (*bundled_presets(), *user_presets())})
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]
