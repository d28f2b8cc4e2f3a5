"""Methods that can be exchanged: estimators of activations, and masks. One function in one file each, chosen by name.

Enters: what the contract of its kind says, in the docstring of `estimators` and of `masks`. Leaves: what it says is filled. May
import: kernels. `params` takes the names that a user may choose from the tables here.
"""
