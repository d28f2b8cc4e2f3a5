"""The preset of each stem: which stems share a preset, and which stems have its name."""

from __future__ import annotations

from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.notes.names import stem_names
from rtsep.presets.preset import Preset


class Instruments:
    """The presets of the stems of `engine`, at the start and now."""

    def __init__(self, engine: Engine) -> None:
        self._stems = engine.stem_names
        started = [id(preset) for preset in engine.presets] if isinstance(engine, Separator) else [0]
        self._first = [started.index(each) for each in started]  # For each stem, the first stem with the same preset.
        self._named = {at for at, (stem, name) in enumerate(zip(engine.routing.names, engine.plays, strict=False))
                       if isinstance(engine, Separator) and stem == stem_names([name])[0]}

    def index(self, stem: str) -> int:
        """The number of a stem's preset; the residual and "" have the number of the first one."""
        return self._stems.index(stem) % len(self._first) if stem else 0

    def with_preset(self, now: tuple[Preset, ...], preset: Preset, stem: str | None) -> list[Preset]:
        """The presets `now`, with `preset` for `stem` and the stems that shared its preset at the start; None: for all."""
        wanted = None if stem is None else self._first[self.index(stem)]
        return [preset if wanted in (None, first) else old for first, old in zip(self._first, now, strict=True)]

    def shown_names(self, engine: Engine) -> tuple[str, ...]:
        """The names of the stems now. A stem that had the name of its preset at the start gets the name of its present one."""
        return tuple(self._fresh(at, stem_names([engine.plays[at]])[0]) if at in self._named else stem
                     for at, stem in enumerate(self._stems))

    def _fresh(self, at: int, name: str) -> str:
        """`name`, unless another stem has this name."""
        return self._stems[at] if name in self._stems[:at] + self._stems[at + 1 :] else name
