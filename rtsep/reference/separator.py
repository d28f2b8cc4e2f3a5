"""The reference with the interface of `rtsep.engine.separator.Separator`: for offline hosts; slow, without a compiler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from rtsep.engine.design import Plan, design, per_stem, preset_defaults
from rtsep.engine.streaming import SILENT_DB, Counters, Output
from rtsep.errors import RtsepError
from rtsep.kernels.memory import EVENT, GAINS
from rtsep.notes.routing import Routing
from rtsep.params import Value, param_of, parse_params
from rtsep.presets.preset import Preset
from rtsep.reference.estimator import Method
from rtsep.reference.masks import Mask
from rtsep.reference.mixer import mixed, smoothed_path
from rtsep.reference.passed import Events, Floats, Passed
from rtsep.reference.setup import Setup, setup_of
from rtsep.reference.stream import Stream
from rtsep.stages.rows import each_once
from rtsep.windows import Framing


def refuse_with_reference(options: Mapping[str, object]) -> None:
    """Raise RtsepError if one of these options was given: the reference does not support them."""
    given = [name for name, value in options.items() if value]
    if given:
        raise RtsepError(f"{given[0]} does not go with --reference, which only separates; leave one of them out")


@dataclass
class _Prepared:
    """The result of `prepare`."""

    sample_rate: float
    plan: Plan
    setup: Setup
    max_block: int
    stream: Stream
    mixer_values: Floats


class ReferenceSeparator:
    """A `Separator` in plain NumPy and float64: `prepare`, then `process` for each block; `reset` starts again.

    `presets`, `routing`, `params`: as in `Separator`. `estimator`, `mask`: functions that replace these steps, as
    `rtsep.reference.estimator` and `rtsep.reference.masks` describe them. The output is the same for blocks of any size, and
    equals that of the compiled engine except for rounding. Use it from one thread. The members that only hosts of compiled code
    need (`prepared`, `entry_address`, `rehearsal`) raise RtsepError.
    """

    def __init__(
        self, presets: Preset | Sequence[Preset], routing: Routing, params: Mapping[str, Value] | None = None, *,
        estimator: Method | None = None, mask: Mask | None = None,
    ) -> None:
        self.presets = per_stem(presets, routing)
        self.routing = routing
        self.stem_names: tuple[str, ...] = (*routing.names, "residual")
        self._params = parse_params(params or {})
        for name in self._params:
            self._check_stem(name)
        self._estimator, self._mask = estimator, mask
        self._now: _Prepared | None = None

    def _check_stem(self, name: str) -> None:
        stem = name.partition(".")[2]
        if stem and stem not in self.stem_names:
            raise RtsepError(f"{name}: no stem is called {stem!r}; there are: {', '.join(self.stem_names)}")

    def prepare(self, sample_rate: float, channels: int, max_block: int) -> None:
        """Design for `sample_rate` Hz, `channels` and blocks of up to `max_block` samples, and reset."""
        if min(channels, max_block) < 1:
            raise ValueError(f"{channels} channels and blocks of {max_block} samples: 1 or more of each are needed")
        plan = design(self.presets, self.routing, self._params, sample_rate, channels)
        setup = setup_of(plan, self.value)
        self._now = _Prepared(sample_rate, plan, setup, max_block, self._stream(setup, channels), self._targets())

    def _stream(self, setup: Setup, channels: int) -> Stream:
        return Stream(setup, channels, self._estimator, self._mask)

    def reset(self) -> None:
        """Forget all sound, all notes and everything learnt; parameters stay, and mixer values apply at once."""
        now = self._ready
        now.stream, now.mixer_values = self._stream(now.setup, now.plan.channels), self._targets()

    def process(self, block: npt.NDArray[np.float32], events: Events | None = None) -> Output:
        """Separate one block, as `Separator.process`: float32 [channel, n] and EVENT [m] -> float32 stems and mix."""
        stems, mix = self.hear(np.asarray(block, np.float64), events)
        return Output(stems.astype(np.float32), mix.astype(np.float32))

    def hear(self, block: Floats, events: Events | None = None) -> tuple[Floats, Floats]:
        """As `process`, in float64: stems [stem, channel, n], which sum to the delayed input, and their mix [channel, n]."""
        now, due = self._ready, np.zeros(0, EVENT) if events is None else np.asarray(events, EVENT)
        if block.shape[0] != now.plan.channels or block.shape[1] > now.max_block:
            raise ValueError(f"block {block.shape}: expected {now.plan.channels} channels and at most {now.max_block} samples")
        at = due["sample"]
        if len(due) and (at[0] < 0 or at[-1] >= block.shape[1] or (np.diff(at) < 0).any()):
            raise ValueError("events must lie inside the block, in order")
        stems = now.stream.hear(block, due)
        targets = np.repeat(self._targets()[None], block.shape[1], axis=0)
        values = smoothed_path(now.mixer_values, targets, now.plan.values["mixer_smoothing"])
        if len(values):
            now.mixer_values = values[-1]
        return stems, mixed(stems, values)

    def _targets(self) -> Floats:
        """Target values of the mixer: wet, bypass, and the factor of every stem."""
        levels_db = [float(self.value(f"gain_db.{stem}")) for stem in self.stem_names]
        targets = np.zeros(GAINS + len(levels_db))
        targets[:GAINS] = float(self.value("wet")), float(self.value("bypass"))
        targets[GAINS:] = [0 if level <= SILENT_DB else 10 ** (level / 20) for level in levels_db]
        return targets

    def set(self, name: str, value: Value) -> None:
        """Change a parameter while playing. Only mixer parameters can change; `prepare` reads the others."""
        param = param_of(name)
        self._check_stem(name)
        if not param.live:
            raise RtsepError(f"{name} cannot change while playing; it is read by prepare")
        self._params[name] = param.parse(value)

    def value(self, name: str) -> Value:
        """The present value of parameter `name`: the given one, else the presets' default, else the parameter's own default."""
        return self._params.get(name, preset_defaults(self.presets).get(name, param_of(name).default))

    def again(self, params: Mapping[str, Value]) -> ReferenceSeparator:
        """A new separator with the same presets, routing, estimator and mask, and with `params` changed; not prepared."""
        return ReferenceSeparator(self.presets, self.routing, {**self._params, **params}, estimator=self._estimator,
                                  mask=self._mask)

    def exchange(self, presets: Preset | Sequence[Preset] | None = None, params: Mapping[str, Value] | None = None) -> bool:
        """Always False: another plan needs `prepare`."""
        return False

    @property
    def _ready(self) -> _Prepared:
        if self._now is None:
            raise RuntimeError("call prepare first")
        return self._now

    @property
    def setup(self) -> Setup:
        """The setup that `prepare` made."""
        return self._ready.setup

    @property
    def last(self) -> Passed | None:
        """Everything that the stages passed on about the last frame; None before the first frame."""
        return self._ready.stream.last

    @property
    def plays(self) -> tuple[str, ...]:
        """The name of each stem's preset."""
        return tuple(preset.name for preset in self.presets)

    @property
    def params(self) -> Mapping[str, Value]:
        """The parameters that were given; the others have the presets' or their own defaults."""
        return self._params

    @property
    def details(self) -> dict[str, Any]:
        """A note for report.json that the reference was used."""
        return {"engine": "reference"}

    @property
    def instruments(self) -> list[Preset]:
        """The presets in use, each once, in the order of the stems; a voice has none."""
        return [preset for preset in each_once(self.presets) if len(preset.W)]

    @property
    def sample_rate(self) -> float:
        """The rate given to `prepare`, in Hz; 0 before."""
        return self._now.sample_rate if self._now else 0.0

    @property
    def framing(self) -> Framing:
        """Sizes of frames, in samples."""
        return self._ready.plan.framing

    @property
    def latency(self) -> int:
        """Samples from input to output."""
        return self._ready.plan.latency

    @property
    def counters(self) -> Counters:
        """Counts since the last reset; the reference never steals a voice."""
        stream = self._ready.stream
        return Counters(stream.bad_samples, stream.piano.unmatched, stream.stages.gate.closed_rows, 0, stream.frames,
                        stream.hands.notes, stream.hands.revised, stream.hands.uncertain,
                        stream.follower.notes, stream.follower.unmatched)

    @property
    def activations(self) -> Floats:
        """The last frame's activations as magnitudes, [stem, row]; rows that are not open are 0."""
        return self._ready.stream.stages.H

    @property
    def masks(self) -> Floats:
        """The last frame's masks, [stem, bin], which sum to 1; 0 before the first frame."""
        return np.zeros((self.setup.stems, self.setup.bins)) if self.last is None else self.last.masks.M

    @property
    def row_pitch(self) -> npt.NDArray[np.int64]:
        """MIDI pitch of every row in use, int64 [row]."""
        return self._ready.plan.row_pitch

    @property
    def held_pitches(self) -> tuple[int, ...]:
        """MIDI pitches of the notes that keys or pedals hold, ascending."""
        return tuple(sorted({note.pitch for note in self._ready.stream.piano.sounding.values()}))

    @property
    def open_count(self) -> int:
        """Number of rows that were open in the last frame."""
        return 0 if self.last is None else self.last.opened.count

    @property
    def prepared(self) -> NoReturn:
        """Raise RtsepError."""
        self._refuse()

    @property
    def entry_address(self) -> NoReturn:
        """Raise RtsepError."""
        self._refuse()

    def rehearsal(self) -> NoReturn:
        """Raise RtsepError."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RtsepError("the reference is not compiled: it works only offline, and saves no preset")
