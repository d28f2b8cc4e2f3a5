"""Compiled numerics: arrays in, given arrays filled. Its modules import numpy, numba and each other only.

Flow: `entry` (the engine's one entry) -> `block` -> `voices`, `estimate` (`stft`, `fft`, `gate`, `activations`, `prediction`),
`masks`, `rest`, `panning`, `wiener`, `learning`, `mix`. What they work on is declared in `records`, `grain_memory`, `call`
and `shared` by means of `fields`, and read by `views`. Live: `callbacks` and `jack` (what a device calls) -> `live` -> `ring`,
`arrivals` (notes), the entry, `taps` (recording). Live mosaics: `mosaic` (their entry) -> `grains`. What these export is
compiled by `rtsep.compiling` and called by its address. Training calls `factorise` from Python: `load`.
"""

from importlib import import_module
from types import ModuleType


def load(name: str) -> ModuleType:
    """The kernel module `name`, whose functions Python calls; its compiled code is kept in our own cache folder."""
    import numba

    from rtsep.compiling.store import code_folder

    folder, others = code_folder(), numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder / "numba") if folder else ""  # read when the module's functions are decorated
    try:
        return import_module(f"rtsep.kernels.{name}")
    finally:
        numba.config.CACHE_DIR = others
