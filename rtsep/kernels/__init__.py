"""What all compiled code is made of: records, FFT, products, elementary functions, and what Numba does not have.

`fields` declares records, `views` reads them in compiled code; `marks` says what is compiled, and costs nothing until it is;
`arrays`, `elementary` and `fft` are loops over bins; `linked` calls what is compiled apart; `native` and `atomic` are what the
compiler has to give; `factorise` is training's.

Enters: arrays and addresses. Leaves: given arrays, filled. May import: numpy, numba, llvmlite; to keep its code `compiling`.
"""

from importlib import import_module
from types import ModuleType


def load(name: str) -> ModuleType:
    """The kernel module `name`, whose functions Python calls; its compiled code is kept in our own cache folder."""
    import numba

    from rtsep.compiling.store import code_folder
    from rtsep.kernels.marks import redeem

    folder, others = code_folder(), numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder / "numba") if folder else ""  # read when the module's functions are decorated
    try:
        module = import_module(f"rtsep.kernels.{name}")
        redeem()
        return module
    finally:
        numba.config.CACHE_DIR = others
