"""Programs that studies start; each is a file that imports nothing from the laboratory."""
