"""The packages ("rooms") of rtsep: which room may import which, and what an import loads."""

import ast
import functools
import importlib.util
import json
import os
import re
import shutil
import sys
from pathlib import Path

import fresh_python
import pytest
from conftest import make_preset

import rtsep
from rtsep.compiling import machine, store
from rtsep.presets.preset import save_preset

ROOT = Path(rtsep.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
LONGEST = 250

# Only these rooms or modules may import these packages, anywhere in a file.
HOSTS_ONLY, THREADS = ("hosts",), ("hosts", "remote", "compiling/machine.py", "batch/on_joblib.py")
COMPILED = ("kernels", "methods", "stages", "callbacks", "grains/kernels.py", "grains/block.py")
ONLY_IN = {
    "sounddevice": HOSTS_ONLY, "_sounddevice": HOSTS_ONLY, "rtmidi": HOSTS_ONLY, "jack": HOSTS_ONLY,
    "threading": THREADS, "_thread": THREADS, "multiprocessing": THREADS, "concurrent": THREADS,
    "soundfile": ("files",), **dict.fromkeys(("aiohttp", "segno", "pythonosc", "zeroconf"), ("remote",)),
    "numba": (*COMPILED, "compiling/collect.py"),
    "llvmlite": ("kernels", *(f"compiling/{name}.py" for name in ("collect", "loader", "machine", "store", "target"))),
}

# Which other rooms (folders or modules at the top level) each room may import.
ALLOWED = {
    "errors": set(),
    "compiling": {"errors"},
    "compiling/build.py": {"kernels"},
    "kernels": {"compiling", "errors"},
    "methods": {"kernels"},
    "params": {"errors", "methods"},
    "windows": {"errors"},
    "measure": {"windows"},
    "notes": {"errors"},
    "files": {"errors"},
    "presets": {"__init__", "errors", "files", "notes", "params"},
    "fit": {"files", "notes", "presets", "windows"},
    "listening": {"fit", "notes", "presets", "windows"},
    "stages": {"errors", "kernels", "methods", "notes", "params", "presets", "windows"},
    "callbacks": {"kernels", "stages"},
    "engine": {"compiling", "errors", "kernels", "notes", "params", "presets", "stages", "windows"},
    "reference": {"engine", "errors", "kernels", "methods", "notes", "params", "presets", "stages", "windows"},
    "grains": {"compiling", "engine", "errors", "files", "kernels", "notes", "params", "stages", "windows"},
    "training": {"errors", "files", "fit", "kernels", "notes", "params", "presets", "windows"},
    "mosaic": {"errors", "files", "kernels", "training", "windows"},
    "plugin": {"compiling", "engine", "errors", "files", "kernels", "methods", "notes", "params", "presets", "stages"},
    "batch": {"__init__", "compiling", "errors", "files", "hosts", "notes", "params", "presets", "training"},
    "hosts": {"__init__", "callbacks", "compiling", "engine", "errors", "files", "fit", "grains", "kernels", "listening",
              "measure", "notes", "params", "presets", "reference", "stages", "windows"},
    "remote": {"engine", "errors", "files", "hosts", "params", "presets"},
    "commands": {"__init__", "batch", "compiling", "engine", "errors", "files", "fit", "grains", "hosts", "listening",
                 "measure", "mosaic", "notes", "params", "plugin", "presets", "remote", "training", "windows"},
    "cli": {"__init__", "commands", "compiling", "errors"},
    "__main__": {"cli"},
    "__init__": set(),
}


def place_of(path):
    """The path of a file in the package: "engine.py", "kernels/block.py"."""
    return path.relative_to(ROOT).as_posix()


def room_of(place):
    """The room of a file: a folder, or a module at the top level."""
    return place.partition("/")[0].removesuffix(".py")


def room_name(module):
    """`rtsep.kernels.block` is in `kernels`; `rtsep` itself is `__init__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(tree):
    """The full names of all modules that a file imports, anywhere in it; `from rtsep import x` gives rtsep.x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which room is imported"
            if node.module == "rtsep":
                for alias in node.names:
                    found = importlib.util.find_spec(f"rtsep.{alias.name}")
                    yield f"rtsep.{alias.name}" if found else "rtsep"
            else:
                yield node.module


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def breaches(place, imported):
    """The names of `imported` that the file at this place must not import."""
    room = room_of(place)
    for name in imported:
        top, target = name.split(".")[0], room_name(name)
        if top == "rtsep" and target != room and target not in ALLOWED.get(place, ALLOWED.get(room, set())):
            yield name
        if top in ONLY_IN and not {room, place} & {*ONLY_IN[top]}:
            yield name
        if room in COMPILED and top not in {"numpy", "rtsep", "numba", "llvmlite", *sys.stdlib_module_names}:
            yield name


run = functools.partial(fresh_python.run, options=("-W", "error"), timeout=None)
by_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


@by_module
def test_rooms_import_only_allowed_rooms(path):
    assert not list(breaches(place_of(path), imports_of(parsed(path))))


@pytest.mark.parametrize("place, code", [
    ("compiling/build.py", "from rtsep.stages import entries"), ("compiling/store.py", "import numba"),
    ("compiling/units.py", "import llvmlite.binding"), ("commands", "import numba"), ("compiling/store.py", "import threading"),
    ("kernels", "import rtsep.engine.separator"), ("kernels", "from rtsep.params import PARAMS"),
    ("kernels", "import scipy.fft"), ("stages", "import rtsep.engine.design"), ("methods", "import rtsep.stages.frame"),
    ("engine", "import rtsep.callbacks.live"),
    ("params", "from rtsep.presets import preset"), ("notes", "import rtsep.files.sound"),
    ("engine", "from rtsep import hosts"),
    ("engine", "import threading"), ("engine", "from numba import njit"), ("hosts", "import rtsep.training.learn"),
    ("training", "import rtsep.engine.separator"), ("files/results.py", "import rtsep.engine.separator"),
    ("presets/preset.py", "def f():\n    import soundfile"), ("cli", "import sounddevice"),
    ("notes/routing.py", "from concurrent.futures import ThreadPoolExecutor"), ("windows", "from rtsep import __version__"),
    ("hosts", "import rtsep.remote.server"), ("hosts", "import aiohttp"),
    ("engine", "import rtsep.hosts.render"), ("engine", "import rtsep.hosts.report"), ("kernels", "import rtsep.engine.design"),
])
def test_the_rule_notices(place, code):
    assert list(breaches(place, imports_of(ast.parse(code))))


@pytest.mark.parametrize("place, code", [
    ("compiling/collect.py", "import numba, llvmlite.binding, rtsep.errors"), ("engine", "from rtsep.compiling import machine"),
    ("hosts", "import threading, sounddevice, rtsep.engine.separator, rtsep.params"), ("files/encode.py", "import soundfile"),
    ("commands", "from rtsep import engine, notes, hosts, training"), ("engine", "import rtsep.windows"),
])
def test_the_rule_allows(place, code):
    assert not list(breaches(place, imports_of(ast.parse(code))))


def test_only_rooms_that_compile_load_numba():
    """All other rooms import only declarations and constants of compiled rooms. Otherwise each start would wait for Numba, and
    code would be kept where it is not updated after an edit."""
    named = {name for path in MODULES if not {room_of(place_of(path)), place_of(path)} & {*COMPILED, "compiling/build.py"}
             for name in imports_of(parsed(path)) if name.split(".")[1:2] and name.split(".")[1] in COMPILED}
    assert {"rtsep.kernels.memory", "rtsep.stages.records", "rtsep.callbacks.shared"} <= named
    code = f"import sys, {', '.join(sorted(named))}; print(*sys.modules)"
    assert not {"numba"} & set(run(code).split())


# --- style ------------------------------------------------------------------------------------------------------------


def public_things(tree):
    """Public functions, classes and methods, without those inside functions."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
                        yield part


@by_module
def test_everything_public_is_explained(path):
    tree = parsed(path)
    assert not tree.body or ast.get_docstring(tree), "the module has a docstring"
    assert [node.name for node in public_things(tree) if not ast.get_docstring(node)] == []


def test_every_room_is_installed():
    text = (ROOT.parent / "pyproject.toml").read_text(encoding="utf-8")
    listed = set(re.findall(r'"(rtsep[.\w]*)"', next(line for line in text.splitlines() if line.startswith("packages = ["))))
    found = {".".join(path.parent.relative_to(ROOT.parent).parts) for path in ROOT.rglob("__init__.py")}
    assert found <= listed


def what_it_says_that_it_may_import(room):
    """The rooms that a room's docstring names after `May import:`."""
    text = " ".join((ast.get_docstring(parsed(ROOT / room / "__init__.py")) or "").split())
    assert "Enters:" in text and "Leaves:" in text, room
    sentence = text.partition("May import: ")[2].partition(". ")[0]
    return {word for word in re.findall(r"\w+", sentence) if word in ALLOWED}


@pytest.mark.parametrize("room", sorted(path.parent.name for path in ROOT.glob("*/__init__.py")))
def test_every_room_says_what_enters_what_leaves_and_what_it_may_import(room):
    if room != "commands":  # this room may import all rooms
        assert what_it_says_that_it_may_import(room) == ALLOWED[room] - {"__init__"}


@by_module
def test_modules_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@functools.cache
def own_classes():
    """The names of all classes, except the one that others must inherit from."""
    return {node.name for path in MODULES for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)} - {"RtsepError"}


@by_module
def test_own_classes_do_not_inherit_from_each_other(path):
    own = own_classes()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef):
            assert not own & {base.id for base in node.bases if isinstance(base, ast.Name)}, node.name


# --- what importing drags in ------------------------------------------------------------------------------------------


HEAVY = {"numba", "llvmlite", "matplotlib", "soundfile", "scipy", "sounddevice", "rtmidi"}


@pytest.mark.parametrize("module", ["rtsep", "rtsep.cli", "rtsep.params", "rtsep.notes.score"])
def test_importing_is_light(module):
    """`rtsep --help` must not load a compiler, and must work without sound libraries."""
    loaded = run(f"import sys, {module}; print(*sorted(m.split('.')[0] for m in sys.modules))").split()
    assert not HEAVY & set(loaded)


def test_public_names_exist():
    for name in getattr(rtsep, "__all__", ()):
        assert getattr(rtsep, name, None) is not None, name


# --- where compiled code is kept --------------------------------------------------------------------------------------


@pytest.fixture
def no_home(tmp_path):
    """An environment with its own temporary folder. Its home lies below a regular file, where not even root can write."""
    (tmp_path / "file").write_text("")
    (tmp_path / "temporary").mkdir()
    left_out = ("XDG_CACHE_HOME", "XDG_DATA_HOME", "RTSEP_CACHE_DIR", "LOCALAPPDATA", "TMP", "TEMP", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    home = str(tmp_path / "file" / "home")
    return environment | {"HOME": home, "USERPROFILE": home, "TMPDIR": str(tmp_path / "temporary"),
                          "PYTHONPATH": os.pathsep.join([str(ROOT.parent), str(Path(__file__).parent)])}


PLAYING = """
import json, sys
from pathlib import Path
from rtsep.compiling import machine, store
from rtsep.presets.preset import load_preset
from conftest import ON, SMALL, midi, one_stem, prepared
import numpy as np
missing = machine.missing("engine")
separator = prepared(load_preset(Path(sys.argv[1])), one_stem())
sound = np.random.default_rng(0).standard_normal((1, 2000)).astype(np.float32)
stems = separator.process(sound, midi((0, ON, 60, 90))).stems
missed = stems.sum(axis=0)[0, 256:] - sound[0, :-256]
print(json.dumps({"folder": str(store.code_folder()), "temporary": store.is_temporary(store.code_folder()), "missing": missing,
                  "numba": "numba" in sys.modules, "energy": float((stems[0] ** 2).sum()), "missed": float(abs(missed).max())}))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows finds the home folder in another way")
def test_engine_runs_without_a_home(no_home, tmp_path):
    """Compiled code goes to the temporary folder instead, and where it is there, Numba is not. (Put there beforehand, or this
    would compile for long.)"""
    machine.compile_objects("engine")
    mine, there = store.code_folder(), tmp_path / "temporary" / f"rtsep-{os.getuid()}"
    there.mkdir(mode=0o700)
    if mine is not None:
        shutil.copytree(mine, there / mine.name, ignore=shutil.ignore_patterns("numba"))
    save_preset(make_preset(), tmp_path / "small.npz")
    answer = json.loads(run(PLAYING, no_home, tmp_path / "small.npz"))
    assert Path(answer["folder"]).parent == there and answer["temporary"] and not answer["missing"]
    assert answer["energy"] > 0 and answer["missed"] < 1e-5
    assert not answer["numba"]


@pytest.mark.skipif(os.name == "nt", reason="Windows finds the home folder in another way")
def test_user_presets_without_a_home(no_home):
    assert run("from rtsep.presets.library import user_presets; print(user_presets())", no_home).strip() == "[]"
