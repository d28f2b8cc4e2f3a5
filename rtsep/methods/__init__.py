"""Methods that can be exchanged: estimators of activations, and masks. Each is one function in one file, chosen by name.

Enters: the arguments in the contract of its kind, in the docstrings of `estimators` and `masks`. Leaves: those arrays, filled.
May import: kernels. `params` takes the names that a user can choose from the tables in these two packages.
"""
