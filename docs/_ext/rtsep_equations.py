"""Draws equations as SVG when the site is built, so that pages need neither scripts nor other sites."""

from __future__ import annotations

from html import escape
from typing import Any

import ziamath
from docutils import nodes

SIZE = 18  # size of letters in pixels


def equation(latex: str, inline: bool) -> str:
    """An equation as SVG, in the colour of the text around it."""
    drawn = ziamath.Math.fromlatex(latex.strip(), size=SIZE, inline=inline, color="currentColor")
    told = f'<svg role="img" aria-label="{escape(latex.strip())}" style="vertical-align: {drawn.getyofst():.1f}px" '
    return str(drawn.svg().replace("<svg ", told, 1))


def visit_inline(writer: Any, node: nodes.math) -> None:
    """Write an equation inside the text."""
    writer.body.append(equation(node.astext(), True))
    raise nodes.SkipNode


def visit_block(writer: Any, node: nodes.math_block) -> None:
    """Write an equation on its own line; it scrolls if it is wider than the page."""
    writer.body.append(f'<div class="equation">{equation(node.astext(), False)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    """Register the extension; Sphinx calls this."""
    app.add_html_math_renderer("svg", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
