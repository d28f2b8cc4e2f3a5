"""Marks functions for compiling. A mark costs nothing: Numba is loaded only when the code is compiled.

So the constants, declarations and designs of a stage can share a module with its kernels. Every start of the program reads
them, and does not wait for Numba. `redeem` replaces all marks by Numba's functions.
"""

import sys
from importlib import import_module


class Mark:
    """Stands for the function that `make` gives once Numba is loaded. Calling it from Python redeems all marks."""

    def __init__(self, make, function=None):
        self.make, self.function, self.made = make, function, None
        self.__doc__ = getattr(function, "__doc__", None)

    def get(self):
        """The function that the mark stands for; always the same object."""
        if self.made is None:
            made = self.make()
            self.made = made.get() if isinstance(made, Mark) else made
        return self.made

    def __call__(self, *arguments):
        redeem()
        return self.get()(*arguments)


# LLVM can reorder sums, which SIMD code needs; NaN and infinity keep their meaning.
FAST = {"contract", "reassoc", "nsz", "arcp"}
# `_nrt` is off: arrays have no owner here, so the code counts no references and calls no run-time function of Numba.
NUMERIC = {"error_model": "numpy", "nogil": True, "fastmath": FAST, "_nrt": False}
# For kernels that work on views: only other kernels call them, so they need no wrappers for Python's objects.
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


numeric = _marker(NUMERIC)  # Takes only numbers and arrays, so Python can call it.
kernel = _marker(INNER)  # Takes views, too.
distinct = _marker(INNER, distinct=True)  # Takes arrays that must not overlap; they are too many for LLVM to check.
trunk = _marker({**INNER, "inline": "always"})  # Is inlined before its caller is optimised.
inlined = _marker({**INNER, "forceinline": True})  # Is small, and inlined into every caller.
exact = _marker({**INNER, "fastmath": {"contract"}}, distinct=True)  # Sums keep the order in which they are written.
ordered = _marker({**INNER, "fastmath": False})  # Nothing is reordered or contracted.


def later(module, name):
    """The function `name` of `module`; the module is loaded only when it is needed."""
    return Mark(lambda: getattr(import_module(module), name))


def choice(kernels):
    """A kernel that calls one of `kernels`: its first argument is the index; larger numbers call the last one."""
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
    """Replace all marks in this package's modules by their functions."""
    found = True
    while found:  # Replacing a mark can load modules with more marks.
        found = False
        for names in [vars(module) for name, module in list(sys.modules.items()) if name.startswith("rtsep.")]:
            for name, value in list(names.items()):
                if isinstance(value, Mark):
                    names[name], found = value.get(), True
