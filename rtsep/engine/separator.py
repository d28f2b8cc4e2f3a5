"""The engine: it makes a Plan from presets, a routing and parameters, and stems from blocks of sound and notes.

Offline rendering, live playing and all benchmarks run this engine, with the same machine code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.compiling import machine
from rtsep.engine.design import design, per_stem, preset_defaults
from rtsep.engine.prepared import Prepared
from rtsep.engine.streaming import (
    SILENT_DB,
    Counters,
    Output,
    counters_of,
    entry_at,
    held_pitches,
    play_block,
    rehearse,
    set_targets,
    uncertain_pitches,
)
from rtsep.errors import RtsepError
from rtsep.kernels.memory import EVENT, PITCHES
from rtsep.notes.routing import Routing
from rtsep.params import Value, param_of, parse_params
from rtsep.presets.preset import Preset
from rtsep.stages.rows import each_once
from rtsep.windows import Framing

__all__ = ["SILENT_DB", "Counters", "Output", "Separator"]

Floats = npt.NDArray[np.float32]


class Separator:
    """The separator for a host: call `prepare`, then `process` for each block; `reset` starts again.

    presets: one preset for all stems, or one for each stem of `routing` in its order (`presets[stem]`). Call `prepare`,
    `exchange` and `set` from the control thread, and `process` and `reset` from the thread that delivers sound (a native
    callback uses `prepared.call` instead).
    """

    def __init__(
        self, presets: Preset | Sequence[Preset], routing: Routing, params: Mapping[str, Value] | None = None
    ):
        self.presets = per_stem(presets, routing)
        self.routing = routing
        self.stem_names = (*routing.names, "residual")
        self._params = parse_params(params or {})
        for name in self._params:
            self._check_stem(name)
        self._prepared: Prepared | None = None
        self._sample_rate = 0.0

    def _check_stem(self, name: str) -> None:
        stem = name.partition(".")[2]
        if stem and stem not in self.stem_names:
            raise RtsepError(f"{name}: no stem is called {stem!r}; there are: {', '.join(self.stem_names)}")

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        """Design for `sample_rate` Hz, `channels` and blocks of up to `max_block` samples, and reset. It allocates.

        On a computer's first call it compiles the engine, after it has checked everything else.
        """
        if min(channels, max_block) < 1:
            raise ValueError(f"{channels} channels and blocks of {max_block} samples: 1 or more of each are needed")
        plan = design(self.presets, self.routing, self._params, sample_rate, channels)
        self._sample_rate = sample_rate
        self._prepared = Prepared(plan, max_block)
        self._no_events = np.zeros(0, EVENT)
        self._set_targets()
        self.reset()
        self._entry = entry_at(self.entry_address)
        rehearse(self.rehearsal(), self._entry)

    def exchange(
        self, presets: Preset | Sequence[Preset] | None = None, params: Mapping[str, Value] | None = None,
        routing: Routing | None = None,
    ) -> bool:
        """Continue under a new plan, without a gap in sound and notes.

        The new plan can have other presets (one for all stems, or one for each), changed `params`, or another routing to the
        same stems. False, and nothing is changed, if window, latency, hop, filters or a score would differ: that needs
        `prepare`. RtsepError if presets or parameters do not fit. It allocates.
        """
        now = self.prepared
        wanted = {**self._params, **parse_params(params or {})}
        for name in wanted:
            self._check_stem(name)
        instruments = self.presets if presets is None else per_stem(presets, self.routing)
        routing = self.routing if routing is None else routing
        plan = design(instruments, routing, wanted, self._sample_rate, now.plan.channels)
        if (plan.framing, plan.latency) != (now.plan.framing, now.plan.latency) or routing.score is not self.routing.score:
            return False
        self.presets, self._params, self.routing = instruments, wanted, routing
        self._prepared = Prepared(plan, now.input.shape[1], now)
        self._set_targets()
        return True

    def rehearsal(self) -> Prepared:
        """A separate state with one note: two hops of it with the entry load code and memory into the caches of a thread."""
        now = self.prepared
        warm = Prepared(now.plan, now.input.shape[1])
        warm.input[:] = 1
        # -1 means the residual, which has no rows.
        playable = now.plan.values["row_count"][self.routing.table, np.arange(PITCHES)] > 0
        for part, channel, pitch in np.argwhere(playable)[:1]:
            warm.events["part"], warm.events["status"] = part, 0x90 | channel
            warm.events["data1"], warm.events["data2"] = pitch, 64
        warm.call["events"], warm.call["event_count"] = warm.events.ctypes.data, 1
        return warm

    def reset(self) -> None:
        """Forget all sound, all notes and everything learnt; parameters stay, and mixer values apply at once."""
        self.prepared.reset()

    def set(self, name: str, value: Value) -> None:
        """Change a parameter while playing. Only mixer parameters can change; `prepare` reads the others."""
        param = param_of(name)
        self._check_stem(name)
        if not param.live:
            raise RtsepError(f"{name} cannot change while playing; it is read by prepare")
        self._params[name] = param.parse(value)
        if self._prepared is not None:
            self._set_targets()

    def value(self, name: str) -> Value:
        """The value of parameter `name`: the given one, else the presets' default, else the parameter's own default."""
        return self._params.get(name, preset_defaults(self.presets).get(name, param_of(name).default))

    def _set_targets(self) -> None:
        set_targets(self.prepared, self.value, self.stem_names)

    def again(self, params: Mapping[str, Value], presets: Sequence[Preset] | None = None) -> Separator:
        """A new separator with the same routing, with `params` changed, and with the same or other presets; not prepared."""
        return Separator(self.presets if presets is None else presets, self.routing, {**self._params, **params})

    @property
    def plays(self) -> tuple[str, ...]:
        """The name of each stem's preset."""
        return tuple(preset.name for preset in self.presets)

    @property
    def entry_address(self) -> int:
        """Address of the compiled entry: void (*)(void *call)."""
        return machine.address("engine", "process")

    @property
    def details(self) -> dict[str, Any]:
        """Empty: the separator adds nothing to the report."""
        return {}

    @property
    def params(self) -> Mapping[str, Value]:
        """The parameters that were given; all others have the presets' or their own defaults."""
        return self._params

    @property
    def instruments(self) -> list[Preset]:
        """The presets in use, each once, in the order of the stems; a voice has none."""
        return [preset for preset in each_once(self.presets) if len(preset.W)]

    @property
    def sample_rate(self) -> float:
        """The sample rate given to `prepare`, in Hz."""
        return self._sample_rate

    @property
    def framing(self) -> Framing:
        """Sizes of frames, in samples."""
        return self.prepared.plan.framing

    @property
    def latency(self) -> int:
        """Samples from input to output, with the lookahead."""
        return self.prepared.plan.latency

    @property
    def prepared(self) -> Prepared:
        """The result of the last `prepare` or `exchange`. RuntimeError before `prepare`."""
        if self._prepared is None:
            raise RuntimeError("call prepare first")
        return self._prepared

    def process(self, block: Floats, events: npt.NDArray[np.void] | None = None) -> Output:
        """Separate one block.

        | argument | shape, dtype | |
        | --- | --- | --- |
        | block | float32 [channel, n], n <= max_block | samples; NaN, infinity and |x| > 1e6 are counted as bad and become 0 |
        | events | EVENT [m] | MIDI messages; `sample`: offset from the block's start, 0 <= sample < n, ascending |

        stems + residual = input delayed by `latency`. ValueError for other shapes or offsets.
        """
        return play_block(self.prepared, self._entry, block, self._no_events if events is None else events)

    @property
    def counters(self) -> Counters:
        """The counters since the last reset."""
        return counters_of(self.prepared)

    @property
    def activations(self) -> Floats:
        """The last frame's activations as magnitudes, float32 [stem, row]; rows that are not open are 0. A view."""
        H: Floats = self.prepared.state["H"]
        return H

    @property
    def row_pitch(self) -> npt.NDArray[np.int64]:
        """MIDI pitch of every row in use, int64 [row]."""
        return self.prepared.plan.row_pitch

    @property
    def masks(self) -> Floats:
        """The last frame's masks, float32 [stem, bin]. A view.

        They sum to 1, also with `suppression`. With a suppression below 1 the residual's mask can be negative.
        """
        M: Floats = self.prepared.state["M"][:, : self.framing.window_size // 2 + 1]
        return M

    @property
    def held_pitches(self) -> tuple[int, ...]:
        """MIDI pitches of the notes that keys or pedals hold, ascending."""
        return held_pitches(self.prepared)

    @property
    def hand_pitches(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Held pitches of the left hand and of the right hand, if notes are divided between hands; else none."""
        left, right = (held_pitches(self.prepared, stem) for stem in self.routing.hands or (-1, -1))
        return left, right

    @property
    def uncertain_pitches(self) -> tuple[int, ...]:
        """Held pitches whose hand is uncertain, if notes are divided between hands."""
        return uncertain_pitches(self.prepared)

    @property
    def open_count(self) -> int:
        """The number of rows that were open in the last frame."""
        return int(self.prepared.state["open_count"][0])
