"""The command line's commands, one module each: `add` declares its options, `run` does its work.

Enters: arguments. Leaves: exit codes and text. May import: every room; heavy modules only when the command runs.
"""
