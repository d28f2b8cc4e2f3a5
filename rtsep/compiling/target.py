"""The processor that code is compiled for: this computer's own, or a baseline that nearly all computers have."""

from __future__ import annotations

import os
import platform as os_platform
import re
import sys
from functools import cache

import llvmlite.binding as llvm

from rtsep.errors import RtsepError

Processor = tuple[str, ...]  # Name and features, as LLVM writes them; for another system also its triple.

# What x86-64-v3 (most PCs since 2015) has and a plain x86-64 may lack, by LLVM's names.
V3 = ("avx", "avx2", "bmi", "bmi2", "crc32", "cx16", "f16c", "fma", "lzcnt", "movbe", "popcnt", "sahf", "sse3", "sse4.1",
      "sse4.2", "ssse3", "xsave")
BASELINES: dict[str, Processor] = {  # By the architecture that a triple begins with; `generic` is what every 64-bit ARM has.
    "x86_64": ("x86-64-v3", ",".join(f"+{feature}" for feature in V3)), "aarch64": ("generic", ""), "arm64": ("generic", "")}
# Systems that portable code can be compiled for anywhere: LLVM's triples.
SYSTEMS = {"linux-x86_64": "x86_64-unknown-linux-gnu", "linux-aarch64": "aarch64-unknown-linux-gnu",
           "windows-x86_64": "x86_64-pc-windows-gnu", "macos-x86_64": "x86_64-apple-macosx11.0.0",
           "macos-aarch64": "aarch64-apple-macosx11.0.0"}
NAME, FEATURES = "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"  # Environment variables of Numba's, which mean the same here.
TRIPLE = "RTSEP_TRIPLE"  # The environment variable with the triple of another system to compile for.


@cache
def processor() -> Processor:
    """The processor that this process compiles for: this computer's, unless the environment names another one."""
    name = os.environ.get(NAME) or llvm.get_host_cpu_name()
    features = os.environ.get(FEATURES, "" if name == "generic" else None)
    return name, llvm.get_host_cpu_features().flatten() if features is None else features


def baseline(system: str = "") -> Processor:
    """The processor that portable code is compiled for, of another one of the SYSTEMS too. RtsepError: none is known."""
    if system:
        return (*BASELINES[SYSTEMS[system].partition("-")[0]], SYSTEMS[system])
    architecture = platform().partition("-")[0]
    if architecture not in BASELINES:
        raise RtsepError(f"portable code is not made for {architecture} (known: {', '.join(BASELINES)})")
    return BASELINES[architecture]


def own_system() -> str:
    """Which of the SYSTEMS this is; "": none of them."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(os_platform.machine().lower(), os_platform.machine().lower())
    system = {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(sys.platform, "")
    return f"{system}-{machine}" if f"{system}-{machine}" in SYSTEMS else ""


def triple() -> str:
    """LLVM's triple that a builder compiles for: its own, unless the environment names another one."""
    return os.environ.get(TRIPLE) or llvm.get_process_triple()


def platform() -> str:
    """LLVM's triple of this process, without the system's version that macOS has at its end."""
    return re.sub(r"[\d.]+$", "", llvm.get_process_triple())


def lacking(features: str) -> list[str]:
    """Which of these features this computer's processor, or its system, does not have."""
    here = llvm.get_host_cpu_features()
    return [feature[1:] for feature in filter(None, features.split(",")) if not here.get(feature[1:])]
