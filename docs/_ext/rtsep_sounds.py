"""The directive `listen`: players of the sounds that tools/build_sounds.py makes when the site is built, with their SDR."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.fileutil import copy_asset

TOOL = Path(__file__).resolve().parents[2] / "tools" / "build_sounds.py"
HEAD = "<thead><tr><th></th><th>left hand</th><th>right hand</th></tr></thead>"


def folder(app: Any) -> Path:
    """Where a build keeps the sounds."""
    return Path(app.doctreedir) / "sounds"


class Listen(SphinxDirective):
    """The table of sounds; builders of other things than pages show nothing."""

    def run(self) -> list[nodes.Node]:
        """Raw HTML."""
        app = self.env.app
        if app.builder.format != "html":
            return []
        rows = json.loads((folder(app) / "figures.json").read_text(encoding="utf-8"))
        lines = "".join(f"<tr><td>{row['name']}</td>{''.join(map(cell, row['sounds']))}</tr>" for row in rows)
        table = f'<div class="table-wrapper"><table class="docutils listen">{HEAD}{lines}</table></div>'
        return [nodes.raw("", table, format="html")]


def cell(sound: dict[str, Any]) -> str:
    """A player, and the SDR if it is known."""
    told = f"<br>{sound['sdr_db']:.1f} dB" if "sdr_db" in sound else ""
    wide = ' colspan="2"' if sound.get("both") else ""
    file = sound["file"]
    player = f'<audio controls preload="none" aria-label="{file}" src="../_static/sounds/{file}"></audio>'
    return f"<td{wide}>{player}{told}</td>"


def make(app: Any) -> None:
    """Make the sounds, unless this build has them."""
    if app.builder.format == "html" and not (folder(app) / "figures.json").exists():
        subprocess.run([sys.executable, str(TOOL), "--out", str(folder(app))], check=True)


def copy(app: Any, error: Exception | None) -> None:
    """Put them beside the pages."""
    if app.builder.format == "html" and error is None:
        target = Path(app.outdir) / "_static" / "sounds"
        shutil.rmtree(target, ignore_errors=True)
        copy_asset(str(folder(app)), str(target))


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_directive("listen", Listen)
    app.connect("builder-inited", make)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
