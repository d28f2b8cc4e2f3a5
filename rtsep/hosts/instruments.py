"""What each stem plays: which stems share a preset, and how they are called that bear its name."""

from __future__ import annotations

from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.notes.names import stem_names
from rtsep.presets.preset import Preset


class Instruments:
    """The presets of the stems of `engine`, as at the start and now."""

    def __init__(self, engine: Engine) -> None:
        self._stems = engine.stem_names
        started = [id(preset) for preset in engine.presets] if isinstance(engine, Separator) else [0]
        self._first = [started.index(each) for each in started]  # For each stem, the first stem with the same preset.
        self._named = {at for at, (stem, name) in enumerate(zip(engine.routing.names, engine.plays, strict=False))
                       if isinstance(engine, Separator) and stem == stem_names([name])[0]}

    def index(self, stem: str) -> int:
        """The place of the preset of a stem; that of the first one for the residual, and for ""."""
        return self._stems.index(stem) % len(self._first) if stem else 0

    def with_preset(self, now: tuple[Preset, ...], preset: Preset, stem: str | None) -> list[Preset]:
        """The presets `now`, but `preset` for `stem` and those that shared its preset from the start, or for all."""
        wanted = None if stem is None else self._first[self.index(stem)]
        return [preset if wanted in (None, first) else old for first, old in zip(self._first, now, strict=True)]

    def shown_names(self, engine: Engine) -> tuple[str, ...]:
        """How the stems are called now: one that was called as its preset bears the present one's name."""
        return tuple(self._fresh(at, stem_names([engine.plays[at]])[0]) if at in self._named else stem
                     for at, stem in enumerate(self._stems))

    def _fresh(self, at: int, name: str) -> str:
        """`name`, unless another stem is called so."""
        return self._stems[at] if name in self._stems[:at] + self._stems[at + 1 :] else name
