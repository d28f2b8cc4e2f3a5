"""python -m rtsep, and the command rtsep"""

import sys

INTERRUPTED = 130  # Exit code after Ctrl-C.


def main() -> int:
    """Run the command line. Ctrl-C ends it in one line, also while modules are still being loaded."""
    try:
        from rtsep.cli import main as run

        return run()
    except KeyboardInterrupt:
        print("rtsep: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
