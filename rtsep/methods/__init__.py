"""Methods that can be exchanged: estimators of activations, and masks. Each is one function in one file, chosen by name.

Enters and leaves: what the contract of its kind says, in the docstrings of `estimators` and `masks`. May
import: kernels. `params` takes the names that a user can choose from the tables in these two packages.
"""
