"""Compiled numerics: arrays in, given arrays filled. Its modules import numpy, numba and rocket_fft only.

Flow: `entry` (the engine's one entry) -> `block` -> `voices`, `gate`, `stft`, `activations`, `prediction`, `masks`,
`wiener`, `learning`, `mix`; `memory` is what they work on, `arrays` allocates it. Live: `callbacks` (what a device calls) ->
`live` -> `ring`, `arrivals` (notes), the entry, `taps` (recording), all on `shared`.
Live mosaics: `mosaic` (their entry) -> `grains`, on `grain_memory`. Training: `factorise`. What not every command needs, or
what importing compiles, is imported by `load`.
"""

from importlib import import_module
from types import ModuleType

import numba

from rtsep.cache import cache_folder


def load(name: str) -> ModuleType:
    """The kernel module `name`; its compiled code is kept in our own cache folder."""
    folder, others = cache_folder(), numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder) if folder else ""  # read when the module's functions are decorated
    try:
        return import_module(f"rtsep.kernels.{name}")
    finally:
        numba.config.CACHE_DIR = others


memory, arrays, block, yardstick = (load(name) for name in ("memory", "arrays", "block", "yardstick"))

__all__ = ["arrays", "block", "load", "memory", "yardstick"]
