"""The presets that come with rtsep: what each must say of itself, and that the table they are built from says the same."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from rtsep.instruments import covering, read_catalogue
from rtsep.library import bundled_presets
from rtsep.preset import PROVENANCE, load_preset

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from shipped import INSTRUMENTS  # noqa: E402

OF_NAME = {instrument.name: instrument for instrument in INSTRUMENTS}
FREE = {"MIT", "CC0", "CC BY 3.0"}


@pytest.fixture(scope="module")
def presets():
    return {path.stem: load_preset(path) for path in bundled_presets()}


def test_every_instrument_of_the_table_is_there_and_nothing_else(presets):
    assert sorted(presets) == sorted(OF_NAME)
    assert len(OF_NAME) == len(INSTRUMENTS)


def test_a_general_midi_program_means_one_preset(presets):
    assert all(preset.programs == OF_NAME[name].programs for name, preset in presets.items())
    programs = [program for preset in presets.values() for program in preset.programs]
    assert len(programs) == len(set(programs))
    expected = {0: "piano", 4: "electric-piano", 19: "organ", 24: "nylon-guitar", 40: "violin", 42: "cello", 48: "strings",
                56: "trumpet", 66: "saxophone", 71: "clarinet", 73: "flute"}
    assert {program: covering(program, read_catalogue()) for program in expected} == expected


def test_they_say_where_they_come_from(presets):
    for name, preset in presets.items():
        assert dict(preset.provenance) == OF_NAME[name].provenance and all(preset.provenance[key] for key in PROVENANCE)
        assert set(preset.provenance["licence"].split("; ")) <= FREE
        script = re.fullmatch(r"python (tools/\w+\.py) --only (\S+)", preset.provenance["made_by"])
        assert script and (ROOT / script[1]).is_file() and script[2] == name
        assert preset.title == OF_NAME[name].title and preset.notes == ()


def test_range_times_and_rows_make_sense(presets):
    for name, preset in presets.items():
        low, high = min(OF_NAME[name].pitches), max(OF_NAME[name].pitches)
        assert preset.pitches.tolist() == [pitch for pitch in range(low, high + 1)]
        assert np.bincount(preset.row_pitch)[low:].max() <= 4  # all that are usually played at once can be open
        assert (preset.sample_rate, preset.window_size) == (44100, 4096)
        played = np.setdiff1d(preset.pitches, np.flatnonzero(preset.filled))
        assert len(played) >= 0.9 * len(preset.pitches)
        assert (preset.release_s[preset.pitches] < 2).all() and (preset.decay_s[preset.pitches] > 0.1).all()


def test_sustain_templates_are_in_tune(presets):
    """More weight on the partials of a template's note than a quarter of the way to the next ones."""
    partial = np.arange(1, 7)
    for name, preset in presets.items():
        bin_hz = preset.sample_rate / preset.window_size
        for row, pitch, role in zip(preset.W, preset.row_pitch, preset.row_role, strict=True):
            if role != "sustain" or not 55 <= pitch <= 96:  # lower: partials are not resolved; higher: beyond the recordings
                continue
            f0 = 440 * 2 ** ((int(pitch) - 69) / 12) / bin_hz
            on, beside = (np.interp((partial + off) * f0, np.arange(len(row)), row).sum() for off in (0, 0.25))
            assert on > 3 * beside, (name, pitch)


def test_each_file_is_small():
    for path in bundled_presets():
        assert path.stat().st_size < 1e6, path.name
