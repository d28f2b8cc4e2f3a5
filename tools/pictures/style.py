"""Style of the pictures, and the function that writes them."""

import io
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from PIL import Image

LEFT, RIGHT, RESIDUAL, MIX, FAINT = "#1f5f8b", "#c8553d", "#777777", "#222222", "#c9d6df"
"""Colours of the two hands, of the residual, of the mix, and of things in the background of a picture."""
STYLE = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 9.5, "axes.titlelocation": "left",
    "legend.frameon": False, "legend.fontsize": 8.5, "svg.fonttype": "none", "svg.hashsalt": "rtsep",
    "font.family": "sans-serif", "figure.constrained_layout.use": True, "lines.linewidth": 1.4, "path.simplify_threshold": 1.0,
}
"""Settings for matplotlib."""
COLOURS = 64
"""Number of colours of a PNG."""
_MADE: dict[str, tuple[Callable[[plt.Figure], None], str, tuple[float, float]]] = {}


def picture(kind: str = "svg", size: tuple[float, float] = (7.2, 2.8)) -> Callable[[Callable], Callable]:
    """Mark a function that draws a picture into a figure of `size`, in inches; kind: svg, or png for spectrograms."""
    def keep(draw: Callable) -> Callable:
        _MADE[draw.__name__] = draw, kind, size
        return draw

    return keep


def made() -> dict[str, object]:
    """All pictures, by name."""
    return dict(_MADE)


def drawn(name: str, folder: Path) -> Path:
    """Draw the picture of this name; returns its file."""
    draw, kind, size = _MADE[name]
    path = folder / f"{name}.{kind}"
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=size)
        draw(figure)
        if kind == "svg":
            figure.savefig(path, metadata={"Date": None})
        else:
            data = io.BytesIO()
            figure.savefig(data, format="png", dpi=130)
            Image.open(data).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        plt.close(figure)
    return path
