"""The command of the laboratory: its studies, what it says of missing parts, settings, and the workers it starts."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

from rtsep.errors import RtsepError

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from laboratory import command, grid, pieces, systems  # noqa: E402
from laboratory.study import STUDIES, Given, MissingError  # noqa: E402

NOWHERE = ROOT / "tests" / "nothing is here"
WORKERS = sorted(path for path in (ROOT / "tools" / "laboratory" / "workers").glob("*.py") if path.stem != "__init__")


@pytest.fixture(scope="module")
def clip():
    """Three seconds of the bundled clip."""
    return pieces.excerpt(pieces.load_piece(pieces.DEMO, "demo"), 3.0)


def test_every_study_explains_itself_and_is_named_in_the_docs(capsys):
    assert command.main([]) == 0
    listed = capsys.readouterr().out
    pages = (*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "presets" / "README.md")
    docs = "".join(path.read_text(encoding="utf-8") for path in pages)
    for name, study in STUDIES.items():
        assert study.about.endswith(".") and study.about in listed
        assert f"python tools/lab.py {name}" in docs, name
        assert (ROOT / study.page).is_file()


def test_what_is_missing_is_said_once_and_the_rest_is_measured(clip, capsys):
    given = Given()

    def alter(piece):
        raise MissingError("a part is missing; install it")

    rows = grid.measure(given, [clip], {"nothing": "mix"}, {"as it is": lambda piece: piece, "altered": alter})
    assert [row["condition"] for row in rows] == ["as it is"] * 2 and given.missing == ["a part is missing; install it"]
    assert command.main(["background", "mix", "--shared", str(NOWHERE)]) == 2
    assert capsys.readouterr().err.count("two_hands is missing") == 1


def test_settings_name_ways_presets_and_late_midi(clip):
    with pytest.raises(RtsepError, match="late_ms"):
        systems.separate(clip, "late_ms")
    late, told = (systems.separate(clip, f"{systems.LIVE},preset=gm-piano,late_ms={ms}")["left_hand"] for ms in (0, 20))
    assert np.abs(late - told).max() > 0.01
    assert set(systems.separate(clip, "oracle,mode=quality")) == set(clip.truths)


def test_whole_studies_alone_are_written(capsys):
    assert command.main(["background", "mix", "--write"]) == 2 and "--write" in capsys.readouterr().err


@pytest.mark.parametrize("path", WORKERS, ids=lambda path: path.stem)
def test_a_worker_imports_nothing_of_the_laboratory(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    assert not any(module.startswith("laboratory") for module in modules)


def test_the_cost_worker_knows_public_names_alone():
    text = next(path for path in WORKERS if path.stem == "cost").read_text(encoding="utf-8")
    assert "import rtsep\n" in text and "from rtsep." not in text and "import rtsep." not in text


def test_every_module_and_function_says_what_it_is():
    for path in (ROOT / "tools").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree) and len(path.read_text(encoding="utf-8").splitlines()) <= 250, path
        public = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"]
        assert not [node.name for node in public if not ast.get_docstring(node) and node.name != "main"], path
