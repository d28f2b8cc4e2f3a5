"""The entry of `python -m rtsep` and of the command `rtsep`."""

import sys

INTERRUPTED = 130  # Exit code after Ctrl-C.


def main() -> int:
    """Run the command line. After Ctrl-C it prints one line and ends, even while modules are still loading."""
    try:
        from rtsep.cli import main as run

        return run()
    except KeyboardInterrupt:
        print("rtsep: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
