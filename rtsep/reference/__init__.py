"""The reference: what the engine computes, in plain NumPy and float64, stage by stage. Slow, and without a compiler.

It has the stages of `rtsep.stages` under the same names, reads their constants, and computes every frame anew with equations
as a paper has them. Read `frame` first. The compiled engine is tested against it; new methods are tried in it:

    import numpy as np
    from rtsep.reference import ReferenceSeparator

    def binary(models, power):
        '''Every bin goes to the loudest of the stems that play: models [stem, bin], the residual last -> masks [stem, bin].'''
        return np.float64(models.argmax(axis=0) == np.arange(len(models))[:, None])

    separator = ReferenceSeparator(preset, routing, {"mode": "live"}, mask=binary)
    separator.prepare(44100, channels=1, max_block=4096)
    stems = separator.process(block, events).stems

The contract of a mask stands in `masks`, that of an estimator in `estimator`. What is good here becomes compiled code in
`rtsep.methods`.

Enters: presets, a routing and parameters; then blocks of samples and MIDI events. Leaves: the stems and their mix, and all that
the stages passed on about the last frame (`ReferenceSeparator.last`). May import: engine, stages, methods, notes, params,
presets, windows, errors, kernels (`memory` alone).
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "ReferenceSeparator": "separator",
    "Separated": "whole",
    "separate": "whole",
    "Stream": "stream",
    "Stages": "frame",
    "Setup": "setup",
    "setup_of": "setup",
    "windows": "analysis",
    "without_faults": "analysis",
    "frame_before": "analysis",
    "spectra": "analysis",
    "magnitudes": "analysis",
    "Note": "notes",
    "Piano": "notes",
    "Hands": "hands",
    "ScoreFollower": "score_follower",
    "open_pitches": "gate",
    "Strokes": "onsets",
    "boost": "expectation",
    "Problem": "estimator",
    "activations": "estimator",
    "divergence": "estimator",
    "hold": "estimator",
    "ratio_of": "estimator",
    "with_flat": "estimator",
    "stem_models": "masks",
    "power_mask": "masks",
    "suppressed": "masks",
    "Background": "adaptation",
    "Adapted": "adaptation",
    "Places": "place",
    "part_of": "place",
    "tail": "overlap_add",
    "minimum_phase": "filters",
    "expected_power": "filters",
    "causal_filter": "filters",
    "mix": "mixer",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rtsep.reference' has no attribute {name!r}")
    return getattr(import_module(f"rtsep.reference.{_HOMES[name]}"), name)
