"""The processor for which code is compiled: this computer's own, or a baseline that nearly all computers have."""

from __future__ import annotations

import os
import platform as os_platform
import re
import sys
from functools import cache

import llvmlite.binding as llvm

from rtsep.errors import RtsepError

Processor = tuple[str, ...]  # Name and features in LLVM's notation; for another system also its triple.

# Features that x86-64-v3 (most PCs since 2015) has and that a plain x86-64 can lack, by LLVM's names.
V3 = ("avx", "avx2", "bmi", "bmi2", "crc32", "cx16", "f16c", "fma", "lzcnt", "movbe", "popcnt", "sahf", "sse3", "sse4.1",
      "sse4.2", "ssse3", "xsave")
# By the architecture at the beginning of a triple; every 64-bit ARM processor supports `generic`.
BASELINES: dict[str, Processor] = {
    "x86_64": ("x86-64-v3", ",".join(f"+{feature}" for feature in V3)), "aarch64": ("generic", ""), "arm64": ("generic", "")}
# Systems for which portable code can be compiled on any computer: name -> LLVM's triple.
SYSTEMS = {"linux-x86_64": "x86_64-unknown-linux-gnu", "linux-aarch64": "aarch64-unknown-linux-gnu",
           "windows-x86_64": "x86_64-pc-windows-gnu", "macos-x86_64": "x86_64-apple-macosx11.0.0",
           "macos-aarch64": "aarch64-apple-macosx11.0.0"}
NAME, FEATURES = "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"  # Environment variables of Numba, with the same meaning here.
TRIPLE = "RTSEP_TRIPLE"  # Environment variable with the triple of another system for which to compile.


@cache
def processor() -> Processor:
    """The processor for which this process compiles: this computer's, unless the environment names another one."""
    name = os.environ.get(NAME) or llvm.get_host_cpu_name()
    features = os.environ.get(FEATURES, "" if name == "generic" else None)
    return name, llvm.get_host_cpu_features().flatten() if features is None else features


def baseline(system: str = "") -> Processor:
    """The processor for which portable code is compiled; `system`: another one of the SYSTEMS. RtsepError: none is known."""
    if system:
        return (*BASELINES[SYSTEMS[system].partition("-")[0]], SYSTEMS[system])
    architecture = platform().partition("-")[0]
    if architecture not in BASELINES:
        raise RtsepError(f"portable code is not made for {architecture} (known: {', '.join(BASELINES)})")
    return BASELINES[architecture]


def own_system() -> str:
    """The name of this system in SYSTEMS; "" if it is none of them."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(os_platform.machine().lower(), os_platform.machine().lower())
    system = {"linux": "linux", "darwin": "macos", "win32": "windows"}.get(sys.platform, "")
    return f"{system}-{machine}" if f"{system}-{machine}" in SYSTEMS else ""


def triple() -> str:
    """LLVM's triple for which a builder compiles: its own, unless the environment names another one."""
    return os.environ.get(TRIPLE) or llvm.get_process_triple()


def platform() -> str:
    """LLVM's triple of this process, without the version of the system at its end (macOS)."""
    return re.sub(r"[\d.]+$", "", llvm.get_process_triple())


def lacking(features: str) -> list[str]:
    """The features that this computer's processor, or its system, does not have."""
    here = llvm.get_host_cpu_features()
    return [feature[1:] for feature in filter(None, features.split(",")) if not here.get(feature[1:])]
