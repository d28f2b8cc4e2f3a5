"""Marks for functions to be compiled. Marking is free: Numba is loaded, and marks are redeemed, only when compiling.

So the constants, declarations and designs of a stage can share a module with its kernels: reading them, as every start of the
program does, need not wait for Numba. `redeem` replaces all marks by Numba's functions.
"""

import sys
from importlib import import_module


class Mark:
    """Stands for the function that `make` gives once Numba is loaded. Calling it from Python redeems all marks."""

    def __init__(self, make, function=None):
        self.make, self.function, self.made = make, function, None
        self.__doc__ = getattr(function, "__doc__", None)

    def get(self):
        """The function it stands for: the same object every time."""
        if self.made is None:
            made = self.make()
            self.made = made.get() if isinstance(made, Mark) else made
        return self.made

    def __call__(self, *arguments):
        redeem()
        return self.get()(*arguments)


# Sums may be reordered, which SIMD code needs; NaN and infinity keep their meaning.
FAST = {"contract", "reassoc", "nsz", "arcp"}
# `_nrt` is off: arrays have no owner here, so no references are counted and no run-time function of Numba is called.
NUMERIC = {"error_model": "numpy", "nogil": True, "fastmath": FAST, "_nrt": False}
# For kernels that work on views: only other kernels call them, never Python, so no wrappers for Python's objects are made.
INNER = {**NUMERIC, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def _compiled(function, options, distinct):
    import numba

    from rtsep.kernels.native import NoAlias

    more = {"pipeline_class": NoAlias} if distinct else {}
    return numba.njit(cache=bool(numba.config.CACHE_DIR), **options, **more)(function)


def _marker(options, distinct=False):
    def mark(function):
        return Mark(lambda: _compiled(function, options, distinct), function)

    return mark


numeric = _marker(NUMERIC)  # Takes numbers and arrays only, so Python may call it.
kernel = _marker(INNER)  # Takes views as well.
distinct = _marker(INNER, distinct=True)  # Takes arrays that must not overlap, too many for LLVM to check.
trunk = _marker({**INNER, "inline": "always"})  # Inlined before its caller is optimised.
inlined = _marker({**INNER, "forceinline": True})  # Small enough to be inlined into every caller.
exact = _marker({**INNER, "fastmath": {"contract"}}, distinct=True)  # Sums keep the order in which they are written.
ordered = _marker({**INNER, "fastmath": False})  # Nothing is reordered or contracted.


def later(module, name):
    """The function `name` of `module`, which is loaded only when it is needed."""
    return Mark(lambda: getattr(import_module(module), name))


def choice(kernels):
    """A kernel whose first argument is the number, from 0, of the one of `kernels` to call; larger numbers call the last."""
    kernels = tuple(kernels)

    def make():
        own = kernels[0].get()
        if len(kernels) == 1:
            return _compiled(lambda number, *arguments: own(*arguments), INNER, False)
        others = choice(kernels[1:]).get()

        def choose(number, *arguments):
            if number == 0:
                own(*arguments)
            else:
                others(number - 1, *arguments)

        return _compiled(choose, INNER, False)

    return Mark(make)


def redeem():
    """Replace all marks in this package's modules by the functions they stand for."""
    found = True
    while found:  # Redeeming a mark may load modules with more marks.
        found = False
        for names in [vars(module) for name, module in list(sys.modules.items()) if name.startswith("rtsep.")]:
            for name, value in list(names.items()):
                if isinstance(value, Mark):
                    names[name], found = value.get(), True
