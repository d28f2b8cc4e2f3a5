"""Compiled numerics: arrays in, given arrays filled. Its modules import numpy, numba and rocket_fft only.

Flow: `block` (the one entry) -> `gate`, `stft`, `activations`, `masks`, `mix`; `memory` is what they work on.
"""

import numba

from rtsep.cache import cache_folder

_folder = cache_folder()
_others = numba.config.CACHE_DIR
numba.config.CACHE_DIR = str(_folder) if _folder else ""  # read when the modules below are decorated
try:
    from rtsep.kernels import block, memory, yardstick
finally:
    numba.config.CACHE_DIR = _others

__all__ = ["block", "memory", "yardstick"]
