"""Runs the studies of the laboratory: python tools/lab.py STUDY; without a study it lists them."""

import os
import sys

# set before NumPy is imported, so that sums have one order, whatever else runs
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from laboratory.command import main

if __name__ == "__main__":
    sys.exit(main())
