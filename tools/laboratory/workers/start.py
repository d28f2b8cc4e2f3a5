"""Compiles one part of rtsep, or starts it: python start.py engine|live|jack|mosaic|first|plain

It is a separate program, since it runs with the interpreter of any version of rtsep. `first`: a separator plays its first
block, with only public names. `plain`: the engine, function by function, in Numba's usual way. Version 0.1 compiled what it
imported.
"""

import sys

OLD = {"engine": (), "live": ("callbacks",), "jack": ("callbacks", "atomic", "jack"), "mosaic": ("mosaic",)}


def compile_part(what):
    """Compile the code of this part that is not in the cache yet."""
    try:
        from rtsep.compiling.machine import compile_objects
    except ImportError:
        compile_old(what)
    else:
        compile_objects(what)


def compile_old(what):
    """Compile version 0.1, whose modules compiled when they were imported."""
    import ctypes.util

    from rtsep.kernels import load

    for name in OLD[what]:
        module = load(name)
        if name == "atomic":
            module.load_library(ctypes.util.find_library("jack"))


def compile_plainly():
    """Compile the engine, function by function."""
    from rtsep.compiling.build import build

    for name in ("fft", "notes", "estimate", "engine"):
        build(name, lambda step: None, once=False)


def first_block():
    """Play a block of silence with a separator of the default preset."""
    import numpy as np

    import rtsep

    separator = rtsep.Separator(rtsep.load_preset(rtsep.find_preset("piano")), rtsep.by_split(None, 60), {"mode": "live"})
    separator.prepare(44100, 2, 512)
    separator.process(np.zeros((2, 512), np.float32))


if __name__ == "__main__":
    {"first": first_block, "plain": compile_plainly}.get(sys.argv[1], lambda: compile_part(sys.argv[1]))()
