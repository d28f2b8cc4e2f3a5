"""What compiling and starting take, in processor seconds and on the clock: each in a process of its own, with an empty cache.

    python tools/compare_start.py [OTHER_PYTHON]

OTHER_PYTHON: an environment with rtsep 0.1, which compiled its engine, its callbacks and its mosaics when they were imported.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

OLD = {
    "engine": "import rtsep.engine",
    "and live": "import rtsep.engine; from rtsep.kernels import load; load('callbacks')",
    "and JACK": "import ctypes.util, rtsep.engine; from rtsep.kernels import load; load('callbacks'); "
                "load('atomic').load_library(ctypes.util.find_library('jack')); load('jack')",
    "and mosaics": "import rtsep.engine; from rtsep.kernels import load; load('mosaic')",
}
NEW = {
    "engine": "from rtsep.compiling import machine; machine.compile_objects('engine')",
    "and live": "from rtsep.compiling import machine; machine.compile_objects('live')",
    "and JACK": "from rtsep.compiling import machine; machine.compile_objects('jack')",
    "and mosaics": "from rtsep.compiling import machine; machine.compile_objects('mosaic')",
}
PLAIN = {"engine, Numba's own way": "from rtsep.compiling.build import build; "
         "[build(name, lambda step: None, once=False) for name in ('fft', 'notes', 'estimate', 'engine')]"}


def run(python: str, code: str, cache: str) -> tuple[float, float]:
    """Processor seconds of a program and of its own programs, and seconds on the clock."""
    environment = {**os.environ, "XDG_CACHE_HOME": cache, "RTSEP_CACHE_DIR": cache}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([python, "-c", code], env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.perf_counter() - began


def main() -> None:
    print("| version | what is compiled | processor s | clock s |\n| --- | --- | ---: | ---: |")
    pythons = [("before", sys.argv[1], OLD)] if len(sys.argv) > 1 else []
    for version, python, codes in [*pythons, ("after", sys.executable, {**NEW, **PLAIN})]:
        with tempfile.TemporaryDirectory() as cache:
            for what, code in codes.items():
                worked, passed = run(python, code, cache)
                print(f"| {version} | {what} | {worked:.1f} | {passed:.1f} |", flush=True)


if __name__ == "__main__":
    main()
