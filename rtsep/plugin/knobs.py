"""What a host can turn and automate, and how the plan follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rtsep.engine.design import Plan
from rtsep.params import PARAMS, Value
from rtsep.plugin.plan_file import Knob
from rtsep.stages.records import PLAN

# Parameter, and how many equally spaced values of it are worked out; between two, the plan's number is interpolated.
WORKED_OUT = {"mask_power": 8, "suppression": 2, "prediction": 2, "background_learns": 2, "adapt": 2}


@dataclass(frozen=True)
class HostKnob:
    """A parameter as hosts see it. `kind` and `stem`: what native/engine.c does with it. `restart`: some of its values
    count from the next start of the plug-in on."""

    symbol: str
    name: str
    kind: str
    least: float
    most: float
    start: float
    whole: bool = False
    stem: int = 0
    restart: bool = False
    points: tuple[str, ...] = ()  # Names of the values 0, 1, 2 ...

    def line(self) -> str:
        """Its line in bundle.txt."""
        return (f"knob {self.symbol} {self.kind} {self.stem} {self.least:.9g} {self.most:.9g} {self.start:.9g} "
                f"{int(self.whole)} {int(self.restart)} {self.name}")


def host_knobs(
    stems: Sequence[str], value: Callable[[str], Value], split: int | None, programs: Sequence[str], restart: bool = False
) -> list[HostKnob]:
    """All knobs of a plug-in with these stems, whose parameters start at `value(name)`. restart: programs differ in latency."""
    found = [HostKnob("bypass", "Bypass", "bypass", 0, 1, float(value("bypass")), whole=True),
             HostKnob("wet", "Wet", "wet", 0, 1, float(value("wet")))]
    gain = PARAMS["gain_db"]
    found += [HostKnob(f"gain_{stem}", f"Gain {stem.replace('_', ' ')} (dB)", "gain", gain.low, gain.high,
                       float(value(f"gain_db.{stem}")), stem=number) for number, stem in enumerate(stems)]
    found += [_of_plan(name, float(value(name))) for name in WORKED_OUT]
    if split is not None:
        found.append(HostKnob("split", "Split (lowest note of high)", "split", 0, 127, split, whole=True))
    if len(programs) > 1:
        found.append(HostKnob("program", "Preset", "program", 0, len(programs) - 1, 0, whole=True, restart=restart,
                              points=tuple(programs)))
    return found


def _of_plan(name: str, start: float) -> HostKnob:
    param = PARAMS[name]
    if param.kind == "switch":
        return HostKnob(name, name.replace("_", " ").capitalize(), "plan", 0, 1, start, whole=True)
    return HostKnob(name, name.replace("_", " ").capitalize(), "plan", param.low, param.high, start)


def plan_knobs(plan: Plan, design: Callable[[Mapping[str, Value]], Plan]) -> list[Knob]:
    """How numbers of `plan` follow the parameters; `design` makes the plan with some of them changed."""
    found = []
    for name, count in WORKED_OUT.items():
        param = PARAMS[name]
        ends = (0.0, 1.0) if param.kind == "switch" else (param.low, param.high)
        values = np.linspace(*ends, count)
        plans = [design({"estimator": "kl", name: bool(value) if param.kind == "switch" else float(value)}).values
                 for value in values]  # An encoder would take most of the time.
        differing = [word for word in PLAN.fields if word in plan.values
                     and any(not np.array_equal(plans[0][word], other[word]) for other in plans[1:])]
        if len(differing) == 1 and PLAN.fields[differing[0]].shape is None:
            word = differing[0]
            found.append(Knob(name, word, *ends, np.array([other[word] for other in plans], np.float64)))
        elif differing:
            raise ValueError(f"{name} moves {', '.join(differing)}: a plug-in can only move single numbers")
    return found
