"""From kernels to machine code, which is compiled once on every computer, stored, and loaded in milliseconds.

The program uses `machine`, which gives the address of a compiled function by unit and name. Missing code is built in separate
processes (`build`, `collect`), and `store` keeps it. `prebuilt` finds code that came with an installed wheel; `portable`
compiles for other computers; `target` names the processor. Only `collect` and the kernels need Numba; a program whose code
exists does not load it.

Enters: names of objects and functions. Leaves: addresses. May import: errors. `build` also has to redeem
the marks of kernels.
"""
