"""Pages of reference and explanation: nothing is left out, what they show runs, and notebooks hold no results."""

import doctest
import json
import re
import sys
from pathlib import Path

import pytest

import rtsep
from rtsep.cli import _build_parser

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS.parent / "tools"))

from pictures import learning, players, sound, spectra  # noqa: E402, F401
from pictures.style import drawn, made  # noqa: E402

SHOWN = re.compile(r"```pycon\n(.*?)```", re.DOTALL)
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))


def sessions():
    """Pages that show sessions in Python."""
    return [path for path in sorted(DOCS.rglob("*.md")) if "```pycon" in path.read_text()]


@pytest.mark.parametrize("path", sessions(), ids=lambda path: str(path.relative_to(DOCS)))
def test_what_a_page_shows_is_what_python_says(path):
    """The sessions of a page are one session."""
    text = "\n".join(SHOWN.findall(path.read_text()))
    test = doctest.DocTestParser().get_doctest(text, {}, path.name, str(path), 0)
    told = []
    failed, tried = doctest.DocTestRunner().run(test, out=told.append)
    assert tried and not failed, "".join(told)


def test_every_command_has_its_place():
    page = (DOCS / "reference" / "commands.md").read_text()
    [commands] = [action for action in _build_parser()._actions if action.dest == "command"]
    assert sorted(re.findall(r"^## (\w+)$", page, re.MULTILINE)) == sorted(commands.choices)
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == re.findall(r"\{command\} (\w+)", page)


def test_every_public_name_is_described():
    described = re.findall(r"\{api\} ([\w.]+)", (DOCS / "reference" / "python.md").read_text())
    told = {name.removeprefix("rtsep.") for name in described if name.count(".") == 1} | {"EVENT", "__version__"}
    assert told == set(rtsep.__all__)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_results(path):
    """The site's build runs it."""
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 10 and not any(cell["outputs"] or cell["execution_count"] for cell in code)
    for cell in code:
        compile("".join(cell["source"]), path.name, "exec")


def test_both_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS] == ["nmf-hands", "zero-latency"]


def test_every_picture_has_its_tool_and_its_page(tmp_path):
    pictures = {path.name: path for path in (DOCS / "explanation" / "pictures").iterdir()}
    assert {name.partition(".")[0] for name in pictures} == set(made())
    pages = [page.read_text() for page in (DOCS / "explanation").glob("*.md")]
    shown = {name for page in pages for name in re.findall(r"pictures/([\w.]+)", page)}
    assert shown == set(pictures) and sum(path.stat().st_size for path in pictures.values()) < 2e6
    assert drawn("windows", tmp_path).name in pictures
