"""What each key of the terminal does, and the lists that it opens."""

from __future__ import annotations

from rtsep.hosts.player import Player
from rtsep.hosts.screen import Listing
from rtsep.hosts.status import Status
from rtsep.presets.library import bundled_presets, user_presets

STEP_DB = 1.0  # A press of a key changes a gain by this many decibels.
WET_STEP = 0.1  # A press of a key changes `wet` by this much.


class Panel:
    """The selected stem, and what each key does."""

    def __init__(self) -> None:
        self.selected = 0

    def listing(self, _status: Status) -> Listing | None:
        """The list that covers the meters, if one is open."""
        return None

    def press(self, key: str, player: Player) -> bool:
        """Do what `key` asks for; False to quit."""
        if key in ("q", "Q"):
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
            player.freeze(not player.frozen)
        elif key in ("k", "K"):
            player.keep_preset(stem, key == "K")
        elif key == "r":
            player.record()
        elif key == "n":
            player.next_take()
        elif key in ("R", "N"):
            player.controls.learn("record" if key == "R" else "next_take")
            player.say(f"press the button that should {'begin and end takes' if key == 'R' else 'begin the next take'}")
        elif key == "c":
            player.holds.clear()
        elif key in (" ", "!"):
            player.panic()


def _next_preset(name: str) -> str:
    """The preset after `name` in alphabetical order; after the last comes the first."""
    names = sorted({path.stem for path in (*bundled_presets(), *user_presets())})
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]
