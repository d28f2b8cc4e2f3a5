"""Stored results of the reference implementations, if they are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

ORACLES = Path(__file__).parents[2] / "shared" / "oracles"
needs_oracles = pytest.mark.skipif(not ORACLES.is_dir(), reason="../shared/oracles is not there")


def oracle(name):
    """The arrays of one stored result."""
    return np.load(ORACLES / f"{name}.npz")
