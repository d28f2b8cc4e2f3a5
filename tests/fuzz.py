"""Every reader of files against broken files: `python tests/fuzz.py [--count N] [--seed S] [READER ...]`.

Small valid inputs are changed at random and read as the commands do. A result or an RtsepError is right. Anything else is a
finding: another exception, more than 10 s, more than 1 GB of memory, or a crash. The seed, the reader and the number determine
each input: `--only NUMBER` reads one of them again and shows its traceback, `--keep FOLDER` keeps those that failed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from fuzz_readers import READERS, make

LONGEST_S = 10.0  # A reader has so many seconds for one input.
STARTING_S = 30.0  # A worker has so many seconds to load its reader.
MOST_BYTES = 1_000_000_000  # A worker may hold so many bytes.
DEFAULT_COUNT, DEFAULT_SEED = 1000, 1


class Finding(NamedTuple):
    """An input for which a reader failed: the reader, the number of the input, and the last line of the error."""

    reader: str
    number: int
    reason: str


def read_one(reader: str, seed: int, number: int, folder: Path) -> tuple[str, str]:
    """Read one input in `folder`: ("read" or "refused", ""), or ("failed", the traceback)."""
    from rtsep.errors import RtsepError

    target = make(reader, seed, number, folder)
    try:
        READERS[reader].read(target)
    except RtsepError as error:
        return ("refused", "") if len(str(error).splitlines()) == 1 else ("failed", f"a message of several lines: {error}")
    except Exception:
        return "failed", traceback.format_exc()
    return "read", ""


def _data_bytes() -> int:
    """The memory, in bytes, that this process has already: a forked worker has all of its parent's."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


def _work(reader: str, seed: int, numbers: range, pipe: Connection) -> None:
    """The work of a worker: read all inputs, and report before and after each."""
    most = _data_bytes() + MOST_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    os.dup2(sys.stderr.fileno(), 2)  # Decoders in C write their messages there.
    try:
        READERS[reader].load()
        for number in numbers:
            pipe.send((number, "begun", ""))
            pipe.send((number, *read_one(reader, seed, number, folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fuzz(reader: str, seed: int, count: int) -> tuple[dict[str, int], list[Finding]]:
    """Return how many inputs were read and refused, and the findings. A worker that hangs or dies is replaced."""
    told, findings, number = {"read": 0, "refused": 0}, list[Finding](), 0
    context = multiprocessing.get_context("spawn" if sys.platform == "darwin" else "fork")
    while number < count:
        here, there = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(reader, seed, range(number, count), there), daemon=True)
        worker.start()
        there.close()
        reason, number = _watch(here, told, findings, reader, number)
        worker.kill()
        worker.join()
        here.close()
        if number < count:
            findings.append(Finding(reader, number, reason or f"the worker died ({worker.exitcode})"))
            number += 1
    return told, findings


def _watch(pipe: Connection, told: dict[str, int], findings: list[Finding], reader: str, number: int) -> tuple[str, int]:
    """Follow a worker to its end. Return why it was stopped, if it was, and the number of the first input that is not read."""
    patience_s = STARTING_S
    while True:
        if not pipe.poll(patience_s):
            return f"hang: more than {patience_s:g} s", number
        patience_s = LONGEST_S
        try:
            number, state, trace = pipe.recv()
        except EOFError:
            return "", number
        if state == "failed":
            findings.append(Finding(reader, number, trace.strip().splitlines()[-1][:200]))
        elif state != "begun":
            told[state] += 1
        number += state != "begun"


def main() -> int:
    """The command line. Returns 1 if there are findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"which readers (default: all): {', '.join(READERS)}")
    parser.add_argument("--count", type=int, default=DEFAULT_COUNT, help="inputs for each reader (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="read only this input, and show the traceback")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write inputs that failed into this folder")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.readers if name not in READERS]
    if unknown:
        parser.error(f"unknown reader {unknown[0]}: there are {', '.join(READERS)}")
    found = 0
    for reader in arguments.readers or [name for name, each in READERS.items() if each.is_there()]:
        if arguments.only is not None:
            with tempfile.TemporaryDirectory() as folder:
                print(reader, arguments.only, *read_one(reader, arguments.seed, arguments.only, Path(folder)))
            continue
        started = time.monotonic()
        told, findings = fuzz(reader, arguments.seed, arguments.count)
        found += len(findings)
        print(f"{reader}: {told['read']} read, {told['refused']} refused, {len(findings)} failed, "
              f"{time.monotonic() - started:.0f} s", flush=True)
        for finding in findings:
            print(f"  {finding.number}: {finding.reason}", flush=True)
            if arguments.keep:
                make(reader, arguments.seed, finding.number, arguments.keep / f"{reader}-{finding.number}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
