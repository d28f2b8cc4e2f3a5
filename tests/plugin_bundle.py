"""Small plug-ins for the tests: a folder of data, the binary beside it, and the host that plays them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, make_preset, play, prepared
from plugin_core import build

from rtsep.notes.routing import by_split
from rtsep.plugin.bundle import PluginForm, write_data
from rtsep.plugin.link import FORMATS, NATIVE, SHARED
from rtsep.plugin.plan_file import hash_of

SANITIZED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
NAME, RATES = "Small split", (44100, 48000)


def write_bundle(
    folder: Path, programs: Sequence[Mapping[str, Any]] = (SMALL,), rates: Sequence[int] = RATES, channels: int = 2
) -> None:
    """What `rtsep plugin` would put beside the binary; programs: the default parameters of each one's preset."""
    presets = {f"P{number}": (replace(make_preset(), defaults=params),) * 2 for number, params in enumerate(programs)}
    write_data(PluginForm(NAME, by_split(None, 60), presets, {}, tuple(rates), channels, split=60), folder, lambda step: None)


def _compile(*words: object) -> None:
    done = subprocess.run(["cc", *map(str, words)], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    assert "warning" not in done.stderr, done.stderr


def build_plugin(target: Path, *options: str) -> None:
    """The CLAP: the core with its C sources. Skips without a C compiler."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    target.parent.mkdir(parents=True, exist_ok=True)
    build(target, "-O2", "-fvisibility=hidden", *options, sources=(*SHARED, *FORMATS["clap"][0]))


def build_host(target: Path, *options: str) -> None:
    """Compile the host of these tests. Skips without a C compiler or its library's own names."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    _compile("-std=gnu11", "-Wall", "-Wextra", "-O1", *options, f"-I{NATIVE}", Path(__file__).with_name("clap_host.c"),
             "-rdynamic", "-ldl", "-lpthread", "-o", target)


def event_lines(events: np.ndarray, notes: bool = False) -> list[tuple]:
    """EVENT array -> the host's events; notes: keys as CLAP's own note events."""
    lines = []
    for event in events:
        sample, status, data1, data2 = (int(event[name]) for name in ("sample", "status", "data1", "data2"))
        kind, channel = status & 0xF0, status & 0x0F
        if notes and kind in (0x80, 0x90):
            lines.append((sample, "on" if kind == 0x90 and data2 else "off", channel, data1, repr(data2 / 127)))
        else:
            lines.append((sample, "midi", status, data1, data2))
    return lines


def turn_line(sample: int, symbol: str, value: float) -> tuple:
    """A change of the knob `symbol`."""
    return (sample, "param", hash_of(symbol), repr(value), 0)


def separator(params: Mapping = SMALL, channels: int = 2, rate: float = 44100):
    """The separator that the plug-in is made of."""
    return prepared(make_preset(), by_split(None, 60), params, channels, rate)


def expected(sound: np.ndarray, events: np.ndarray | None = None, params: Mapping = SMALL, rate: float = 44100) -> np.ndarray:
    """The separator's outputs as a plug-in's: [port, channel, sample], the mix first."""
    stems, mix = play(separator(params, len(sound), rate), sound, events)
    return np.concatenate([mix[None], stems])


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether they are equal bit for bit."""
    return one.tobytes() == other.tobytes()


class Host:
    """Runs the host with a plug-in and files in `folder`."""

    def __init__(self, program: Path, plugin: Path, folder: Path, environment: Mapping[str, str] | None = None):
        self.program, self.plugin, self.folder, self.environment = program, plugin, folder, environment

    def play(self, sounds: Sequence[np.ndarray], events: Sequence[tuple] = (), **options: object):
        """For each sound what the host says of its instance, and its outputs [port, channel, sample], the mix first."""
        texts = [f"{name}={value}" for name, value in options.items()]
        for number, sound in enumerate(sounds):
            (self.folder / f"in{number}").write_bytes(np.ascontiguousarray(sound, np.float32).tobytes())
            texts.append(f"in={self.folder / f'in{number}'}")
        lines = sorted(events, key=lambda line: line[0])
        (self.folder / "events").write_text("".join(" ".join(map(str, line)) + "\n" for line in lines))
        texts += [f"events={self.folder / 'events'}", f"out={self.folder / 'out'}", f"channels={len(sounds[0])}"]
        done = subprocess.run([self.program, self.plugin, *texts], capture_output=True, text=True, timeout=120,
                              env=self.environment)
        assert done.returncode == 0, done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        outputs = [np.fromfile(self.folder / f"out.{number}", np.float32).reshape(-1, *sound.shape)
                   for number, sound in enumerate(sounds)]
        return told, outputs

    def play_one(self, sound: np.ndarray, events: Sequence[tuple] = (), **options: object):
        """The same for one instance."""
        told, outputs = self.play([sound], events, **options)
        return told[0], outputs[0]
