"""What is compiled together: a unit is one object file, with what its kernel modules export."""

from __future__ import annotations

UNITS = {  # name: kernel modules
    "engine": ("entry",),
    "mosaic": ("mosaic",),
    "live": ("callbacks", "ring", "taps"),
    "jack": ("jack",),
    "bench": ("yardstick",),
}
# Until a unit was compiled here: seconds that it takes, on a core of an AMD EPYC of 2021 with Numba 0.68, and its functions.
USUAL = {"engine": (24.0, 146), "mosaic": (7.0, 53), "live": (4.0, 38), "jack": (3.5, 31), "bench": (3.0, 15)}
