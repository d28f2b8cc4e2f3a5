"""Messages of a page, JSON: {"set": TARGET, "value" (or "position", "step"): ...}, {"press": TARGET}, {"watch": [SOURCE]}."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rtsep.remote.wishes import Wish

LONGEST = 1024  # Bytes of a message, at most.
MOST_WATCHED = 2  # So many sources of the picture are sent to a page at once.
RATE, BURST = 100.0, 200.0  # Messages that a page may send each second, and at once after a pause.
LONGEST_TEXT = 200  # Letters of a target or of a text, at most.


class BadMessageError(ValueError):
    """A message that no page of ours sends."""


@dataclass(frozen=True)
class Watch:
    """What a page wants to see in its picture."""

    sources: tuple[str, ...]


def parse(text: str) -> Wish | Watch:
    """What a message asks for. BadMessageError if it is none."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadMessageError("no JSON") from error
    if not isinstance(told, dict):
        raise BadMessageError("no object")
    if told.keys() == {"watch"}:
        return Watch(_sources(told["watch"]))
    if told.keys() == {"press"}:
        return Wish(_text(told["press"]), "press")
    kinds = told.keys() - {"set"}
    if "set" not in told or len(kinds) != 1 or not kinds <= {"value", "position", "step"}:
        raise BadMessageError("neither set, press nor watch")
    kind = kinds.pop()
    return Wish(_text(told["set"]), kind, _value(told[kind]))


def _text(given: Any) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= LONGEST_TEXT:
        raise BadMessageError("no text")
    return given


def _value(given: Any) -> bool | int | float | str:
    if isinstance(given, str):
        return _text(given)
    if not isinstance(given, bool | int | float) or abs(given) > 1e9 or given != given:
        raise BadMessageError("no value")
    return given


def _sources(given: Any) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_WATCHED:
        raise BadMessageError(f"watch: give a list of at most {MOST_WATCHED} sources")
    return tuple(_text(each) for each in given)


class Allowance:
    """How many messages a sender may send: `rate` each second, and `burst` at once. Times are in seconds."""

    def __init__(self, now_s: float, rate: float = RATE, burst: float = BURST) -> None:
        self._rate, self._burst, self._left, self._at_s = rate, burst, burst, now_s

    def spend(self, now_s: float) -> bool:
        """Take one message; False if none is left."""
        self._left = min(self._left + self._rate * (now_s - self._at_s), self._burst)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
