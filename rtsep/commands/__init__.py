"""The command line's commands, one module each: `add` declares the options, `run` does the work.

Enters: arguments. Leaves: exit codes and text. May import: every room; what is heavy only when the command runs.
"""
