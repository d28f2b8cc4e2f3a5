"""The mixer of live playing: faders, mutes and solos of the stems, and the levels that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rtsep.engine.separator import SILENT_DB
from rtsep.engine.streaming import Engine
from rtsep.params import Value, param_of


class Mixer:
    """The stems of the engine that `engine` gives, and how loud each is. Thread: control."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine, self._stems = engine, engine().stem_names
        self.muted: set[str] = set()
        self.soloed: set[str] = set()
        self.gains = {stem: float(engine().value(f"gain_db.{stem}")) for stem in self._stems}

    def gain(self, stem: str, db: float) -> None:
        """Move a stem's fader, limited to its range."""
        param = param_of(f"gain_db.{stem}")
        self.fade(stem, min(max(db, param.low), param.high))

    def mute(self, stem: str, on: bool) -> None:
        """Silence a stem, or play it again at its gain."""
        (self.muted.add if on else self.muted.discard)(stem)
        self._set_levels()

    def solo(self, stem: str, on: bool) -> None:
        """While any stem is soloed, only soloed ones are heard."""
        (self.soloed.add if on else self.soloed.discard)(stem)
        self._set_levels()

    def faders(self, names: Sequence[str]) -> list[tuple[str, float, bool, bool]]:
        """Each stem: its name of `names`, gain in dB, whether it is muted, whether it is soloed."""
        return [(name, self.gains[stem], stem in self.muted, stem in self.soloed)
                for name, stem in zip(names, self._stems, strict=True)]

    def fade(self, stem: str, db: Value) -> None:
        """Set a stem's gain. RtsepError if it is out of range."""
        self.gains[stem] = float(param_of(f"gain_db.{stem}").parse(db))
        self._set_levels()

    def _set_levels(self) -> None:
        for stem in self._stems:
            heard = stem not in self.muted and (not self.soloed or stem in self.soloed)
            self._engine().set(f"gain_db.{stem}", self.gains[stem] if heard else SILENT_DB)
