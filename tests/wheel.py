"""The wheel that carries compiled code, in an empty environment with an empty cache: `python -m pytest tests/wheel.py`.

It builds the wheel, installs it with all that it needs from the package index, and takes about a minute.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import golden
import numpy as np
import pytest
from test_demo import check_demo
from test_golden import TOLERANCE

from rtsep.compiling import prebuilt

TOOL = Path(__file__).parents[1] / "tools" / "build_wheel.py"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Call it with a program of the environment that the wheel was installed into, and its arguments; the answer is what it
    printed, and complained of."""
    base = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, TOOL, "--out", base], check=True)
    wheel, = base.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", base / "environment"], check=True)
    programs = base / "environment" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", wheel], check=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NUMBA", "RTSEP"))}

    def run(program, *arguments, path=os.environ["PATH"]):
        done = subprocess.run([programs / program, *arguments], cwd=base, capture_output=True, text=True, check=True,
                              env={**own, "RTSEP_CACHE_DIR": str(base / "cache"), "PATH": path})
        return done.stdout, done.stderr

    yield base, run
    assert not list(base.glob("cache/*")), "nothing was compiled, and no folder was made for it"


def test_the_demo_starts_without_compiling_and_is_as_good_as_here(installed):
    base, run = installed
    _, complaints = run("rtsep", "demo", "--out", "demo")
    assert complaints == ""
    check_demo(base / "demo")


def test_compile_says_that_all_came(installed):
    base, run = installed
    told, complaints = run("rtsep", "compile")
    assert told.startswith(f"All code is compiled: it came with rtsep ({base}") and complaints == ""


def test_a_plugin_is_made_without_a_compiler(installed):
    """And a host without Python plays it."""
    base, run = installed
    _, told = run("rtsep", "plugin", "-o", "plugins", "--rates", "44100", path="")
    assert "compiling" not in told and "Traceback" not in told
    assert {path.name for path in (base / "plugins").iterdir()} == {f"piano-split.{kind}" for kind in ("lv2", "clap", "rtsep")}
    assert hasattr(ctypes.CDLL(str(base / "plugins" / "piano-split.clap")), "clap_entry")
    assert hasattr(ctypes.CDLL(str(base / "plugins" / "piano-split.lv2" / "rtsep.so")), "lv2_lib_descriptor")


def test_its_output_is_that_of_code_compiled_here(installed):
    base, run = installed
    run("python", golden.__file__, base / "golden.npz")
    with np.load(base / "golden.npz") as found, np.load(golden.KEPT_IN) as expected:
        for name in expected:
            assert np.abs(golden.kept(found[name]) - expected[name]).max() < TOLERANCE.get(name, 1e-6), name


def test_the_checkout_stays_as_it_was(installed):
    assert not prebuilt.FOLDER.exists()
