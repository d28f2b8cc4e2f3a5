"""Files that grow during a take, on a disk that is full for a while or until the end, and odd contents in them."""

import os
import resource
from contextlib import contextmanager

import numpy as np
import pytest

from rtsep.files.growing import GrowingFlac, mend_sounds
from rtsep.hosts.recorded_notes import NOTE, Journal, midi_bytes, read_journal

ON, OFF = 0x90, 0x80


@contextmanager
def no_room_beyond(size):
    """Limits the size of files, so that only a part of what is written fits."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(os.name != "posix", reason="needs a limit for the size of files")
def test_what_does_not_fit_is_written_once_there_is_room(tmp_path):
    """Before that, no part of a record is in the file."""
    journal = Journal(tmp_path / "notes", np.zeros((1, 16, 128), np.int8))
    journal.add([(10 * i, 0, (ON, 40 + i, 90)) for i in range(5)])
    with no_room_beyond(7 * NOTE.itemsize + 5):
        journal.add([(100 + i, 0, (ON, 60 + i, 90)) for i in range(10)])
    assert len(read_journal(tmp_path / "notes")) == 5
    journal.add([(200, 0, (OFF, 40, 0))])
    journal.close()
    notes = read_journal(tmp_path / "notes")
    assert notes["sample"].tolist() == [0, 10, 20, 30, 40, *range(100, 110), 200]
    assert notes["data1"].tolist() == [*range(40, 45), *range(60, 70), 40]
    assert journal.events == 16 and midi_bytes(notes, ["piano"], 44100.0)


@pytest.mark.skipif(os.name != "posix", reason="needs a limit for the size of files")
def test_a_disk_that_stays_full_is_told_at_the_end(tmp_path):
    journal = Journal(tmp_path / "notes", np.zeros((1, 16, 128), np.int8))
    journal.add([(0, 0, (ON, 40, 90))])
    with no_room_beyond(NOTE.itemsize + 5):
        journal.add([(100, 0, (OFF, 40, 0))])
        with pytest.raises(OSError):
            journal.close()
    assert read_journal(tmp_path / "notes")["sample"].tolist() == [0]


def test_a_journal_is_read_as_far_as_it_is_valid(tmp_path):
    rows = np.array([(i, 0, 0, ON, 60, 90) for i in range(4)], NOTE).tobytes()
    (tmp_path / "notes").write_bytes(rows + bytes(5) + rows)
    assert read_journal(tmp_path / "notes")["sample"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("there", [b"", bytes(42)])
def test_a_flac_of_which_nothing_was_written_is_none(tmp_path, there):
    """If the disk was full from the start, the file can contain only the end that the encoder writes."""
    paths = [tmp_path / "input.flac", tmp_path / "residual.flac"]
    file = GrowingFlac(paths[0], 44100, 2)
    file.write(np.zeros((2, 5000), np.float32))
    file.close()
    paths[1].write_bytes(there)
    assert mend_sounds(paths, 44100) == [0, 0] and mend_sounds(paths, 100) == [5000, 0]
