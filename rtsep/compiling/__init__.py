"""From kernels to machine code: compiles it once on every computer, stores it, and loads it in milliseconds.

The program uses `machine`, which gives the address of a compiled function by object and name. Missing code is built in separate
processes (`build`, `collect`), and `store` keeps it. `prebuilt` finds code that came with an installed wheel. `portable`
compiles for other computers. `target` names the processor. Only `collect` and the kernels need Numba; if the code exists, the
program does not load it.

Enters: names of objects and functions. Leaves: addresses. May import: errors. `build` also imports the marks of kernels.
"""
