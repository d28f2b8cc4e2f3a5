"""Directives of the reference: what the program says of itself becomes pages when the site is built, so they cannot go stale.

| directive | |
| --- | --- |
| command NAME | usage, description and options of `rtsep NAME`, from its parser |
| parameters | `rtsep.params` |
| preset-list | the presets that ship, from their files |
| described MODULE | a module's docstring |
| api NAME | signature and docstring of a public name, and of its public members |
"""

from __future__ import annotations

import argparse
import inspect
import textwrap
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

WIDTH = 90  # letters of a line of usage


class Generated(SphinxDirective):
    """A directive whose content is text in Markdown."""

    def run(self) -> list[nodes.Node]:
        """The nodes."""
        return self.parse_text_to_nodes(self.text())

    def text(self) -> str:
        """What stands in its place."""
        raise NotImplementedError


class Command(SphinxDirective):
    """Usage, description and options of a command."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes."""
        parser = parser_of(self.arguments[0])
        usage = " ".join(parser.format_usage().split()).removeprefix("usage: ")
        found = [literal(textwrap.fill(usage, WIDTH, subsequent_indent="    "))]
        for part in filter(None, (parser.description, parser.epilog)):
            raw = parser.formatter_class is not argparse.HelpFormatter
            found.append(literal(part) if raw else nodes.paragraph("", part))
        for group in parser._action_groups:
            if actions := [action for action in group._group_actions if action.help is not argparse.SUPPRESS]:
                found += [nodes.rubric("", (group.title or "").capitalize()), options(parser, actions)]
        return found


def parser_of(command: str) -> argparse.ArgumentParser:
    """The parser of `rtsep COMMAND`."""
    from rtsep.cli import _build_parser

    [commands] = [action for action in _build_parser()._actions if action.dest == "command"]
    found: argparse.ArgumentParser = commands.choices[command]
    return found


def literal(text: str) -> nodes.Element:
    """Text as it stands."""
    return nodes.literal_block(text, text, language="text")


def options(parser: argparse.ArgumentParser, actions: list[argparse.Action]) -> nodes.Element:
    """A list of options, each with its help."""
    formatter, entries = parser._get_formatter(), nodes.definition_list(classes=["options"])
    for action in actions:
        term = nodes.term("", "", nodes.literal("", formatter._format_action_invocation(action)))
        told = nodes.paragraph("", formatter._expand_help(action) if action.help else "")
        entries += nodes.definition_list_item("", term, nodes.definition("", told))
    return entries


class Parameters(Generated):
    """All parameters, as a list of definitions."""

    def text(self) -> str:
        """A definition for each."""
        from rtsep.params import PARAMS

        def shown(value: object) -> str:
            return ("on" if value else "off") if isinstance(value, bool) else str(value)

        return "\n".join(f"`{name}`\n: {each.help}.\n\n  Allowed: {each.allowed()}. Default: {shown(each.default)}."
                         f"{' Changes while playing.' if each.live else ''}\n" for name, each in PARAMS.items())


class PresetList(Generated):
    """The presets that ship."""

    def text(self) -> str:
        """A line of a table for each."""
        from rtsep.hosts.words import note_name
        from rtsep.presets.library import bundled_presets
        from rtsep.presets.preset import load_preset

        lines = ["| preset | what it is | range | templates | licence | size |", "| --- | --- | --- | --: | --- | --: |"]
        for path in bundled_presets():
            preset = load_preset(path)
            reach = " to ".join(note_name(int(preset.pitches[end])) for end in (0, -1))
            lines.append(f"| `{preset.name}` | {preset.title} | {reach} | {len(preset.W)} | {preset.provenance['licence']} | "
                         f"{path.stat().st_size / 1000:.0f} kB |")
        return "\n".join(lines)


class Described(Generated):
    """A module's docstring."""

    required_arguments = 1

    def text(self) -> str:
        """The docstring."""
        return inspect.getdoc(import_module(self.arguments[0])) or ""


class Api(Generated):
    """A public name: signature, docstring and public members."""

    required_arguments = 1

    def text(self) -> str:
        """A description in Sphinx's domain of Python."""
        home, _, name = self.arguments[0].rpartition(".")
        return "\n".join(described(self.arguments[0], getattr(import_module(home), name), 6))


def described(name: str, thing: Any, ticks: int) -> list[str]:
    """The lines of a name's directive. Members stand within that of their class, without a line in the table of contents."""
    member, fence, inner = "." not in name, "`" * ticks, list[str]()
    kind, signature = ("method" if member else "function"), ""
    if isinstance(thing, property):
        kind = "property"
    else:
        signature = signature_of(thing)
    if inspect.isclass(thing):
        kind = "class"
        inner = [line for key, each in vars(thing).items() if is_told(key, each) for line in described(key, each, ticks - 1)]
    unlisted = [":no-contents-entry:"] if member else []
    return [f"{fence}{{py:{kind}}} {name}{signature}", *unlisted, "", inspect.getdoc(thing) or "", "", *inner, fence, ""]


def is_told(name: str, member: object) -> bool:
    """Is it a method or a property that others may use?"""
    return not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))


def signature_of(thing: Any) -> str:
    """Names and defaults: types stand in the text where they matter."""
    found = inspect.signature(thing)
    kept = [each.replace(annotation=inspect.Parameter.empty) for each in found.parameters.values() if each.name != "self"]
    return str(found.replace(parameters=kept, return_annotation=inspect.Signature.empty))


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    for name, directive in (("command", Command), ("parameters", Parameters), ("preset-list", PresetList),
                            ("described", Described), ("api", Api)):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
