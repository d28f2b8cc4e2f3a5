"""Programs that studies start, each a file that imports nothing of the laboratory."""
