"""Other presets and parameters while a device plays: at once where the new plan fits, else with a fade out and in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rtsep.engine.separator import Separator
from rtsep.engine.streaming import Engine
from rtsep.errors import RtsepError
from rtsep.hosts.lanes import CAPACITY, Lanes
from rtsep.params import Value
from rtsep.presets.preset import Preset


def exchange(
    engine: Engine, lanes: Lanes, params: Mapping[str, Value], presets: Sequence[Preset] | None, recording: bool
) -> Engine:
    """The engine that plays from now on: the same, or a new one of another latency, which must not come while `recording`.

    RtsepError, and nothing has changed, if that is not possible.
    """
    if presets is None or not isinstance(engine, Separator):
        fits = engine.exchange(params=params)
    else:
        fits = engine.exchange(presets, params)
    if fits:
        lanes.play(engine.prepared, fade=False)
        return engine
    if recording:
        raise RtsepError(f"{next(iter(params), 'preset')} cannot change while recording: the latency would")
    new = engine.again(params)
    if presets is not None and isinstance(new, Separator):
        new = Separator(presets, new.routing, new.params)
    new.prepare(lanes.sample_rate, lanes.channels, CAPACITY)
    lanes.play(new.prepared, fade=True)
    return new


def differing(
    engine: Engine, params: Mapping[str, Value], presets: Sequence[Preset] | None
) -> tuple[dict[str, Value], Sequence[Preset] | None]:
    """What of `params` and `presets` is not played already, None for the presets if all are."""
    same = presets is not None and isinstance(engine, Separator) and (*presets,) == engine.presets
    return {name: value for name, value in params.items() if engine.value(name) != value}, None if same else presets
