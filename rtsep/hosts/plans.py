"""The engine that plays, and how it changes to other parameters, presets or routings while the music plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.errors import RtsepError
from rtsep.hosts.lanes import CAPACITY, Lanes
from rtsep.notes.routing import Routing
from rtsep.params import Value
from rtsep.presets.preset import Preset


@dataclass
class Split:
    """The lowest pitch of the stem `high`, and the routing for any such pitch."""

    pitch: int
    route: Callable[[int], Routing]


class Plans:
    """The engine on `lanes`, and changes of it. Thread: control."""

    def __init__(self, engine: Engine, lanes: Lanes) -> None:
        self.engine, self._lanes = engine, lanes
        self._counted: dict[str, int] = {}  # Counters of engines that have played before.
        self._fading = False  # Whether the callback still plays the engine before the last restart.

    def change(
        self, params: Mapping[str, Value], presets: Sequence[Preset] | None = None, routing: Routing | None = None,
        recording: bool = False,
    ) -> bool:
        """Go on with another plan, without a gap if windows and latency stay.

        If they do not stay, the sound fades out and in, and the engine starts to learn from the beginning; then it returns
        True. RtsepError, and nothing has changed, if this happens while `recording`: the take would have a gap.
        """
        now = self.engine
        self._fading = self._fading and not self._lanes.arrived
        if now.exchange(presets, params, routing) if isinstance(now, Separator) else now.exchange(params=params):
            self._lanes.play(now.prepared, fade=self._fading)
            return False
        if recording:
            what = next(iter(params), "the window, which is different in this preset,")
            raise RtsepError(f"{what} cannot change while recording: the take would have a gap")
        new = now.again(params, presets) if isinstance(now, Separator) else now.again(params)
        new.prepare(self._lanes.sample_rate, self._lanes.channels, CAPACITY)
        self._counted, self.engine, self._fading = self.counters(), new, True
        self._lanes.play(new.prepared, fade=True)
        return True

    def differing(
        self, params: Mapping[str, Value], presets: Sequence[Preset] | None
    ) -> tuple[dict[str, Value], Sequence[Preset] | None]:
        """The `params` and `presets` that are not played already; None instead of the presets if all of them are."""
        now = self.engine
        same = presets is not None and isinstance(now, Separator) and [*map(id, presets)] == [*map(id, now.presets)]
        return {name: value for name, value in params.items() if now.value(name) != value}, None if same else presets

    def counters(self) -> dict[str, int]:
        """The counters of this engine and of the engines before it, added up."""
        return {name: count + self._counted.get(name, 0) for name, count in asdict(self.engine.counters).items()}
