"""Directives of the site: what the program says of itself becomes pages when the site is built, so they cannot go stale.

| directive | |
| --- | --- |
| command NAME | usage, description and options of `rtsep NAME`, from its parser |
| parameters | the table of `rtsep.params` |
| preset-list | the presets that ship, from their files |
| described MODULE | a module's docstring |
| api NAME | signature and docstring of a public name and of its public members |
| listen | players of the sounds that tools/build_sounds.py makes, with their SDR |
"""

from __future__ import annotations

import argparse
import enum
import inspect
import json
import shutil
import subprocess
import sys
import textwrap
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.fileutil import copy_asset

ROOT = Path(__file__).resolve().parents[2]
EQUATION_SIZE = 18  # pixels


class Generated(SphinxDirective):
    """A directive whose content is text in Markdown."""

    optional_arguments = 1
    final_argument_whitespace = False

    def run(self) -> list[nodes.Node]:
        """The nodes."""
        return self.parse_text_to_nodes(self.text())

    def text(self) -> str:
        """What stands in its place."""
        raise NotImplementedError


def parser_of(command: str) -> argparse.ArgumentParser:
    """The parser of `rtsep COMMAND`."""
    from rtsep.cli import _build_parser

    [commands] = [action for action in _build_parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return commands.choices[command]


class Command(SphinxDirective):
    """Usage, description and options of a command."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes."""
        parser = parser_of(self.arguments[0])
        usage = " ".join(parser.format_usage().split()).removeprefix("usage: ")
        found: list[nodes.Node] = [_literal(textwrap.fill(usage, 90, subsequent_indent="    "))]
        for part in filter(None, (parser.description, parser.epilog)):
            raw = parser.formatter_class is not argparse.HelpFormatter
            found.append(_literal(part) if raw else nodes.paragraph("", part))
        for group in parser._action_groups:
            actions = [action for action in group._group_actions if action.help is not argparse.SUPPRESS]
            if actions:
                found.append(nodes.rubric("", (group.title or "").capitalize()))
                found.append(_options(parser, actions))
        return found


def _literal(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="text")


def _options(parser: argparse.ArgumentParser, actions: list[argparse.Action]) -> nodes.definition_list:
    formatter = parser._get_formatter()
    entries = nodes.definition_list(classes=["options"])
    for action in actions:
        told = nodes.definition("", nodes.paragraph("", formatter._expand_help(action) if action.help else ""))
        entries += nodes.definition_list_item("", nodes.term("", "", nodes.literal("", formatter._format_action_invocation(action))),
                                              told)
    return entries


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


class Parameters(Generated):
    """The table of all parameters."""

    def text(self) -> str:
        """A line for each."""
        from rtsep.params import PARAMS

        def shown(value: object) -> str:
            return ("on" if value else "off") if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)

        lines = [_row("parameter", "default", "allowed", "what it does"), _row(*["---"] * 4)]
        lines += [_row(f"`{name}`", shown(each.default), each.allowed(), each.help + (" *(changes while playing)*" if each.live else ""))
                  for name, each in PARAMS.items()]
        return "\n".join(lines)


class PresetList(Generated):
    """The presets that ship."""

    def text(self) -> str:
        """A line for each."""
        from rtsep.hosts.words import note_name
        from rtsep.presets.library import bundled_presets
        from rtsep.presets.preset import load_preset

        lines = [_row("preset", "what it is", "range", "templates", "licence", "size"), _row(*["---"] * 4, "---", "--:")]
        for path in bundled_presets():
            preset = load_preset(path)
            low, high = int(preset.pitches[0]), int(preset.pitches[-1])
            lines.append(_row(f"`{preset.name}`", preset.title, f"{note_name(low)} to {note_name(high)}", len(preset.W),
                              preset.provenance["licence"], f"{path.stat().st_size / 1000:.0f} kB"))
        return "\n".join(lines)


class Described(Generated):
    """A module's docstring, but its first line's full stop is a sentence of the page."""

    required_arguments = 1

    def text(self) -> str:
        """The docstring."""
        return inspect.getdoc(import_module(self.arguments[0])) or ""


class Api(Generated):
    """A public name: signature, docstring and public members."""

    required_arguments = 1

    def text(self) -> str:
        """A description in the domain of Python."""
        home, _, name = self.arguments[0].rpartition(".")
        return described(f"{home}.{name}", getattr(import_module(home), name), 6)


def described(name: str, thing: Any, ticks: int) -> str:
    """The directive of a name; its members are directives within it."""
    fence = "`" * ticks
    if inspect.isclass(thing):
        members = [] if issubclass(thing, enum.Enum) else [(key, each) for key, each in vars(thing).items() if not key.startswith("_")]
        inner = [described(key, each, ticks - 1) for key, each in members if _is_told(each)]
        return "\n".join([f"{fence}{{py:class}} {name}{_signature(thing)}", "", inspect.getdoc(thing) or "", "", *inner, fence, ""])
    if isinstance(thing, property):
        return "\n".join([f"{fence}{{py:property}} {name}", "", inspect.getdoc(thing) or "", fence, ""])
    kind = "function" if "." in name else "method"
    if not callable(thing):
        return "\n".join([f"{fence}{{py:data}} {name}", fence, ""])
    return "\n".join([f"{fence}{{py:{kind}}} {name}{_signature(thing)}", "", inspect.getdoc(thing) or "", fence, ""])


def _is_told(member: object) -> bool:
    return inspect.isfunction(member) or isinstance(member, property)


def _signature(thing: Any) -> str:
    """Names and defaults: types stand in the text where they matter."""
    found = inspect.signature(thing)
    kept = [each.replace(annotation=inspect.Parameter.empty) for each in found.parameters.values() if each.name != "self"]
    return str(found.replace(parameters=kept, return_annotation=inspect.Signature.empty))


class Listen(SphinxDirective):
    """The table of sounds."""

    def run(self) -> list[nodes.Node]:
        """Raw HTML; other builders get nothing."""
        if self.env.app.builder.format != "html":
            return []
        rows = json.loads((_sounds(self.env.app) / "figures.json").read_text(encoding="utf-8"))
        html = "".join(f"<tr><td>{row['name']}</td>{''.join(map(self._cell, row['sounds']))}</tr>" for row in rows)
        table = f'<table class="docutils listen"><thead><tr><th></th><th>left hand</th><th>right hand</th></tr></thead>{html}</table>'
        return [nodes.raw("", f'<div class="table-wrapper">{table}</div>', format="html")]

    @staticmethod
    def _cell(sound: dict[str, Any]) -> str:
        told = f"<br>{sound['sdr_db']:.1f} dB" if "sdr_db" in sound else ""
        wide = ' colspan="2"' if sound.get("both") else ""
        player = f'<audio controls preload="none" src="../_static/sounds/{sound["file"]}"></audio>'
        return f"<td{wide}>{player}{told}</td>"


def _sounds(app: Any) -> Path:
    return Path(app.doctreedir) / "sounds"


def make_sounds(app: Any) -> None:
    """Make the sounds, unless this build's folder has them."""
    if app.builder.format == "html" and not (_sounds(app) / "figures.json").exists():
        subprocess.run([sys.executable, str(ROOT / "tools" / "build_sounds.py"), "--out", str(_sounds(app))], check=True)


def copy_sounds(app: Any, error: Exception | None) -> None:
    """Put them beside the pages."""
    if app.builder.format == "html" and error is None:
        target = Path(app.outdir) / "_static" / "sounds"
        shutil.rmtree(target, ignore_errors=True)
        copy_asset(str(_sounds(app)), str(target))


def equation(latex: str, inline: bool) -> str:
    """An equation as SVG, in the colour of the text around it: pages need no script, and no other site."""
    import ziamath

    drawn = ziamath.Math.fromlatex(latex.strip(), size=EQUATION_SIZE, inline=inline, color="currentColor")
    told = f'<svg role="img" aria-label="{escape(latex.strip())}" style="vertical-align: {drawn.getyofst():.1f}px" '
    return drawn.svg().replace("<svg ", told, 1)


def visit_inline(writer: Any, node: nodes.math) -> None:
    """Write an equation in the text."""
    writer.body.append(equation(node.astext(), True))
    raise nodes.SkipNode


def visit_block(writer: Any, node: nodes.math_block) -> None:
    """Write an equation of its own, which scrolls where it is wider than the page."""
    writer.body.append(f'<div class="equation">{equation(node.astext(), False)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    for name, directive in (("command", Command), ("parameters", Parameters), ("preset-list", PresetList),
                            ("described", Described), ("api", Api), ("listen", Listen)):
        app.add_directive(name, directive)
    app.add_html_math_renderer("svg", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    app.connect("builder-inited", make_sounds)
    app.connect("build-finished", copy_sounds)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
