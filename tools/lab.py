"""Runs the studies of the laboratory: python tools/lab.py STUDY; without a study it lists them."""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported: sums in one order, whatever else runs

from laboratory.command import main

if __name__ == "__main__":
    sys.exit(main())
