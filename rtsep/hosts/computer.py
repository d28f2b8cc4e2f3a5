"""What `rtsep bench` reports about this computer: its kind, and memory and start-up time of rtsep on it."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_ROOT = Path(__file__).parents[2]
_THREAD_COUNTERS = ("scipy_openblas_get_num_threads64_", "openblas_get_num_threads64_", "openblas_get_num_threads")
_STARTS = 2  # A program is started this many times, and the shortest time counts.


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def numpy_threads() -> int | None:
    """Threads of NumPy's matrix products, from its bundled OpenBLAS; None if it uses another library."""
    folder = Path(np.__file__).parents[1] / "numpy.libs"
    for path in [*folder.glob("*openblas*"), *(Path(np.__file__).parent / ".dylibs").glob("*openblas*")]:
        library = ctypes.CDLL(str(path))  # It is loaded already.
        for name in _THREAD_COUNTERS:
            if hasattr(library, name):
                return int(getattr(library, name)())
    return None


def describe() -> dict[str, Any]:
    """The computer, and the versions of Python and packages."""
    packages = {name.replace("-", "_"): version(name) for name in ("numpy", "numba", "llvmlite")}
    return {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform(),
            "python": platform.python_version(), **packages, "numpy_threads": numpy_threads()}


def resident_bytes() -> int | None:
    """Memory of this process in bytes, or its maximum so far if only this is known; None: unknown."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        pass
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if sys.platform == "darwin" else most * 1024)


def knows_work() -> bool:
    """Whether the system's clock for the work of a thread is fine enough for single blocks (on Windows it is not)."""
    return time.get_clock_info("thread_time").resolution < 1e-6


def start() -> None:
    """Import and prepare the usual separator in a fresh Python, and print its memory in bytes as JSON."""
    from rtsep.hosts.bench_players import Size, load_piano, prepared_separator

    separator = prepared_separator(load_piano(), Size(), Size().hop_samples)
    plan, state = separator.prepared.plan.values, separator.prepared.state
    arrays = {"plan_bytes": plan, "state_bytes": state}
    total = {name: sum(v.nbytes for v in values.values() if isinstance(v, np.ndarray)) for name, values in arrays.items()}
    print(json.dumps({"process_bytes": resident_bytes(), **total}))


def _run(*arguments: str) -> tuple[float, str]:
    """Seconds that a fresh Python takes, and its output. The shortest of several runs counts: the others only waited longer."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    seconds, answer = [], ""
    for _ in range(_STARTS):
        begin = time.perf_counter()
        answer = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True,
                                env=environment).stdout
        seconds.append(time.perf_counter() - begin)
    return min(seconds), answer


def measure_start() -> tuple[dict[str, float], dict[str, int | None]]:
    """Start-up times in seconds, and the memory of the second process in bytes.

    help_s: rtsep --help. ready_s: Python, imports, preset and `prepare`, with code that is compiled already.
    """
    help_s, _ = _run("-m", "rtsep", "--help")
    ready_s, answer = _run("-c", "from rtsep.hosts.computer import start; start()")
    return {"help_s": round(help_s, 3), "ready_s": round(ready_s, 3)}, json.loads(answer)
