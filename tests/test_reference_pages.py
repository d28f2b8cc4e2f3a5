"""The pages of reference: nothing is left out, what they show runs, and notebooks hold no results."""

import doctest
import json
import re
from pathlib import Path

import pytest

import rtsep
from rtsep.cli import _build_parser

DOCS = Path(__file__).parents[1] / "docs"
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


def test_pictures_are_small():
    pictures = list((DOCS / "explanation" / "pictures").iterdir())
    assert len(pictures) > 15 and sum(path.stat().st_size for path in pictures) < 2e6
