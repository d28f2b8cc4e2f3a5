"""Which stem each note goes to, names of tracks as file names, and note names as pitches."""

import random

import numpy as np
import pytest

from rtsep.errors import RtsepError
from rtsep.notes.names import stem_name, stem_names
from rtsep.notes.pitch import parse_pitch
from rtsep.notes.routing import by_channel, by_drum, by_split, by_track
from rtsep.notes.score import Score


def score(*names, channels=(0,)):
    return Score(names, np.zeros(0), np.zeros((0, 4), np.uint8), channels, 0, 0.0, 0)


def test_one_stem_per_track():
    routing = by_track(score("Left Hand", "Right Hand"))
    assert routing.names == ("left_hand", "right_hand")
    assert (routing.table.dtype, routing.table.shape) == (np.int8, (32, 16, 128))
    assert np.all(routing.table[0] == 0) and np.all(routing.table[1] == 1) and np.all(routing.table[2:] == -1)


def test_32_tracks_are_32_stems():
    routing = by_track(score(*["piano"] * 32))
    assert len(set(routing.names)) == 32
    assert routing.table[31, 15, 127] == 31


def test_one_stem_per_channel():
    routing = by_channel(score("a", "b", channels=(2, 9)))
    assert routing.names == ("channel_3", "channel_10")
    assert np.all(routing.table[:, 2] == 0) and np.all(routing.table[:, 9] == 1)
    assert np.count_nonzero(routing.table >= 0) == 2 * 32 * 128


def drum_score(*notes):
    """A score of notes (channel, pitch), each one second long."""
    messages = [row for channel, pitch in notes for row in ((0, 0x90 | channel, pitch, 90), (0, 0x80 | channel, pitch, 0))]
    return Score(("drums",), np.arange(len(messages), dtype=float), np.array(messages, np.uint8).reshape(-1, 4),
                 tuple(sorted({channel for channel, _ in notes})), len(notes), float(len(messages)), 0)


def test_one_stem_per_group_of_drums_that_is_played():
    routing = by_drum(drum_score((9, 36), (9, 42), (9, 46), (9, 49), (9, 35)))
    assert routing.names == ("kick", "hihat", "cymbals")
    assert routing.table[0, 9, [35, 36, 42, 46, 49]].tolist() == [0, 0, 1, 1, 2]
    assert np.all(routing.table[0, 9, [38, 44, 57]] == -1), "drums that are not played have no stem"


def test_drums_are_on_channel_10_where_it_plays():
    assert np.all(by_drum(drum_score((9, 36), (0, 38))).table[:, :9] == -1)
    pads = by_drum(drum_score((0, 36), (3, 38)))
    assert pads.names == ("kick", "snare") and pads.table[0, 3, 38] == 1


def test_live_drums_are_all_groups_on_every_channel():
    routing = by_drum()
    assert routing.names == ("kick", "snare", "hihat", "toms", "cymbals", "percussion")
    found = routing.table[5, 3]
    assert np.all(found[35:82] >= 0) and np.all(found[:21] == -1) and np.all(found[82:] == -1)
    assert [routing.names[found[key]] for key in (22, 26, 21, 33, 31)] == ["hihat", "hihat", "hihat", "kick", "snare"]


@pytest.mark.parametrize("split", [0, 1, 60, 127])
def test_the_split_key_belongs_to_high(split):
    routing = by_split(None, split)
    assert routing.names == ("low", "high")
    hands = np.delete(routing.table, 9, axis=1)
    assert np.all(hands[:, :, :split] == 0) and np.all(hands[:, :, split:] == 1)
    assert np.all(routing.table[:, 9] == -1), "drums belong to no hand"
    assert np.all(by_split(None, split, (10,)).table[:, 9] >= 0), "if only channel 10 is asked for, a keyboard plays there"


def test_the_usual_split_is_middle_c():
    table = by_split().table
    assert (table[0, 0, 59], table[0, 0, 60]) == (0, 1)


def test_a_split_score_routes_its_own_parts_only():
    table = by_split(score("a", "b"), 60).table
    assert np.all(np.delete(table, 9, axis=1)[:2] >= 0) and np.all(table[2:] == -1) and np.all(table[:, 9] == -1)


def test_drums_belong_to_no_hand_unless_nothing_else_plays():
    both, alone = by_split(drum_score((9, 36), (0, 40), (9, 62))), by_split(drum_score((9, 36), (9, 62)))
    assert np.all(both.table[0, 9] == -1) and both.table[0, 0, 40] == 0
    assert (alone.table[0, 9, 36], alone.table[0, 9, 62]) == (0, 1)


def test_no_notes_no_stems():
    for routing in (by_track(score()), by_channel(score(channels=()))):
        assert routing.names == ()
        assert np.all(routing.table == -1)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Piano", "piano"),
        ("Left Hand (Piano)", "left_hand__piano_"),
        ("violín 2", "violín_2"),
        ("../../etc/passwd", "______etc_passwd"),
        ("a" * 99, "a" * 64),
        ("Residuals", "residuals"),
        ("con 1", "con_1"),
    ],
)
def test_names_of_tracks_become_names_of_files(raw, name):
    assert stem_name(raw) == name
    assert stem_names([raw]) == (name,)


@pytest.mark.parametrize(
    "raw",
    ["", ".", "..", "   ", "♪♪", "_", "residual", "Residual", "MIXDOWN", "report", "picture", "AUX", "nul", "COM1"],
)
def test_names_that_are_never_taken_from_a_track(raw):
    assert stem_names(["first", raw]) == ("first", "track_2")


def test_doubles_get_a_number():
    assert stem_names(["Piano", "piano", "PIANO!", "piano"]) == ("piano", "piano_2", "piano_", "piano_3")


def test_a_number_that_is_taken_is_skipped():
    assert stem_names(["a", "a_2", "a"]) == ("a", "a_2", "a_3")
    assert stem_names(["track_2", ""]) == ("track_2", "track_2_2")


def test_long_doubles_stay_within_the_limit():
    assert stem_names(["b" * 70, "b" * 80]) == ("b" * 64, "b" * 62 + "_2")


def test_names_are_always_different_safe_and_short():
    rng = random.Random(3)
    for _ in range(200):
        raw = ["".join(rng.choice("aB2_. é/") for _ in range(rng.choice((0, 1, 2, 70)))) for _ in range(32)]
        names = stem_names(raw)
        assert len(set(names)) == 32
        for name in names:
            assert 0 < len(name) <= 64
            assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_é")


@pytest.mark.parametrize(
    ("text", "pitch"),
    [("C4", 60), ("60", 60), ("F#3", 54), ("Bb2", 46), ("bb2", 46), ("b2", 47), ("c-1", 0), ("G9", 127), ("0", 0),
     ("127", 127), ("Cb4", 59), ("B#3", 60), ("E♭4", 63), ("a♯4", 70), (" A4 ", 69)],
)  # fmt: skip
def test_pitches(text, pitch):
    assert parse_pitch(text) == pitch


def test_every_pitch_has_a_name():
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    assert [parse_pitch(f"{names[pitch % 12]}{pitch // 12 - 1}") for pitch in range(128)] == list(range(128))


@pytest.mark.parametrize(
    "text", ["", "H4", "C", "C44", "128", "-1", "G#9", "Cb-1", "60.0", "C4 D4", "4C", "٦٠", "c##4"]
)
def test_what_is_no_pitch(text):
    with pytest.raises(RtsepError, match="give a note from C-1 to G9") as caught:
        parse_pitch(text)
    assert repr(text) in str(caught.value)
