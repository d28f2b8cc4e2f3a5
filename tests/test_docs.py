"""The documentation: the site builds without warnings, the README is short, and commands in pages exist."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rtsep import cli

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from laboratory.study import STUDIES  # noqa: E402

STRICTLY = ("-q", "-W", "--keep-going", "-b", "html", "-D", "nb_execution_mode=off")  # .ci/run builds with notebooks.
README_WORDS = 800  # Longest README, in words.
ALONE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "presets/README.md")
PAGES = sorted([*(ROOT / name for name in ALONE), *(ROOT / "docs").rglob("*.md")])
MOVED = {  # Pages that have another place now, or none.
    "docs/" + name for name in ("benchmarks.md", "controls.md", "cost.md", "drums.md", "experiments.md", "hands.md", "live.md",
                                "mosaic.md", "plugin.md", "records.md", "unheard.md", "benchmarks/", "mosaic/")}
SPEAKING = [*PAGES, *(path for folder in (".ci", "rtsep", "tests", "tools") for path in (ROOT / folder).rglob("*")
              if path.suffix in (".py", ".c", ".h") or path.parent.name == ".ci")]
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`(rtsep [a-z][^`]*)`(?!`)")
CODE = re.compile(r"^ *(```|:::)(\{[^}]*\})?.*?^ *\1 *$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
EXTRA = re.compile(r"(?:rtsep|\.)\[([a-z,]+)\]")


def name(path):
    return str(path.relative_to(ROOT))


def commands(text):
    """Every command in the `sh` blocks, as words: lines are split where a shell would split them."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield from split(shlex.split(line, comments=True))


def split(words):
    """The commands between the shell's operators."""
    command = []
    for word in [*words, ";"]:
        if word in ("|", "&&", ";"):
            if command:
                yield command
            command = []
        else:
            command.append(word)


def ours(command):
    """The arguments of rtsep, or None where it is another program."""
    return command[1:] if command[0].rpartition("/")[2] == "rtsep" else None


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_blocks_are_what_the_program_takes(page, capsys):
    for command in commands(page.read_text(encoding="utf-8")):
        if (words := ours(command)) is not None:
            given, unknown = cli._build_parser().parse_known_args(words)
            assert given.command and not unknown, (command, capsys.readouterr().err)
        if command[1:2] == ["tools/lab.py"] and len(command) > 2:
            assert command[2] in STUDIES, command
        if command[0].startswith("python") and command[1].endswith(".py"):
            assert any((folder / command[1]).is_file() for folder in (ROOT, page.parent)), command


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_options_in_the_text_exist(page):
    actions = next(action for action in cli._build_parser()._actions if action.dest == "command")
    for text in INLINE.findall(page.read_text(encoding="utf-8")):
        command, *words = text.split()[1:]
        if command in actions.choices:
            known = actions.choices[command]._option_string_actions
            assert not [word for word in words if word.startswith("--") and word not in known], text
        else:
            assert command in ("COMMAND",), text


def test_a_wrong_option_is_noticed():
    wrong = "```sh\nrtsep live gig --wrong | cat   # comment\n```\n"
    (first, second) = commands(wrong)
    assert cli._build_parser().parse_known_args(ours(first))[1] == ["--wrong"] and second == ["cat"]


def test_extras_exist():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    there = set(re.findall(r"^([a-z]+) = \[", text[text.index("[project.optional-dependencies]"):], re.MULTILINE))
    for page in PAGES:
        for names in EXTRA.findall(page.read_text(encoding="utf-8")):
            assert set(names.split(",")) <= there, (name(page), names)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= README_WORDS


def test_nothing_names_a_page_that_has_moved():
    for path in SPEAKING:
        if path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="ignore")
            assert not [old for old in MOVED if re.search(rf"(?<![\w/-]){re.escape(old)}", text)], path


@pytest.mark.parametrize("page", [ROOT / name for name in ALONE], ids=name)
def test_links_outside_the_site_lead_to_files(page):
    for target in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        assert (page.parent / target).exists(), target


@pytest.mark.skipif(not importlib.util.find_spec("sphinx"), reason="Sphinx is not installed: pip install -e '.[docs]'")
def test_the_site_builds_without_warnings(tmp_path):
    """Links between pages, to headings and to words of the glossary are checked by the build."""
    folders = ["-d", str(tmp_path / "trees"), str(ROOT / "docs"), str(tmp_path / "site")]
    done = subprocess.run([sys.executable, "-m", "sphinx", *STRICTLY, *folders], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").is_file()
