"""The basis of all compiled code: records, FFT, products, elementary functions, and intrinsics that Numba lacks.

`fields` declares records, and `views` reads them in compiled code. `marks` marks functions for compiling, and costs nothing
before that. `arrays`, `elementary` and `fft` have loops over bins. `linked` calls functions of other object files. `native` and
`atomic` are compiler intrinsics. `factorise` belongs to training.

Enters: arrays and addresses. Leaves: the given arrays, filled. May import: numpy, numba, llvmlite, compiling (which
stores the code), errors.
"""

from importlib import import_module
from types import ModuleType


def load(name: str) -> ModuleType:
    """The kernel module `name`, whose functions Python calls; rtsep's cache folder keeps its compiled code."""
    import numba

    from rtsep.compiling.store import code_folder
    from rtsep.kernels.marks import redeem

    folder, before = code_folder(), numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder / "numba") if folder else ""  # Numba reads it when functions are decorated.
    try:
        module = import_module(f"rtsep.kernels.{name}")
        redeem()
        return module
    finally:
        numba.config.CACHE_DIR = before
