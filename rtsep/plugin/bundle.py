"""A plug-in's data: its description (bundle.txt), and one plan file for each preset and sample rate."""

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
MOST_STEMS, MOST_PROGRAMS, MOST_RATES = 33, 64, 16  # The same numbers stand in native/plugin.h.


def slug_of(name: str) -> str:
    """The name in lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "rtsep"


@dataclass(frozen=True)
class PluginForm:
    """What a plug-in is made of.

    programs: the presets that its user can choose, by name; each has one preset for each stem.
    split: the first pitch of the upper stem, if the host can move the split.
    """

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
                raise RtsepError(f"the plug-in would have {count} {what}: allowed are 1 to {most}")
        for text in (self.name, *self.stems, *self.programs):
            if not text.strip() or len(text.encode()) > MOST_NAME or not text.isprintable():
                raise RtsepError(f"{text!r} is no name for a host: give 1 to {MOST_NAME} printable characters on one line")

    @property
    def slug(self) -> str:
        """The plug-in's short name, which its files and its identifier contain."""
        return slug_of(self.name)

    @property
    def uri(self) -> str:
        """The identifier by which hosts and their projects find the plug-in, the same in every version."""
        return f"urn:rtsep:{self.slug}"

    def value(self, name: str) -> Value:
        """The value that a parameter has when the plug-in starts."""
        first = next(iter(self.programs.values()))
        return self.params.get(name, preset_defaults(first).get(name, param_of(name).default))

    @property
    def knobs(self) -> list[HostKnob]:
        """What a host can change."""
        return host_knobs(self.stems, self.value, self.split, list(self.programs), not self._has_one_latency)

    @property
    def _has_one_latency(self) -> bool:
        return all(len({latency_of(presets, self.params, rate) for presets in self.programs.values()}) == 1
                   for rate in self.rates)


def write_data(form: PluginForm, folder: Path, told: Callable[[str], None]) -> None:
    """Write bundle.txt and all plans into `folder`; `told` is called with each step.

    Raises RtsepError if presets, parameters and sample rates do not fit together.
    """
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

    # The weights of templates are those with `adapt`, so that a host can turn `adapt` on later.
    plan = again({"adapt": True})
    return plan_bytes(plan, rate, plan_knobs(plan, again))


def replace_folder(made: Path, wanted: Path) -> None:
    """Move the finished folder or file `made` to `wanted`, and remove what was there. Raises OSError if that fails."""
    aside = wanted.with_name(f".{wanted.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    if wanted.exists():
        wanted.replace(aside)
    made.replace(wanted)
    shutil.rmtree(aside, ignore_errors=True)
    aside.unlink(missing_ok=True)
