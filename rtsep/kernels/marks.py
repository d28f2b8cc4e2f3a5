"""Marks of what is compiled. Marking is free: Numba is loaded, and the marks are redeemed, by who compiles.

So constants, declarations and designs of a stage stand in one module with its kernels, and who reads them, as every start of
the program does, does not wait for Numba. `redeem` puts Numba's functions in the place of all marks.
"""

import sys
from importlib import import_module


class Mark:
    """Stands for what `make` gives once Numba is loaded. Python may call it, which redeems all marks."""

    def __init__(self, make, function=None):
        self.make, self.function, self.made = make, function, None
        self.__doc__ = getattr(function, "__doc__", None)

    def get(self):
        """What it stands for: the same object every time."""
        if self.made is None:
            made = self.make()
            self.made = made.get() if isinstance(made, Mark) else made
        return self.made

    def __call__(self, *arguments):
        redeem()
        return self.get()(*arguments)


# Sums may be reordered, which is what makes them SIMD; NaN and infinity keep their meaning.
FAST = {"contract", "reassoc", "nsz", "arcp"}
# `_nrt` off: arrays have no owner here, so no references are counted and none of Numba's run-time functions is called.
NUMERIC = {"error_model": "numpy", "nogil": True, "fastmath": FAST, "_nrt": False}
# Of kernels that work on views: only other kernels call them, never Python, so nothing need unpack Python's objects for them.
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


numeric = _marker(NUMERIC)  # of numbers and arrays alone: Python may call it
kernel = _marker(INNER)  # of views as well
distinct = _marker(INNER, distinct=True)  # with so many arrays that LLVM gives up asking whether they overlap. They must not.
trunk = _marker({**INNER, "inline": "always"})  # what all others hang on: part of its caller before that is optimised
inlined = _marker({**INNER, "forceinline": True})  # small enough to become part of every caller
exact = _marker({**INNER, "fastmath": {"contract"}}, distinct=True)  # sums in the order in which they are written
ordered = _marker({**INNER, "fastmath": False})  # nothing reordered or contracted


def later(module, name):
    """What `module` calls `name`: the module is loaded when it is needed."""
    return Mark(lambda: getattr(import_module(module), name))


def choice(kernels):
    """A kernel that calls the one of `kernels` whose number, from 0, it is given first; the last one for any larger."""
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
    """Put what they stand for in the place of all marks of this package's modules."""
    found = True
    while found:  # what one mark loads may bring others
        found = False
        for names in [vars(module) for name, module in list(sys.modules.items()) if name.startswith("rtsep.")]:
            for name, value in list(names.items()):
                if isinstance(value, Mark):
                    names[name], found = value.get(), True
