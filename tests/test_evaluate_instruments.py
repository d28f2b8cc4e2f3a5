"""The benchmark with several instruments: which preset plays which stem, and that separate presets help to tell stems apart."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from laboratory import pieces, sources, trio
from laboratory.grid import where
from laboratory.report import mean_db
from laboratory.studies import instruments as bench
from laboratory.study import SHARED, Given


@pytest.fixture(scope="module")
def canon(tmp_path_factory):
    """Eight seconds of the trio."""
    if not (shutil.which("fluidsynth") and sources.SOUNDFONT.exists()):
        pytest.skip("fluidsynth and FluidR3 are not here")
    folder = trio.build(tmp_path_factory.mktemp("trio"))
    assert trio.build(folder) == folder, "an existing piece is kept"
    return pieces.excerpt(pieces.load_piece(folder, "trio"), 8.0)


def test_the_trio_is_a_track_and_a_stem_for_each_part():
    file = trio.score(tuple(trio.PROGRAMS))
    assert [track.name for track in file.tracks[1:]] == ["violin", "cello", "piano"]
    assert [len(trio.notes_of(part)) for part in ("violin", "cello", "piano")] == [8 + 16 + 32, 24, 96]
    assert abs(file.length - 48 * trio.QUARTER_US / 1e6) < 1


def test_programs_choose_the_instruments(canon):
    assert list(canon.truths) == ["violin", "cello", "piano"]
    assert [preset.name for preset in bench.by_program(canon)] == ["violin", "cello", "piano"]


def test_own_instruments_are_worth_several_db(canon, tmp_path):
    rows = bench.run(Given(shared=tmp_path), [canon])
    own, one = (mean_db(where(rows, system=system)) for system in ("heard", "one"))
    assert own > one + 2 and own > mean_db(where(rows, system="oracle")) - 2.5
    text = bench.instrument_table(rows)
    assert "trio" in text and len(text.splitlines()) == 2 + 4
    assert where(rows, system="heard", stem="cello")[0]["preset"] == "cello"


def test_songs_are_told_all_three_tracks():
    if not (SHARED / "piano_and_others").is_dir():
        pytest.skip("piano_and_others is not here")
    song, *_others = bench.songs(Given(shared=SHARED, pieces=(), seconds=1.0))
    assert sorted(song.truths) == ["piano_left", "piano_right", "solo_cello"] and "residual" not in song.truths
    assert sorted(preset.name for preset in bench.by_program(song)) == ["cello", "piano", "piano"]
