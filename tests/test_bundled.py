"""The presets that come with rtsep: what each must tell about itself. The table that they are built from must agree."""

import re
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import midi

from rtsep.engine.separator import Separator
from rtsep.measure import sdr_db
from rtsep.notes.programs import DRUMS
from rtsep.notes.routing import Routing
from rtsep.params import PARAMS
from rtsep.presets.instruments import covering, read_catalogue
from rtsep.presets.library import bundled_presets
from rtsep.presets.preset import PROVENANCE, load_preset

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from laboratory.shipped import INSTRUMENTS  # noqa: E402

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
    expected[DRUMS] = "drum-kit"
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
        rows = np.bincount(preset.row_pitch)[low:].max()
        assert 16 * rows <= preset.defaults.get("max_open_rows", PARAMS["max_open_rows"].default)  # rows of 16 notes at once
        assert (preset.sample_rate, preset.window_size) == (44100, preset.defaults.get("window_samples", 4096))
        played = np.setdiff1d(preset.pitches, np.flatnonzero(preset.filled))
        assert len(played) >= 0.9 * len(preset.pitches)
        assert (preset.release_s[preset.pitches] < 2.5).all() and (preset.decay_s[preset.pitches] > 0.1).all()


def test_sustain_templates_are_in_tune(presets):
    """A template has more weight on the partials of its note than a quarter of the way to the next partials."""
    partial = np.arange(1, 7)
    for name, preset in presets.items():
        bin_hz = preset.sample_rate / preset.window_size
        for row, pitch, role in zip(preset.W, preset.row_pitch, preset.row_role, strict=True):
            if name.startswith("drum-") or role != "sustain" or not 55 <= pitch <= 96:
                continue  # lower notes have partials too close to tell apart; higher ones have few recorded partials
            f0 = 440 * 2 ** ((int(pitch) - 69) / 12) / bin_hz
            on, beside = (np.interp((partial + off) * f0, np.arange(len(row)), row).sum() for off in (0, 0.25))
            assert on > 3 * beside, (name, pitch)


def test_drums_by_stages_are_open_in_turn(presets):
    kit = presets["drum-stages"]
    assert set(kit.row_role) == {"stroke", "attack", "body", "decay"} and np.flatnonzero(kit.choke).tolist() == [42, 44, 46]
    assert len(np.unique(kit.row_age_s, axis=0)) == 4 and kit.envelope_db[kit.pitches].any(axis=(1, 2)).all()
    assert kit.defaults["window_samples"] == 2048 and kit.defaults["prediction"] < 0.1 < kit.defaults["background_handicap"]


def test_each_file_is_small():
    for path in bundled_presets():
        assert path.stat().st_size < 1e6, path.name


RATE = 44100
MELODY = ((67, 0.0), (69, 0.6), (71, 1.2), (74, 1.8), (72, 2.4))  # MIDI note, onset in s
BASS = ((48, 0.0), (52, 0.9), (55, 1.8))


def played(preset, notes, length_s):
    """A voice [sample] with the partials of the sustain templates of `preset`; its RMS is 0.05."""
    rng, t = np.random.default_rng(5), np.arange(round(length_s * RATE)) / RATE
    sound = np.zeros(len(t))
    for (pitch, onset), end in zip(notes, [onset for _, onset in notes[1:]] + [length_s], strict=True):
        row = preset.W[(preset.row_pitch == pitch) & (np.array(preset.row_role) == "sustain")][0]
        f0, envelope = 440 * 2 ** ((pitch - 69) / 12), np.clip(np.minimum(t - onset, end - t) / 0.02, 0, 1)
        for partial in range(1, int(8000 / f0)):
            level = np.interp(partial * f0 * preset.window_size / preset.sample_rate, np.arange(len(row)), row)
            sound += envelope * level * np.sin(2 * np.pi * (partial * f0 * t + rng.random()))
    return (sound * 0.05 / np.sqrt((sound**2).mean())).astype(np.float32)


def separated(presets, mix, voices):
    """The engine's stems of `mix`, in which part i plays voices[i] on presets[i]."""
    strikes = [(round(onset * RATE), 0x90, pitch, 80, part) for part, notes in enumerate(voices) for pitch, onset in notes]
    ends = [(round(onset * RATE), 0x80, pitch, 0, part) for part, notes in enumerate(voices)
            for (pitch, _), (_, onset) in pairwise(notes)]
    table = np.full((32, 16, 128), -1, np.int8)
    table[0], table[1] = 0, 1
    separator = Separator(presets, Routing(("upper", "lower"), table), {"mode": "live"})
    separator.prepare(RATE, 1, 1 << 18)
    padded = np.pad(mix, (0, separator.latency))[None]
    return separator.process(padded, midi(*sorted(strikes + ends))).stems[:2, 0, separator.latency :]


def test_clarinet_and_cello_are_told_apart(presets):
    voices, right = (MELODY, BASS), [presets["clarinet"], presets["cello"]]
    truths = [played(preset, notes, 3.0) for preset, notes in zip(right, voices, strict=True)]
    mix = np.sum(truths, axis=0)

    def mean_sdr(chosen):
        return np.mean([sdr_db(stem, truth) for stem, truth in zip(separated(chosen, mix, voices), truths, strict=True)])

    told, as_pianos = mean_sdr(right), mean_sdr([presets["piano"]] * 2)
    assert told > 11 and told > as_pianos + 2.5, (told, as_pianos)  # measured: 12.4 and 8.9 dB; the mix itself has 0 dB
