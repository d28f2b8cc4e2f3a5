"""The journal of a take's notes on a disk that is full for a while, and one in which something else stands."""

import os
import resource
from contextlib import contextmanager

import numpy as np
import pytest

from rtsep.hosts.recorded_notes import NOTE, Journal, midi_bytes, read_journal

ON, OFF = 0x90, 0x80


@contextmanager
def no_room_beyond(size):
    """Files end there: a part of what is written fits."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(os.name != "posix", reason="needs a limit for the size of files")
def test_what_does_not_fit_leaves_no_part_of_a_record(tmp_path):
    """Notes that come once there is room again are read as they are."""
    journal = Journal(tmp_path / "notes", np.zeros((1, 16, 128), np.int8))
    journal.add([(10 * i, 0, (ON, 40 + i, 90)) for i in range(5)])
    with no_room_beyond(7 * NOTE.itemsize + 5), pytest.raises(OSError):
        journal.add([(100 + i, 0, (ON, 60 + i, 90)) for i in range(10)])
    journal.add([(200, 0, (OFF, 40, 0))])
    journal.close()
    notes = read_journal(tmp_path / "notes")
    assert notes["sample"].tolist() == [0, 10, 20, 30, 40, 200] and notes["data1"].tolist() == [40, 41, 42, 43, 44, 40]
    assert journal.events == 6 and midi_bytes(notes, ["piano"], 44100.0)


def test_a_journal_is_read_as_far_as_it_is_one(tmp_path):
    rows = np.array([(i, 0, 0, ON, 60, 90) for i in range(4)], NOTE).tobytes()
    (tmp_path / "notes").write_bytes(rows + bytes(5) + rows)
    assert read_journal(tmp_path / "notes")["sample"].tolist() == [0, 1, 2, 3]
