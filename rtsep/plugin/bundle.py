"""A plug-in's files: what it is (bundle.txt), a plan for every preset and sample rate, and the binary that plays them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from rtsep.engine.design import Plan, design, latency_of, preset_defaults
from rtsep.errors import RtsepError
from rtsep.notes.routing import Routing
from rtsep.params import Value, param_of
from rtsep.plugin.knobs import HostKnob, host_knobs, plan_knobs
from rtsep.plugin.plan_file import plan_bytes
from rtsep.presets.preset import Preset

TEXT, VERSION = "bundle.txt", 1
MOST_NAME = 63  # Names in a bundle have at most this many bytes of UTF-8.
MOST_STEMS, MOST_PROGRAMS, MOST_RATES = 33, 64, 16  # As in native/plugin.h.


def slug_of(name: str) -> str:
    """A name in small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "rtsep"


@dataclass(frozen=True)
class PluginForm:
    """What a plug-in is made of. programs: name and the preset of each stem. split: the pitch of a split that can be moved."""

    name: str
    routing: Routing
    programs: Mapping[str, Sequence[Preset]]
    params: Mapping[str, Value]
    rates: tuple[int, ...]
    channels: int = 2
    split: int | None = None
    stems: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stems", (*self.routing.names, "residual"))
        for what, count, most in (("stems", len(self.stems), MOST_STEMS), ("presets", len(self.programs), MOST_PROGRAMS),
                                  ("sample rates", len(self.rates), MOST_RATES)):
            if not 0 < count <= most:
                raise RtsepError(f"a plug-in with {count} {what}: allowed are 1 to {most}")
        for text in (self.name, *self.stems, *self.programs):
            if not text.strip() or len(text.encode()) > MOST_NAME or not text.isprintable():
                raise RtsepError(f"{text!r} is no name for a host: give 1 to {MOST_NAME} letters, on one line")

    @property
    def slug(self) -> str:
        """Its short name: projects find the plug-in by it."""
        return slug_of(self.name)

    @property
    def uri(self) -> str:
        """Its identifier, the same in every version."""
        return f"urn:rtsep:{self.slug}"

    def value(self, name: str) -> Value:
        """The value of a parameter at the start."""
        first = next(iter(self.programs.values()))
        return self.params.get(name, preset_defaults(first).get(name, param_of(name).default))

    @property
    def knobs(self) -> list[HostKnob]:
        """What a host can turn."""
        return host_knobs(self.stems, self.value, self.split, list(self.programs), not self._has_one_latency)

    @property
    def _has_one_latency(self) -> bool:
        return all(len({latency_of(presets, self.params, rate) for presets in self.programs.values()}) == 1
                   for rate in self.rates)


def write_data(form: PluginForm, folder: Path, told: Callable[[str], None]) -> None:
    """Write bundle.txt and all plans into `folder`. RtsepError if presets, parameters and rates do not fit together."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (program, presets) in enumerate(form.programs.items()):
        for rate in form.rates:
            told(f"{program}, {rate} Hz")
            (folder / f"{number}-{rate}.plan").write_bytes(_plan(form, presets, rate))
    lines = [f"rtsep-bundle {VERSION}", f"name {form.name}", f"id {form.uri}", f"release {version('rtsep')}",
             f"channels {form.channels}", *(f"stem {stem}" for stem in form.stems),
             *(f"program {program}" for program in form.programs), *(f"rate {rate}" for rate in form.rates),
             *(knob.line() for knob in form.knobs)]
    (folder / TEXT).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plan(form: PluginForm, presets: Sequence[Preset], rate: int) -> bytes:
    def again(changed: Mapping[str, Value]) -> Plan:
        return design(presets, form.routing, {**form.params, **changed}, rate, form.channels)

    plan = again({"adapt": True})  # Templates that begin to adapt later weigh as much as if they did from the start.
    return plan_bytes(plan, rate, plan_knobs(plan, again))


def replace_folder(made: Path, wanted: Path) -> None:
    """Put the finished folder or file `made` in the place of `wanted`, of which nothing stays. OSError if it cannot be."""
    aside = wanted.with_name(f".{wanted.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if wanted.exists():
        wanted.replace(aside)
    made.replace(wanted)
    shutil.rmtree(aside, ignore_errors=True)
    aside.unlink(missing_ok=True)
