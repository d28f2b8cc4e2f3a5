"""The command line's commands, one module each: `add` declares its options, `run` does its work."""
