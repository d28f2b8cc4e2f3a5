"""The reference: the engine's computations in plain NumPy and float64, stage by stage. It is slow and needs no compiler.

It has the stages of `rtsep.stages` under the same names and with the same constants. It computes every frame with the equations
as papers state them. Read `frame` first. Tests compare the compiled engine with it. You can try a new method in it:

    import numpy as np
    from rtsep.reference import ReferenceSeparator

    def binary(models, power):
        '''Give every bin to the loudest stem: models [stem, bin] of the stems that play, residual last -> masks [stem, bin].'''
        return np.float64(models.argmax(axis=0) == np.arange(len(models))[:, None])

    separator = ReferenceSeparator(preset, routing, {"mode": "live"}, mask=binary)
    separator.prepare(44100, channels=1, max_block=4096)
    stems = separator.process(block, events).stems

`masks` states the contract of a mask, `estimator` that of an estimator. To use a method live, write it as compiled code in
`rtsep.methods`.

Enters: presets, a routing and parameters; then blocks of samples and MIDI events. Leaves: the stems and their mix, and
everything that the stages passed on about the last frame (`ReferenceSeparator.last`). May import: engine, stages, methods,
notes, params, presets, windows, errors, kernels (only `memory`).
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
