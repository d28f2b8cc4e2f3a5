"""The mixer of live playing: faders, mutes and solos of the stems, and the levels that they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rtsep.engine.separator import SILENT_DB
from rtsep.engine.streaming import Engine
from rtsep.params import Value, param_of


class Mixer:
    """The stems of the engine that `engine` returns, and the level of each. Thread: control."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine, self._stems = engine, engine().stem_names
        self.muted: set[str] = set()
        self.soloed: set[str] = set()
        self.gains = {stem: float(engine().value(f"gain_db.{stem}")) for stem in self._stems}

    def gain(self, stem: str, db: float) -> None:
        """Move the fader of a stem, within its range."""
        param = param_of(f"gain_db.{stem}")
        self.fade(stem, min(max(db, param.low), param.high))

    def mute(self, stem: str, on: bool) -> None:
        """Silence a stem, or play it at its gain again."""
        (self.muted.add if on else self.muted.discard)(stem)
        self._set_levels()

    def solo(self, stem: str, on: bool) -> None:
        """Solo a stem, or end its solo: while any stem is soloed, only soloed stems are heard."""
        (self.soloed.add if on else self.soloed.discard)(stem)
        self._set_levels()

    def faders(self, names: Sequence[str]) -> list[tuple[str, float, bool, bool]]:
        """For each stem: its name in `names`, its gain in dB, whether it is muted, whether it is soloed."""
        return [(name, self.gains[stem], stem in self.muted, stem in self.soloed)
                for name, stem in zip(names, self._stems, strict=True)]

    def fade(self, stem: str, db: Value) -> None:
        """Set the gain of a stem. RtsepError if it is out of range."""
        self.gains[stem] = float(param_of(f"gain_db.{stem}").parse(db))
        self._set_levels()

    def _set_levels(self) -> None:
        for stem in self._stems:
            heard = stem not in self.muted and (not self.soloed or stem in self.soloed)
            self._engine().set(f"gain_db.{stem}", self.gains[stem] if heard else SILENT_DB)
