"""The drum preset that ships, on a played groove: the SDR must reach floors below the measured figures; and found onsets."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import frame_by_frame

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from laboratory.studies import drums
from laboratory.study import SHARED, Given
from laboratory.systems import judge_told, separate

from rtsep.engine.separator import Separator
from rtsep.notes.routing import DRUM_GROUPS, by_drum
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset

SECONDS = 10.0


@pytest.fixture(scope="module")
def groove():
    """The first seconds of the soul groove, kick, snare and hi-hat."""
    if not (SHARED / "drums").is_dir():
        pytest.skip("the drum grooves are not here")
    return drums.grooves(Given(seconds=SECONDS))[1]


@pytest.fixture(scope="module")
def stages():
    return load_preset(find_preset("drum-stages"))


def separated(groove, kit, setting):
    """SDR of kick, snare and hi-hat in dB."""
    piece = replace(groove, preset=kit)
    return [found["sdr_db"] for found in judge_told(piece, separate(piece, setting)).values()]


@pytest.mark.parametrize("gated, floors", [(True, (18, 17, 1.5)), (False, (17, 16, 1.5))])
def test_it_is_far_better_than_nothing(groove, stages, gated, floors):
    """Without separation: -1.9, 1.6 and -19.3 dB. Measured: 20.6, 19.7 and 3.6 dB; without triggers 20.2, 19.4 and 4.1 dB."""
    found = separated(groove, stages, "background=0" + ("" if gated else ",gate=off"))
    nothing = separated(groove, stages, "mix")
    assert all(least > done + 10 for least, done in zip(floors, nothing, strict=True)), nothing
    assert all(sdr > least for sdr, least in zip(found, floors, strict=True)), found


@pytest.mark.parametrize("late_ms, floors", [(0, (20.5, 19, 2.5)), (5, (20, 19, 2.5)), (10, (17.5, 18, 2.5))])
def test_triggers_can_be_late_with_the_background(groove, stages, late_ms, floors):
    """Measured in dB: 21.3 / 20.0 / 4.0 in time; 21.0 / 19.9 / 4.0 and 18.7 / 19.3 / 4.0 if late. If drums opened only when
    they are told, it would be 8 / 18 / 3 and 3 / 11 / 2.5 if late."""
    found = separated(groove, stages, f"{drums.WITH_BACKGROUND},late_ms={late_ms}")
    assert all(sdr > least for sdr, least in zip(found, floors, strict=True)), found


def test_onsets_are_found(groove, stages):
    """Measured: 100, 93 and 100 % of strokes louder than velocity 30 are found; 94, 59 and 83 % of finds are such strokes."""
    separator = Separator(stages, by_drum(), {"gate": False})
    separator.prepare(groove.sample_rate, 1, 128)
    found = {name: set() for name in drums.DRUMS}
    for each in frame_by_frame(separator, groove.mix):
        for name, samples in found.items():
            samples.add(int(each.prepared.state["found"][separator.stem_names.index(name)]))
    notes = groove.score.notes()
    for name, samples in found.items():
        clear = (notes["velocity"] > 30) & (notes["onset_s"] < SECONDS - 0.1)
        struck_s = notes["onset_s"][np.isin(notes["pitch"], list(DRUM_GROUPS[name])) & clear]
        late_s = np.array(sorted(samples - {0}))[:, None] / groove.sample_rate - struck_s
        hit = (late_s > -0.01) & (late_s < 0.025)
        recall, precision = hit.any(axis=0).mean(), hit.any(axis=1).mean()
        assert recall > 0.85 and precision > 0.5 and abs(np.median(late_s[hit])) < 0.008, (name, recall, precision)
