"""Builds a wheel for this platform that contains all compiled code, so that rtsep starts without compiling.

    python tools/build_wheel.py --out dist

It also contains the binaries of `rtsep plugin`, so that making a plug-in needs no C compiler. With ziglang (pip install
'rtsep[plugin]') they are linked for older systems, too; without it the wheel is for systems like this one. The code is for the
baseline processor (`rtsep/compiling/target.py`). It goes into a copy of the sources; the checkout does not change. pip builds
the wheel, and prints what it does.
"""

import argparse
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

import rtsep
from rtsep.commands.common import CompilingShown
from rtsep.compiling import prebuilt, target
from rtsep.compiling.portable import portable_objects
from rtsep.compiling.progress import listening
from rtsep.compiling.units import OBJECTS
from rtsep.plugin.link import write_binaries

ROOT = Path(rtsep.__file__).parents[1]  # The compiled sources are also those that go into the wheel.
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "rtsep", "presets")
# The oldest glibc with all functions that the code calls (HARMLESS in tests/test_compiled_code.py): `clock_gettime` came into
# libc itself with 2.17, and all others are older. Object files name functions without versions, so every later glibc works.
GLIBC = "2_17"  # As in rtsep/plugin/link.py.


def platform_tag() -> str:
    """The platform in the wheel's name; without ziglang, its plug-ins work only on computers like this one."""
    if target.platform().endswith("linux-gnu") and find_spec("ziglang") is not None:
        return f"manylinux_{GLIBC}_{platform.machine()}"
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def copy_sources(folder: Path) -> None:
    """Copy the contents of the wheel, except compiled code, into the new `folder`."""
    folder.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", prebuilt.FOLDER.name))
        else:
            shutil.copyfile(ROOT / name, folder / name)


def build(out: Path) -> Path:
    """Build the wheel into the folder `out`."""
    with listening(CompilingShown()):
        objects = portable_objects(*OBJECTS)
    with tempfile.TemporaryDirectory(prefix="rtsep-wheel-") as aside:
        sources, built = Path(aside) / "sources", Path(aside) / "wheel"
        copy_sources(sources)
        prebuilt.write(sources / "rtsep" / prebuilt.FOLDER.name, objects, target.baseline())
        write_binaries(sources / "rtsep" / prebuilt.FOLDER.name, objects)
        subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", built,
                        f"--config-settings=--build-option=--plat-name={platform_tag()}", sources], check=True)
        wheel, = built.glob("*.whl")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(wheel, out / wheel.name))


def main() -> None:
    """Build the wheel, and print where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="FOLDER", help="folder for the wheel (dist)")
    wheel = build(parser.parse_args().out)
    print(f"{wheel} ({wheel.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
