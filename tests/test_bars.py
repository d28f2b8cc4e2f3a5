"""Bars of MIDI files and of written music."""

import numpy as np
import pytest

from rtsep.notes.bars import NO_BARS, Bars, bars_in_ticks
from rtsep.notes.read import read_notes
from rtsep.notes.tracks import Track

ABC = """X:1
M:3/4
L:1/4
Q:1/4=60
K:C
|: C D E | F G A :| c3 |]
"""


def test_bar_and_beat_at_a_time():
    bars = Bars(np.array([1.0, 3.0, 6.0]), np.array([4, 3, 3]))
    assert [bars.at(second) for second in (0, 1, 1.6, 2.99, 3, 4.1, 5.5, 6, 8.9, 100)] == [
        (1, 1), (1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (2, 3), (3, 1), (3, 3), (3, 3)]


def test_time_signatures_make_bars():
    track = Track(metas=[(0, 0x58, bytes([3, 2, 24, 8])), (600, 0x58, bytes([6, 3, 24, 8])), (0, 0x03, b"name")])
    starts, beats = bars_in_ticks([track], 100, 1200)
    assert starts.tolist() == [0, 300, 600, 900] and beats.tolist() == [3, 3, 6, 6]


def test_without_a_time_signature_bars_have_four_quarters():
    starts, beats = bars_in_ticks([], 480, 4000)
    assert starts.tolist() == [0, 1920, 3840] and set(beats.tolist()) == {4}


def test_a_file_with_absurdly_many_bars_has_none():
    track = Track(metas=[(0, 0x58, bytes([1, 7, 24, 8]))])
    assert len(bars_in_ticks([track], 1, 2**52)[0]) == 0


def test_bars_of_written_music_are_played_out(tmp_path):
    pytest.importorskip("music21")
    (tmp_path / "tune.abc").write_text(ABC, encoding="utf-8")
    bars = read_notes(tmp_path / "tune.abc").bars
    assert bars.start_s.tolist() == [0, 3, 6, 9, 12] and set(bars.beats.tolist()) == {3}


def test_tables_have_no_bars(tmp_path):
    (tmp_path / "notes.csv").write_text("onset,offset,pitch\n0,1,60\n", encoding="utf-8")
    assert len(read_notes(tmp_path / "notes.csv").bars) == len(NO_BARS) == 0
