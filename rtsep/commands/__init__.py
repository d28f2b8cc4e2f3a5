"""The command line's commands, one module each: `add` declares the options, `run` does the work."""
