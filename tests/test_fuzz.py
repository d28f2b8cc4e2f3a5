"""Broken files give a result or one clear line, whatever is broken: a short run of the fuzzer, of which `.ci/full long` has a
long one, and what it notices itself."""

import os
import sys

import fuzz
import pytest
from fuzz_readers import READERS, Reader, make

from rtsep.errors import RtsepError

SEED = 1
COUNTS = {"music": 60, "presets": 200}  # Inputs of readers that take long, or read few of them; of others 100.

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory are Linux' own")


@linux
@pytest.mark.parametrize("reader", READERS)
def test_broken_files(reader):
    if not READERS[reader].is_there():
        pytest.skip("needs pip install 'rtsep[score]'")
    told, findings = fuzz.fuzz(reader, SEED, COUNTS.get(reader, 100))
    assert not findings and told["read"] > 10 and told["refused"] > 10


def test_inputs_follow_from_seed_and_number(tmp_path):
    first, again = (make("tables", 7, 3, tmp_path / name) for name in ("a", "b"))
    assert first.name == again.name and first.read_bytes() == again.read_bytes()
    assert make("tables", 8, 3, tmp_path / "c").read_bytes() != first.read_bytes()


def endless(path):
    while True:
        pass


def greedy(path):
    return bytes(2_000_000_000)


def dying(path):
    os._exit(3)


def odd(path):
    raise KeyError("odd")


def talkative(path):
    error = RtsepError("one")
    error.args = ("one\ntwo",)
    raise error


def refusing(path):
    raise RtsepError("no")


@linux
@pytest.mark.parametrize("read, reason", [
    (endless, "hang"), (greedy, "MemoryError"), (dying, "died"), (odd, "KeyError: 'odd'"), (talkative, "two")])
def test_every_fault_is_found(monkeypatch, read, reason):
    monkeypatch.setitem(READERS, "faulty", Reader(lambda: [("a", b"a")], read))
    monkeypatch.setattr(fuzz, "LONGEST_S", 0.3)
    _told, findings = fuzz.fuzz("faulty", SEED, 2)
    assert [finding.number for finding in findings] == [0, 1] and all(reason in finding.reason for finding in findings)


@linux
def test_refusals_and_results_are_right(monkeypatch):
    monkeypatch.setitem(READERS, "good", Reader(lambda: [("a", b"a")], refusing))
    assert fuzz.fuzz("good", SEED, 5) == ({"read": 0, "refused": 5}, [])
