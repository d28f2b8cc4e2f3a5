"""From kernels to machine code: compiled once on every computer, kept, and loaded in milliseconds.

`machine` is what the rest of the program uses: the address of a compiled function, by unit and name. What is not there yet a
process of its own builds (`build`, `collect`), and `store` keeps it. Only `collect` and the kernels need Numba; a program whose
code is there does not load it.

Enters: names of objects and functions. Leaves: addresses. May import: errors; `build` also `kernels.marks`.
"""
