"""Groups of notes as their own stems: what is selected, how other stems change, and how the engine and `render` use them."""

import json

import numpy as np
import pytest
import soundfile
from conftest import PITCHES, RATE, SMALL, band, make_preset, midi, open_rows, play, prepared, random_midi, reference_setup
from conftest import two_parts as hands
from instruments import write_tracks

from rtsep import reference
from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.measure import sdr_db
from rtsep.notes.groups import select, strikes_of, with_groups
from rtsep.notes.routing import by_channel, by_split, by_track, everything
from rtsep.notes.score import read_midi
from rtsep.presets.preset import save_preset

ON, OFF, PEDAL = 0x90, 0x80, 0xB0
LEFT = ((0.0, 0.5, 48), (1.0, 1.5, 52), (2.0, 2.5, 48))
RIGHT = ((0.0, 0.4, 60), (0.0, 0.4, 64), (0.0, 0.4, 67), (1.0, 1.4, 60), (2.0, 2.4, 72))
# by onset, then by their order in the file: 48 60 64 67 | 52 60 | 48 72
ALL = ["48@0", "60@0", "64@0", "67@0", "52@1", "60@1", "48@2", "72@2"]


@pytest.fixture
def score(tmp_path):
    """Two tracks on channel 1, all velocities 64."""
    write_tracks(tmp_path / "notes.mid", {"Left Hand": LEFT, "Right": RIGHT})
    return read_midi(tmp_path / "notes.mid")


def names_of(score, flags):
    strikes = strikes_of(score)
    return [f"{pitch}@{second:g}" for pitch, second in zip(strikes.pitch[flags], strikes.seconds[flags], strict=True)]


# --- selections -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selection, chosen", [
    ("track:1", ["48@0", "52@1", "48@2"]), ("track:LEFT hand", ["48@0", "52@1", "48@2"]), ("track:right,C4", ["60@0", "60@1"]),
    ("C3-E3", ["48@0", "52@1", "48@2"]), ("48-52,1s-", ["52@1", "48@2"]), ("E4", ["64@0"]), ("C-1-B2", []),
    ("0s-1s", ["48@0", "60@0", "64@0", "67@0"]), ("1s-2.s", ["52@1", "60@1"]), (".5s-1.5s", ["52@1", "60@1"]),
    ("C4@0.9", ["60@1"]), ("60@1s", ["60@1"]), ("C4@0+E4@0+G4@0", ["60@0", "64@0", "67@0"]),
    ("72+ track:1 , 2s-", ["48@2", "72@2"]),
    ("channel:1", ALL), ("channel:2-16", []), ("velocity:64", ALL), ("velocity:65-127", []), ("velocity:1-64,72", ["72@2"]),
])
def test_what_a_selection_selects(score, selection, chosen):
    assert names_of(score, select(strikes_of(score), selection)) == chosen


@pytest.mark.parametrize("selection, word", [
    ("", "not a term"), ("C4,", "not a term"), ("track:", "not a term"), ("track:oboe", "1 left_hand, 2 right"),
    ("track:3", "1 left_hand"),
    ("H4", "not a term"), ("C12", "C12"), ("200", "200"), ("C5-C4", "lower"), ("2s-1s", "earlier"), ("1s-1s", "earlier"),
    ("channel:0", "1 to 16"), ("channel:5-17", "1 to 16"), ("velocity:0-5", "1 to 127"), ("velocity:9-5", "1 to 127"),
    ("C4@0.6", "0.25 s"), ("D4@1", "no D4"), ("nonsense", "not a term"), ("10-20s", "not a term"), ("1e9s-", "not a term"),
])
def test_selections_that_cannot_be(score, selection, word):
    with pytest.raises(RtsepError, match=word) as error:
        select(strikes_of(score), selection)
    assert "\n" not in str(error.value)


def stems_of(score, groups, routing):
    """The notes of each stem."""
    grouped = with_groups(groups, score, routing)
    strikes, own = strikes_of(score), grouped.own[grouped_strikes(score)]
    routed = grouped.routing.table[strikes.part, strikes.channel, strikes.pitch]
    stem = np.where(own > 0, own.astype(int) - 1, routed)
    return {name: names_of(score, stem == i) for i, name in enumerate(grouped.routing.names)}


def grouped_strikes(score):
    return (score.messages[:, 1] & 0xF0 == ON) & (score.messages[:, 3] > 0)


def test_a_group_takes_its_notes_from_the_stems(score):
    chord = ["60@0", "64@0", "67@0"]
    assert stems_of(score, ["chord=C4-G4,0s-1s"], by_track(score)) == {
        "left_hand": ["48@0", "52@1", "48@2"], "right": ["60@1", "72@2"], "chord": chord}
    rest = [name for name in ALL if name not in chord]
    assert stems_of(score, ["chord=C4-G4,0s-1s"], everything("rest")) == {"rest": rest, "chord": chord}
    assert stems_of(score, ["x=72"], by_split(score, 60))["high"] == ["60@0", "64@0", "67@0", "60@1"]


def test_the_first_of_several_groups_and_stems_that_are_emptied(score):
    found = stems_of(score, ["High=track:right", "c=C3"], by_track(score))
    assert found == {"left_hand": ["52@1"], "high": ["60@0", "64@0", "67@0", "60@1", "72@2"], "c": ["48@0", "48@2"]}
    assert list(stems_of(score, ["right=track:right"], by_track(score))) == ["left_hand", "right"], "the name is free again"
    assert list(stems_of(score, ["all=channel:1"], by_channel(score))) == ["all"]


def test_without_groups_nothing_changes(score):
    routing = by_track(score)
    grouped = with_groups([], score, routing)
    assert grouped.routing.names == routing.names and np.array_equal(grouped.routing.table, routing.table)
    assert not grouped.own.any()


@pytest.mark.parametrize("groups, words", [
    (["chord"], ["NAME=SELECTION"]), (["=C4"], ["NAME=SELECTION"]), (["residual=C4"], ["NAME=SELECTION"]),
    (["a=C4", "A=C5"], ["a is there already"]), (["left_hand=C4"], ["left_hand", "choose another"]),
    (["a=D4"], ["a=D4", "no note"]), (["a=track:1", "b=C3"], ["b=C3", "earlier groups"]), (["a=C4@9"], ["a=C4@9", "0.25 s"]),
])
def test_groups_that_cannot_be(score, groups, words):
    with pytest.raises(RtsepError) as error:
        with_groups(groups, score, by_track(score))
    assert all(word in str(error.value) for word in words)


# --- the engine -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_notes_with_stems_of_their_own_agree_with_the_twin(preset, seed):
    rng = np.random.default_rng(seed)
    sound, events = band(rng, 8000), random_midi(rng, 80, 8000)
    events["stem"] = rng.choice([0, 0, 1, 2, 3, 4, 2**32 - 1], len(events))
    separator = prepared([preset, make_preset(seed=9)], hands())
    expected = reference.separate(sound, events, reference_setup(separator))
    stems, _ = play(separator, sound, events, (700, 1, 63))
    assert np.abs(stems - expected.stems).max() < 1e-5 * np.abs(sound).max()


def with_stem(events, at, stem):
    events["stem"][at] = stem + 1
    return events


def test_a_key_struck_again_belongs_to_its_new_stem_alone(preset, rng):
    """The string of a note that rings in the pedal or in its release belongs to the stem that struck it last."""
    separator, sound = prepared(preset, hands()), band(rng, 8000)
    play(separator, sound[:, :2048], midi((0, PEDAL, 64, 127), (0, ON, 60, 90), (1000, OFF, 60, 0)))
    assert {stem for stem, _row in open_rows(separator)} == {0}
    play(separator, sound[:, 2048:4096], with_stem(midi((0, ON, 60, 90)), 0, 1))
    assert {stem for stem, _row in open_rows(separator)} == {1}
    play(separator, sound[:, 4096:], midi((0, OFF, 60, 0), (0, PEDAL, 64, 0)))
    assert not open_rows(separator), "note-off and pedal reach it, whatever its stem"


# --- render -----------------------------------------------------------------------------------------------------------


def piece(folder):
    """A folder with mix.wav, made of tones from a preset's templates, notes.mid and small.npz; and the tones by note."""
    preset, rng = make_preset(rows=1), np.random.default_rng(3)
    tones, samples = {}, round(3 * RATE)
    for onset, offset, pitch in (*LEFT, *RIGHT):
        phases = np.exp(2j * np.pi * rng.random(513))
        period = np.fft.irfft(preset.W[list(PITCHES).index(pitch)] * phases)
        tone, begin = np.zeros(samples), round(onset * RATE)
        sounding = np.tile(period / np.abs(period).max(), 50)[: round((offset - onset) * RATE)]
        tone[begin : begin + len(sounding)] = 0.1 * sounding
        tones[f"{pitch}@{onset:g}"] = tone
    soundfile.write(folder / "mix.wav", sum(tones.values()), int(RATE), "FLOAT")
    write_tracks(folder / "notes.mid", {"Left Hand": LEFT, "Right": RIGHT})
    save_preset(preset, folder / "small.npz")
    return tones


def render(folder, *options):
    small = [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]
    return main(["render", str(folder / "mix.wav"), "--midi", str(folder / "notes.mid"), "--out", str(folder / "out"),
                 "--preset", str(folder / "small.npz"), *small, *options])


def sounds(folder):
    report = json.loads((folder / "out" / "report.json").read_text())
    return {stem["name"]: soundfile.read(folder / "out" / stem["file"])[0] for stem in report["stems"]}


def test_a_chord_and_a_single_note_out_of_a_piece(tmp_path):
    tones = piece(tmp_path)
    assert render(tmp_path, "--by", "all", "--group", "chord=C4@0+E4@0+G4@0", "--group", "one=60@1") == 0
    found = sounds(tmp_path)
    assert list(found) == ["rest", "chord", "one", "residual"]
    mix = sum(tones.values())
    assert np.abs(sum(found.values()) - mix).max() < 1e-5 * np.abs(mix).max()
    truths = {"chord": ["60@0", "64@0", "67@0"], "one": ["60@1"], "rest": ["48@0", "52@1", "48@2", "72@2"]}
    for stem, notes in truths.items():
        truth = sum(tones[note] for note in notes)
        assert sdr_db(found[stem], truth) > max(4, sdr_db(mix, truth) + 6), "the same C4 is in both groups"


def test_stems_of_groups_can_have_their_own_instruments(tmp_path):
    piece(tmp_path)
    save_preset(make_preset(seed=7), tmp_path / "other.npz")
    assert render(tmp_path, "--group", "solo=track:right,1s-", "--preset", f"{tmp_path / 'other.npz'}@solo") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [(stem["name"], stem.get("preset")) for stem in report["stems"]] == [
        ("left_hand", "small"), ("right", "small"), ("solo", "other"), ("residual", None)]


def test_all_notes_in_one_stem(tmp_path):
    piece(tmp_path)
    assert render(tmp_path, "--by", "all") == 0
    assert list(sounds(tmp_path)) == ["small", "residual"]


@pytest.mark.parametrize("options, word", [
    (("--group", "x=H9"), "H9"), (("--group", "x=C4", "--set", "gate=off"), "--group needs"),
])
def test_refused(tmp_path, capsys, options, word):
    piece(tmp_path)
    assert render(tmp_path, *options) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and word in told[0] and not (tmp_path / "out").exists()


def test_no_notes_no_groups(tmp_path, capsys):
    piece(tmp_path)
    assert main(["render", str(tmp_path / "mix.wav"), "--out", str(tmp_path / "out"), "--group", "x=C4"]) == 2
    assert "--midi" in capsys.readouterr().err
