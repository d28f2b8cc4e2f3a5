"""Equations as SVG, drawn when the site is built: pages need no script, and no other site."""

from __future__ import annotations

from html import escape
from typing import Any

import ziamath
from docutils import nodes

SIZE = 18  # pixels of a letter


def equation(latex: str, inline: bool) -> str:
    """An equation in the colour of the text around it."""
    drawn = ziamath.Math.fromlatex(latex.strip(), size=SIZE, inline=inline, color="currentColor")
    told = f'<svg role="img" aria-label="{escape(latex.strip())}" style="vertical-align: {drawn.getyofst():.1f}px" '
    return str(drawn.svg().replace("<svg ", told, 1))


def visit_inline(writer: Any, node: nodes.math) -> None:
    """Write an equation in the text."""
    writer.body.append(equation(node.astext(), True))
    raise nodes.SkipNode


def visit_block(writer: Any, node: nodes.math_block) -> None:
    """Write an equation that stands alone; it scrolls if it is wider than the page."""
    writer.body.append(f'<div class="equation">{equation(node.astext(), False)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_html_math_renderer("svg", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
