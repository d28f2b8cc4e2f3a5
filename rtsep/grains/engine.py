"""A live mosaic: rebuilds blocks of sound from the frames of a source; notes can choose its pitches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from rtsep.compiling import machine
from rtsep.engine.prepared import Prepared
from rtsep.engine.streaming import Counters, Output, counters_of, entry_at, held_pitches, play_block, rehearse, set_targets
from rtsep.errors import RtsepError
from rtsep.grains import memory
from rtsep.grains.design import Grains, Heard, mosaic_framing, mosaic_plan
from rtsep.grains.source import Source
from rtsep.kernels.memory import EVENT
from rtsep.notes.routing import Routing, everything
from rtsep.params import Value, defaults, param_of, parse_params
from rtsep.stages.lookahead import samples_of_lookahead
from rtsep.windows import Framing

STEMS = ("mosaic", "dry")

Floats = npt.NDArray[np.float32]


def refuse_with_mosaic(options: Mapping[str, object]) -> None:
    """Raise RtsepError if one of these options was given: they are for stems, which a mosaic does not make."""
    given = [name for name, value in options.items() if value]
    if given:
        raise RtsepError(f"{given[0]} does not go with --mosaic: a mosaic takes the sound as a whole; leave one of them out")


class Mosaic:
    """A mosaic of `source` for a host to play, with the same threads as `Separator`.

    It has two stems: `mosaic`, and `dry`, the input delayed by the mosaic's latency; `wet` fades between them. With the
    parameter `gate` on, notes tell which pitches of the source can sound; `routing` tells which notes count.
    """

    def __init__(self, source: Source, params: Mapping[str, Value] | None = None, routing: Routing | None = None) -> None:
        self.source = source
        self.stem_names: tuple[str, ...] = STEMS
        self.routing = everything("mosaic") if routing is None else routing
        self._params = parse_params(params or {})
        for name in self._params:
            self._check_stem(name)
        self._prepared: Prepared | None = None
        self._heard: Heard | None = None
        self._no_events = np.zeros(0, EVENT)

    def _check_stem(self, name: str) -> None:
        stem = name.partition(".")[2]
        if stem and stem not in STEMS:
            raise RtsepError(f"{name}: no stem is called {stem!r}; there are: {', '.join(STEMS)}")

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        """Analyse the source at `sample_rate` Hz, for `channels` and blocks of up to `max_block` samples, and reset.

        It allocates. RtsepError if the source has another rate, or parameters do not fit.
        """
        if sample_rate != self.source.sample_rate:
            raise RtsepError(f"the source {self.source.name} has {self.source.sample_rate:g} Hz and the input {sample_rate:g} "
                             "Hz: convert one to the other's rate")
        framing = mosaic_framing(self._params, sample_rate)
        if self._heard is None or (self._heard.framing, self._heard.channels) != (framing, channels):
            self._heard = Heard(self.source, framing, channels)
        self._prepared = self._ready(max_block)
        set_targets(self._prepared, self.value, STEMS)
        self.reset()
        self._entry = entry_at(self.entry_address)
        rehearse(self.rehearsal(), self._entry)

    def _ready(self, max_block: int, earlier: Prepared | None = None) -> Prepared:
        """A new plan with new memory, or with the memory of `earlier`, whose sound goes on."""
        heard, rate = cast(Heard, self._heard), self.source.sample_rate
        values = {**defaults(), **self._params}
        plan = mosaic_plan(heard, self.routing, values, rate)
        grains = Grains(heard, plan, rate, values, None if earlier is None else cast(Grains, earlier.grains))
        return Prepared(plan, max_block, earlier, grains)

    def again(self, params: Mapping[str, Value]) -> Mosaic:
        """A new mosaic of the same source with `params` changed; not prepared."""
        new = Mosaic(self.source, {**self._params, **params}, self.routing)
        new._heard = self._heard
        return new

    def exchange(self, *, params: Mapping[str, Value]) -> bool:
        """Change `params` while the sound goes on.

        False, and nothing is changed, if that needs `prepare`: for another window, latency or hop. RtsepError for values that
        are not allowed. It allocates.
        """
        now, wanted = self.prepared, {**self._params, **parse_params(params)}
        for name in wanted:
            self._check_stem(name)
        rate = self.source.sample_rate
        ahead = samples_of_lookahead(float({**defaults(), **wanted}["lookahead_ms"]), rate)
        if mosaic_framing(wanted, rate) != now.plan.framing or ahead != now.plan.values["ahead"]:
            return False
        self._params = wanted
        self._prepared = self._ready(now.input.shape[1], now)
        set_targets(self._prepared, self.value, STEMS)
        return True

    def rehearsal(self) -> Prepared:
        """A separate state, as `Separator.rehearsal` gives it."""
        warm = self._ready(self.prepared.input.shape[1])
        warm.input[:] = 1
        return warm

    def reset(self) -> None:
        """Forget all sound and all notes; parameters stay, and mixer values apply at once."""
        self.prepared.reset()
        self._grains.reset()

    @property
    def _grains(self) -> Grains:
        return cast(Grains, self.prepared.grains)

    def set(self, name: str, value: Value) -> None:
        """Change a mixer parameter while playing. `exchange` changes the others."""
        param = param_of(name)
        self._check_stem(name)
        if not param.live:
            raise RtsepError(f"{name} cannot change while playing; it is read by prepare")
        self._params[name] = param.parse(value)
        if self._prepared is not None:
            set_targets(self._prepared, self.value, STEMS)

    def value(self, name: str) -> Value:
        """The value of parameter `name`: the given one, else its default."""
        return self._params.get(name, param_of(name).default)

    def process(self, block: Floats, events: npt.NDArray[np.void] | None = None) -> Output:
        """Rebuild one block, float32 [channel, n <= max_block], with its EVENTs, as in `Separator.process`.

        `dry` is the input delayed by `latency`, bit for bit.
        """
        return play_block(self.prepared, self._entry, block, self._no_events if events is None else events)

    @property
    def plays(self) -> tuple[str, ...]:
        """The name of the source."""
        return (self.source.name,)

    @property
    def params(self) -> Mapping[str, Value]:
        """The parameters that were given; all others have their defaults."""
        return self._params

    @property
    def framing(self) -> Framing:
        """Sizes of frames, in samples."""
        return self.prepared.plan.framing

    @property
    def latency(self) -> int:
        """Samples from input to output."""
        return self.prepared.plan.latency

    @property
    def prepared(self) -> Prepared:
        """The result of the last `prepare` or `exchange`. RuntimeError before `prepare`."""
        if self._prepared is None:
            raise RuntimeError("call prepare first")
        return self._prepared

    @property
    def entry_address(self) -> int:
        """Address of the compiled entry: void (*)(void *call)."""
        return machine.address("mosaic", "play")

    @property
    def counters(self) -> Counters:
        """The counters since the last reset."""
        return counters_of(self.prepared)

    @property
    def row_pitch(self) -> npt.NDArray[np.int64]:
        """Pitches of the notes that allow some frames of the source to sound."""
        return self.prepared.plan.row_pitch

    @property
    def held_pitches(self) -> tuple[int, ...]:
        """MIDI pitches of the notes that keys or pedals hold, ascending."""
        return held_pitches(self.prepared)

    @property
    def playing(self) -> list[tuple[float, float]]:
        """For each head: the second of the source that the last frame played, and its share of the loudness."""
        state, count = self._grains.state, int(self._grains.state["counts"][memory.HEADS])
        return [(int(place) / self.source.sample_rate, float(share))
                for place, share in zip(state["place"][:count], state["share"][:count], strict=True)]

    @property
    def details(self) -> dict[str, Any]:
        """The source, and the effect of the constraints since the last reset.

        polyphony: source frames at a time. run_ms: how long the source is heard in its own order, in ms. repetitions: share of
        the runs that begin where the source was heard less than NEAR_S before.
        """
        counts, m = self._grains.state["counts"], memory
        hop_ms = 1000 * self.framing.hop / self.source.sample_rate
        runs = max(int(counts[m.RUNS]), 1)
        return {"mosaic": {
            "source": self.source.name, "source_seconds": round(self.source.samples.shape[1] / self.source.sample_rate, 3),
            "polyphony": round(int(counts[m.HEARD]) / max(int(counts[m.FRAMES]), 1), 2),
            "run_ms": round(int(counts[m.HEARD]) * hop_ms / runs, 1), "repetitions": round(int(counts[m.AGAIN]) / runs, 3)}}
