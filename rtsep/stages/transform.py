"""The FFT's constants and its working memory: one plan and one scratch for all stages that transform."""

from __future__ import annotations

from typing import Any

from rtsep.kernels.fields import Part, array, size
from rtsep.kernels.twiddles import make_twiddles, scratch_size
from rtsep.stages.request import Request

PLAN = Part("transform", (
    size("twiddles_size", "number of values in the FFT's factors"),
    size("scratch_size", "number of values in the FFT's working memory"),
    array("twiddles", "float32", "twiddles_size", "roots of unity for the FFT (kernels/fft.py)"),
), sees=("common",))
STATE = Part("transform", (
    array("transform_scratch", "float32", "scratch_size", "working memory of the FFT"),
))


def values_for(window_size: int) -> dict[str, Any]:
    """The part for frames of `window_size` samples."""
    twiddles = make_twiddles(window_size)
    return {"twiddles": twiddles, "twiddles_size": len(twiddles), "scratch_size": scratch_size(window_size)}


def design(request: Request) -> dict[str, Any]:
    """The part `transform`."""
    return values_for(request.framing.window_size)
