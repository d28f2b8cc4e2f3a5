"""The rooms of the house: who may import whom, what importing drags in, and where compiled code is kept."""

import ast
import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import make_preset

import rtsep
from rtsep import cache
from rtsep.preset import save_preset

ROOT = Path(rtsep.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
LONGEST = 250

DEVICES = {"sounddevice", "_sounddevice", "rtmidi", "jack", "threading", "_thread", "multiprocessing", "concurrent"}
COMPILER = {"numba", "llvmlite", "rocket_fft"}

# Which rooms each room may import. Modules that are not named here are data rooms: they import data rooms only.
DATA = "data"
ALLOWED = {
    "errors": set(),
    "cache": set(),
    "messages": set(),
    "kernels": {"cache", "errors"},
    "params": {"errors"},
    "windows": {"errors"},
    "programs": set(),
    "notes": {"errors", "messages", "programs"},
    "routing": {"errors", "messages", "notes", "programs"},
    "headers": {"errors"},
    "results": {"errors"},
    "files": {"errors", "headers", "results"},
    "archive": {"files"},
    "optional": {"archive"},
    "preset": {"archive", "errors", "optional", "params", "programs"},
    "rows": {"kernels", DATA},
    "design": {"kernels", "rows", DATA},
    "prepared": {"design", "kernels", DATA},
    "streaming": {"prepared", "kernels", DATA},
    "engine": {"design", "prepared", "rows", "streaming", "kernels", DATA},
    "grains": {"design", "prepared", "streaming", "kernels", DATA},
    "training": {"kernels", DATA},
    "mosaic": {"training", "kernels", DATA},
    "adapted": {"engine", DATA},
    "report": {"__init__", "engine", "streaming", DATA},
    "picture": {"engine", DATA},
    "hosts": {"__init__", "hosts", "kernels", "design", "prepared", "streaming", "engine", "adapted", "grains", "cache",
              "report", "picture", DATA},
    "commands": {"__init__", "commands", "cache", "kernels", "engine", "training", "mosaic", "hosts", "report", "picture",
                 DATA},
    "cli": {"__init__", "commands", "errors"},
    "__main__": {"cli"},
    "__init__": {"engine", "training", DATA},
    DATA: {DATA},
}
EXCEPTIONS = {"hosts/bench_players.py": {"rtsep.kernels"}}  # measures compiled code that the engine does not run
NOT_DATA = {"kernels", "rows", "design", "prepared", "streaming", "engine", "adapted", "grains", "training", "mosaic", "hosts",
            "report", "picture", "cli", "commands", "cache", "__main__", "__init__"}


def room_of(path):
    """The room that a file belongs to: a folder, or a module at the top."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def room_name(module):
    """`rtsep.kernels.block` is in `kernels`; `rtsep` itself is `__init__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports_of(tree):
    """Full names of all modules that a file imports, wherever in it; `from rtsep import x` gives rtsep.x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            if node.module == "rtsep":
                for alias in node.names:
                    found = importlib.util.find_spec(f"rtsep.{alias.name}")
                    yield f"rtsep.{alias.name}" if found else "rtsep"
            else:
                yield node.module


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def breaches(room, imported):
    """What `room` must not import of the names `imported`."""
    allowed = ALLOWED.get(room, ALLOWED[DATA])
    for name in imported:
        top = name.split(".")[0]
        target = room_name(name)
        if top == "rtsep" and target != room and target not in allowed and (DATA not in allowed or target in NOT_DATA):
            yield name
        if top in DEVICES and room != "hosts":
            yield name
        if top in COMPILER and room not in ("kernels", "commands"):
            yield name
        if top == "soundfile" and room != "files":
            yield name
        if room == "kernels" and top not in {"numpy", "rtsep", *COMPILER, *sys.stdlib_module_names}:
            yield name


by_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


@by_module
def test_who_imports_whom(path):
    spared = EXCEPTIONS.get(path.relative_to(ROOT).as_posix(), set())
    assert set(breaches(room_of(path), imports_of(parsed(path)))) <= spared


@pytest.mark.parametrize("room, code", [
    ("kernels", "import rtsep.engine"), ("kernels", "from rtsep.params import PARAMS"), ("kernels", "import scipy.fft"),
    ("params", "from rtsep import preset"), ("notes", "import rtsep.files"), ("engine", "from rtsep import hosts"),
    ("engine", "import threading"), ("engine", "from numba import njit"), ("hosts", "import rtsep.training"),
    ("training", "import rtsep.engine"),
    ("results", "import rtsep.engine"), ("preset", "def f():\n    import soundfile"), ("cli", "import sounddevice"),
    ("new_room", "import rtsep.hosts.x"),
    ("routing", "from concurrent.futures import ThreadPoolExecutor"), ("windows", "from rtsep import __version__"),
    ("engine", "import rtsep.hosts.render"), ("engine", "import rtsep.report"), ("kernels", "import rtsep.design"),
])
def test_the_rule_notices(room, code):
    assert list(breaches(room, imports_of(ast.parse(code))))


@pytest.mark.parametrize("room, code", [
    ("hosts", "import threading, sounddevice, rtsep.engine, rtsep.params"), ("files", "import soundfile"),
    ("commands", "from rtsep import engine, notes, hosts, training"), ("new_room", "import rtsep.windows"),
])
def test_the_rule_allows(room, code):
    assert not list(breaches(room, imports_of(ast.parse(code))))


def test_kernels_that_are_not_always_there_come_through_load():
    """Imported directly, their compiled code would be kept beside the source, where an edit can leave it stale."""
    code = "import sys, rtsep.kernels; print(*[name for name in sys.modules if name.startswith('rtsep.kernels')])"
    always = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    for path in MODULES:
        if room_of(path) != "kernels":
            named = {name for name in imports_of(parsed(path)) if name.startswith("rtsep.kernels.")}
            modules = {".".join(name.split(".")[:3]) for name in named} - {"rtsep.kernels.load"}
            assert modules <= always, path


# --- style ------------------------------------------------------------------------------------------------------------


def public_things(tree):
    """Public functions, classes and methods; what is inside a function is its own affair."""
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
    assert not tree.body or ast.get_docstring(tree), "the module says what it is for"
    assert [node.name for node in public_things(tree) if not ast.get_docstring(node)] == []


@by_module
def test_modules_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@by_module
def test_own_classes_do_not_inherit_from_each_other(path):
    own = {node.name for other in MODULES for node in ast.walk(parsed(other)) if isinstance(node, ast.ClassDef)}
    own -= {"RtsepError"}  # being one of them is its purpose
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef):
            assert not own & {base.id for base in node.bases if isinstance(base, ast.Name)}, node.name


# --- what importing drags in ------------------------------------------------------------------------------------------


def run(code, environment=None, *arguments):
    """Output of a fresh Python."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


HEAVY = {"numba", "llvmlite", "rocket_fft", "matplotlib", "soundfile", "scipy", "sounddevice", "rtmidi"}


@pytest.mark.parametrize("module", ["rtsep", "rtsep.cli", "rtsep.params", "rtsep.notes"])
def test_importing_is_light(module):
    """`rtsep --help` must not wait for a compiler, nor fail without sound libraries."""
    loaded = run(f"import sys, {module}; print(*sorted(m.split('.')[0] for m in sys.modules))").split()
    assert not HEAVY & set(loaded)


def test_public_names_exist():
    for name in getattr(rtsep, "__all__", ()):
        assert getattr(rtsep, name, None) is not None, name


# --- where compiled code is kept --------------------------------------------------------------------------------------


@pytest.fixture
def no_home(tmp_path):
    """An environment whose home lies below a regular file (which stops even root), with an own temporary folder."""
    (tmp_path / "file").write_text("")
    (tmp_path / "temporary").mkdir()
    left_out = ("XDG_CACHE_HOME", "XDG_DATA_HOME", "NUMBA_CACHE_DIR", "LOCALAPPDATA", "TMP", "TEMP", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    home = str(tmp_path / "file" / "home")
    return environment | {"HOME": home, "USERPROFILE": home, "TMPDIR": str(tmp_path / "temporary"),
                          "PYTHONPATH": os.pathsep.join([str(ROOT.parent), str(Path(__file__).parent)])}


PLAYING = """
import json, sys
from pathlib import Path
import numba
from rtsep.cache import cache_folder, is_compiled
from rtsep.preset import load_preset
from conftest import ON, SMALL, midi, one_stem, prepared
import numpy as np
separator = prepared(load_preset(Path(sys.argv[1])), one_stem())
sound = np.random.default_rng(0).standard_normal((1, 2000)).astype(np.float32)
stems = separator.process(sound, midi((0, ON, 60, 90))).stems
folder, missed = cache_folder(), stems.sum(axis=0)[0, 256:] - sound[0, :-256]
print(json.dumps({"folder": str(folder), "compiled": is_compiled(folder), "numba": numba.config.CACHE_DIR,
                  "energy": float((stems[0] ** 2).sum()), "missed": float(abs(missed).max())}))
"""


@pytest.mark.skipif(os.name == "nt", reason="the home folder is found elsewhere")
def test_engine_runs_without_a_home(no_home, tmp_path):
    """Compiled code goes to the temporary folder instead. (Put there beforehand, or this would compile for long.)"""
    mine = cache.cache_folder()
    there = tmp_path / "temporary" / f"rtsep-{os.getuid()}"
    there.mkdir(mode=0o700)
    if mine is not None:
        shutil.copytree(mine, there / mine.name)
    save_preset(make_preset(), tmp_path / "small.npz")
    answer = json.loads(run(PLAYING, no_home, tmp_path / "small.npz"))
    assert Path(answer["folder"]).parent == there and answer["compiled"]
    assert answer["energy"] > 0 and answer["missed"] < 1e-5
    assert answer["numba"] == "", "the setting of other packages is back as it was"


@pytest.mark.skipif(os.name == "nt", reason="the home folder is found elsewhere")
def test_user_presets_without_a_home(no_home):
    assert run("from rtsep.library import user_presets; print(user_presets())", no_home).strip() == "[]"


def test_cache_folder_is_where_numba_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    folder = cache.cache_folder()
    assert folder is not None and folder.parent == tmp_path / "numba" and folder.is_dir()
    assert not cache.is_compiled(folder)
    if os.name != "nt":
        assert folder.stat().st_mode & 0o077 == 0, "it holds code that will be run: nobody else may write there"


def test_no_folder_at_all(tmp_path, monkeypatch):
    """Nothing can be written: no cache, but no error."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "numba"))
    assert cache.cache_folder() is None and not cache.is_compiled(None)


def test_no_temporary_folder_either(tmp_path, monkeypatch):
    def nowhere():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("rtsep.cache.tempfile.gettempdir", nowhere)
    monkeypatch.setattr("rtsep.cache.user_cache_path", lambda *_, **__: tmp_path / "file" / "cache")
    (tmp_path / "file").write_text("")
    assert cache.cache_folder() is None


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder away")
def test_folder_of_somebody_else_is_not_trusted(tmp_path, monkeypatch):
    """In a shared temporary folder anybody could have put code there."""
    given = tmp_path / "numba"
    given.mkdir()
    os.chown(given, 12345, -1)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(given))
    assert cache.cache_folder() is None


def test_other_kernels_get_another_folder(tmp_path, monkeypatch):
    """Compiled code of other sources is never run; and the compiler asks where and when a source was written."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    before = cache.cache_folder()
    shutil.copytree(ROOT / "kernels", tmp_path / "kernels")
    monkeypatch.setattr("rtsep.cache._KERNELS", tmp_path / "kernels")
    copied = cache.cache_folder()
    assert copied != before and cache.cache_folder() == copied
    with open(tmp_path / "kernels" / "gate.py", "a") as file:
        file.write("# changed\n")
    changed = cache.cache_folder()
    assert changed not in (copied, before)
    monkeypatch.setattr("rtsep.cache.version", lambda package: "0.0")
    assert cache.cache_folder() not in (changed, copied, before, None)
