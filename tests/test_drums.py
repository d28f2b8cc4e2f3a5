"""Drums: templates for each stage of a hit, trained from hits, and stems for the drums of a groove."""

import json

import numpy as np
import pytest
import soundfile
from conftest import play
from drum_hits import RATE, groove, hits_of, write_hits

from rtsep.cli import main
from rtsep.engine.design import preset_defaults
from rtsep.engine.separator import Separator
from rtsep.errors import RtsepError
from rtsep.hosts.live_job import LiveJob, route_live
from rtsep.measure import sdr_db
from rtsep.notes.routing import DRUM_GROUPS, by_drum
from rtsep.notes.score import read_midi
from rtsep.presets.instruments import programs_by_name
from rtsep.presets.preset import load_preset
from rtsep.training.drums import STAGES, choke_groups, train_drums
from rtsep.training.isolated import Notes, train


def test_every_stage_has_its_rows_and_its_time(rng):
    found = train_drums(hits_of(rng))
    assert found.row_pitch.tolist() == [36] * 8 + [38] * 8 + [42] * 8 and found.row_role == STAGES * 6
    np.testing.assert_allclose(found.W.sum(axis=1), 1, rtol=1e-5)
    begins, ends = found.row_age_s[:4].T
    assert begins[0] == 0 and (begins[1:] < ends[:-1]).all() and ends[3] > 100, "no age without a row"
    assert (found.release_s > 0).sum() == 3 and found.framing.window_size == 2048
    bright = found.W @ np.arange(found.W.shape[1])
    assert bright[0] > 2 * bright[3], "the kick's stroke is noise, its decay is a tone"


def test_one_velocity_has_one_level_and_short_sounds_fewer_stages(rng):
    hits = hits_of(rng, velocities=(90, 90))
    assert len(train_drums(hits).W) == 12
    cut = Notes(hits.sound[: round(0.05 * RATE)], RATE, hits.onset_s[:1], hits.offset_s[:1], hits.pitch[:1])
    assert train_drums(cut).row_role == STAGES[:2]
    with pytest.raises(RtsepError, match="heard"):
        train_drums(Notes(0 * hits.sound, RATE, hits.onset_s, hits.offset_s, hits.pitch))


@pytest.mark.parametrize("levels, rows", [(1, 4), (2, 8), (3, 12), (9, 12)])
def test_levels_have_rows_of_their_own_from_soft_to_loud(rng, levels, rows):
    """As many as asked for, but at most one for each of the three velocities. A level is the mean of all its hits."""
    hits = hits_of(rng)
    found = train_drums(hits, levels=levels)
    assert np.bincount(found.row_pitch)[[36, 38, 42]].tolist() == [rows] * 3 and found.row_role[:4] == STAGES
    soft = hits.velocity == 50
    alone = train_drums(Notes(hits.sound, RATE, hits.onset_s[soft], hits.offset_s[soft], hits.pitch[soft], hits.velocity[soft]))
    same = np.allclose(found.W[rows], alone.W[4], rtol=0.01)  # the row of the snare's stroke
    assert same == (levels > 2), "the softest level is the mean of its own hits"


def test_hihats_choke_each_other_alone():
    assert np.flatnonzero(choke_groups()).tolist() == [42, 44, 46] and len(set(choke_groups()[[42, 44, 46]])) == 1


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """A folder with kit.npz, which was trained from hits.wav and hits.mid, mix.wav and mix.mid; and the true sounds."""
    folder, rng = tmp_path_factory.mktemp("kit"), np.random.default_rng(4)
    hits = hits_of(rng)
    soundfile.write(folder / "hits.wav", hits.sound, RATE, "FLOAT")
    write_hits(folder / "hits.mid", zip(hits.onset_s, hits.pitch.tolist(), hits.velocity.tolist(), strict=True))
    assert main(["train", str(folder / "hits.wav"), "--score", str(folder / "hits.mid"), "--as", "notes", "--drums", "-o",
                 str(folder / "kit.npz")]) == 0
    truths, struck = groove(rng)
    soundfile.write(folder / "mix.wav", sum(truths.values()), RATE, "FLOAT")
    write_hits(folder / "mix.mid", struck)
    return folder, hits, truths


def test_the_command_trains_a_drum_preset(kit):
    preset = load_preset(kit[0] / "kit.npz")
    assert preset.pitches.tolist() == [36, 38, 42] and preset.programs == (128,) and preset.choke[42] == 1
    assert preset.defaults["window_samples"] == 2048 and len(np.unique(preset.row_age_s)) > 3


def stems_of(preset, folder, params=()):
    score, (mix, _) = read_midi(folder / "mix.mid"), soundfile.read(folder / "mix.wav", dtype="float32")
    separator = Separator(preset, by_drum(score), dict(params))
    separator.prepare(RATE, 1, 4096)
    events = score.events(RATE)
    stems, _ = play(separator, np.pad(mix, (0, separator.latency))[None], events, (4096,))
    return dict(zip(separator.stem_names, stems[:, 0, separator.latency :], strict=True))


def test_templates_of_stages_tell_drums_apart_better_than_plain_ones(kit):
    folder, hits, truths = kit
    staged = load_preset(folder / "kit.npz")
    learnt = train(hits)
    plain = type(staged)("plain", "Plain", RATE, learnt.framing.window_size, learnt.framing.overlap, learnt.W, learnt.row_pitch,
                         learnt.row_role, staged.release_s, learnt.decay_s, staged.provenance)
    better, usual = ({name: sdr_db(stem, truths[name]) for name, stem in stems_of(preset, folder).items() if name in truths}
                     for preset in (staged, plain))
    assert all(better[name] > usual[name] - 0.1 for name in truths), (better, usual)
    assert np.mean(list(better.values())) > np.mean(list(usual.values())) + 0.3 and min(better.values()) > 5, (better, usual)


def test_render_by_drum(kit, capsys):
    folder, _, truths = kit
    assert main(["render", str(folder / "mix.wav"), "--midi", str(folder / "mix.mid"), "--by", "drum", "--preset",
                 str(folder / "kit.npz"), "--out", str(folder / "stems")]) == 0
    report = json.loads((folder / "stems" / "report.json").read_text())
    assert [stem["name"] for stem in report["stems"]] == ["kick", "snare", "hihat", "residual"]
    kick, _ = soundfile.read(folder / "stems" / "kick.wav")
    assert sdr_db(kick, truths["kick"]) > 10


def test_live_drums_are_stems_with_and_without_triggers():
    for gated in (True, False):
        routing = route_live(LiveJob(by="drum"), "kit", gated)
        assert routing.names == tuple(DRUM_GROUPS) and programs_by_name(routing) == [128] * 6
    assert (route_live(LiveJob(by="drum", channels=(10,)), "kit", True).table[:, 0] == -1).all()


def test_the_window_of_drums_is_not_the_piano_s(preset, kit):
    drums = load_preset(kit[0] / "kit.npz")
    assert preset_defaults([drums, drums])["window_samples"] == 2048
    assert "window_samples" not in preset_defaults([preset, drums])


@pytest.mark.parametrize("midi", [False, True])
def test_drums_are_played_by_a_drum_kit_whatever_the_channel(kit, midi, tmp_path):
    """Also without MIDI, and with pads on channel 1."""
    folder = kit[0]
    write_hits(tmp_path / "pads.mid", [(0.1, 36, 90), (0.5, 38, 90)], channel=0)
    given = ["--midi", str(tmp_path / "pads.mid")] if midi else []
    assert main(["render", str(folder / "mix.wav"), *given, "--by", "drum", "--out", str(tmp_path / "stems")]) == 0
    stems = json.loads((tmp_path / "stems" / "report.json").read_text())["stems"]
    assert len(stems) == (3 if midi else 7) and stems.pop()["name"] == "residual"
    assert {stem["preset"] for stem in stems} == {"drum-kit"}


def test_music_is_no_hits(kit, capsys):
    folder = kit[0]
    assert main(["train", str(folder / "mix.wav"), "--score", str(folder / "mix.mid"), "--as", "recording", "--drums", "-o",
                 str(folder / "no.npz")]) == 2
    assert "single hits" in capsys.readouterr().err and not (folder / "no.npz").exists()
