"""`rtsep hands` divides the notes of a file between the hands as the engine does, and writes a MIDI file with two tracks."""

import json

import mido
import note_files
import numpy as np
import pytest
from conftest import INSTANT, SMALL, make_preset, prepared, process_from
from instruments import write_tracks
from midi_bytes import END, control, meta, off, on, smf, tempo, track
from render_files import RATE, fill, render, report_of
from test_hands import KEYS, two_hands

from rtsep.cli import main
from rtsep.engine.note_path import SAMPLE_RATE, give_to_hands
from rtsep.hosts.demo import clip_folder
from rtsep.hosts.hands_file import Job, divide
from rtsep.kernels.memory import CORRECTION
from rtsep.notes.routing import by_hands, struck
from rtsep.notes.score import Score, read_midi
from rtsep.presets.preset import save_preset

LOW = [(0.2 * i, 0.2 * i + 0.3, 43 + i) for i in range(8)]
HIGH = [(0.2 * i + 0.02, 0.2 * i + 0.3, 76 - i) for i in range(8)]
LEFT, RIGHT = range(2)


def written(path):
    """The tracks by name: (tick, bytes) of each message; the first track is called "" here."""
    found = {}
    for number, each in enumerate(mido.MidiFile(path).tracks):
        now, messages = 0, []
        for message in each:
            now += message.time
            if message.type not in ("track_name", "end_of_track"):
                messages.append((now, bytes(message.bytes())))
        found[each.name if number else ""] = messages
    return found


def notes_of(score):
    """The notes as (onset, pitch, velocity, channel, offset), sorted."""
    return sorted(score.notes()[["onset_s", "pitch", "velocity", "channel", "offset_s"]].tolist())


def divided(source, *options):
    """Run the command, and read the file that it wrote as a Score."""
    out = source.with_name("out.mid")
    assert main(["hands", str(source), "-o", str(out), "--overwrite", *options]) == 0
    return read_midi(out)


# --- what is decided --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [SMALL, INSTANT])
@pytest.mark.parametrize("seed", range(3))
def test_it_decides_as_the_engine_does_while_it_plays(params, seed):
    """Also with another window and other times of ringing; with chords, pedals, two keyboards, and decisions that change."""
    events = two_hands(np.random.default_rng(seed), 120_000, 150)
    events = events[events["status"] != CORRECTION]
    messages = np.stack([events[name] for name in ("part", "status", "data1", "data2")], axis=1).astype(np.uint8)
    score = Score(("a", "b"), events["sample"] / SAMPLE_RATE, messages, (0,), int((messages[:, 1] == 0x90).sum()), 3.0, 0)
    preset = make_preset(range(30, 100), rows=1, rate=SAMPLE_RATE, release_s=0.2)
    separator = prepared(preset, by_hands(score), params, rate=SAMPLE_RATE, max_block=500)
    silence, found = np.zeros((1, 120_000), np.float32), {}
    for begin in range(0, 120_000, 500):
        process_from(separator, silence, events, begin, begin + 500)
        recent = separator.prepared.state["recent"][: separator.prepared.state["recent_count"][0]]
        found.update({(note["sample"], note["part"], note["pitch"]): (note["hand"], note["right"]) for note in recent})
    given = give_to_hands(score, by_hands(score))
    strikes = events[struck(score)]
    expected = [found[sample, part, pitch] for sample, part, pitch in strikes[["sample", "part", "data1"]].tolist()]
    assert [*zip(given.stem, given.at_last, strict=True)] == expected
    counters = separator.counters
    assert given.revised == counters.revised_notes > 0 and len(expected) == counters.hand_notes


def test_it_counts_what_render_counts(tmp_path, capsys):
    fill(tmp_path)
    write_tracks(tmp_path / "notes.mid", {"Left": LOW, "Right": HIGH})
    save_preset(make_preset(KEYS, rows=1, window=2048, rate=RATE), tmp_path / "small.npz")
    assert render(tmp_path, "--by", "hands") == 0
    capsys.readouterr()
    assert main(["hands", str(tmp_path / "notes.mid"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {name: told[name] for name in ("notes", "revised", "uncertain")} == report_of(tmp_path)["hands"]
    assert told["out"] is None and not (tmp_path / "out.mid").exists()


def test_more_tracks_than_the_engine_has_parts(tmp_path):
    write_tracks(tmp_path / "many.mid", {f"t{i}": [(0.1 * i, 0.1 * i + 0.1, 40 + i)] for i in range(40)})
    score = divided(tmp_path / "many.mid")
    assert score.track_names == ("right hand", "left hand")
    assert notes_of(score) == notes_of(read_midi(tmp_path / "many.mid"))


@pytest.mark.parametrize("options", [(), ("--offline",)])
def test_no_note_is_lost(options, tmp_path):
    clip = read_midi(clip_folder() / "demo.mid")
    (tmp_path / "clip.mid").write_bytes((clip_folder() / "demo.mid").read_bytes())
    score = divided(tmp_path / "clip.mid", *options)
    assert score.track_names == ("right hand", "left hand")
    assert [note[:4] for note in notes_of(score)] == [note[:4] for note in notes_of(clip)], "offsets: one key in two tracks"
    told = divide(Job(clip_folder() / "demo.mid", offline="--offline" in options))
    assert told["tracks"]["share"] > 0.8 and told["left_hand"] + told["right_hand"] == told["notes"] == clip.note_count


def test_later_notes_count_too():
    """Each note also has a probability by later notes, and some differ. The last notes keep their first probability."""
    score = read_midi(clip_folder() / "demo.mid")
    given, pitch = give_to_hands(score, by_hands(score)), score.messages[struck(score), 2]
    assert ((given.at_last >= 0) & (given.at_last <= 1)).all()
    assert given.at_last[pitch < 45].max() < 0.5 < given.at_last[pitch > 80].min()
    changed = given.at_last != given.right
    assert changed.mean() > 0.5 and not changed[-1]


# --- the file ---------------------------------------------------------------------------------------------------------

KEPT = (meta(0x58, bytes((3, 2, 24, 8))), meta(0x59, bytes((0xFD, 1))), meta(0x06, b"Trio"), tempo(400_000))


@pytest.mark.parametrize("style", [0, 1])
def test_tempo_pedals_programs_and_marks_stay(tmp_path, style):
    head = [(0, meta(0x03, b"Piece")), *((0, each) for each in KEPT[:3]), (0, KEPT[3])]
    notes = [(0, bytes((0xC0, 4))), (0, control(64, 127)), (0, on(40)), (10, on(80)), (5, bytes((0xE0, 0, 72))),
             (90, off(40)), (5, off(80)), (0, control(64, 0))]
    drums = [(0, on(38, channel=9)), (20, off(38, 9))]
    chunks = [track(*head, *notes, *drums, END)] if style == 0 else [track(*head, END), track(*notes, END), track(*drums, END)]
    (tmp_path / "in.mid").write_bytes(smf(*chunks, style=style, division=96))
    score, found = divided(tmp_path / "in.mid"), written(tmp_path / "out.mid")
    assert list(found) == ["", "right hand", "left hand", "drums"] and mido.MidiFile(tmp_path / "out.mid").ticks_per_beat == 96
    assert sorted(found[""]) == sorted((0, each) for each in KEPT)
    both = [(0, bytes((0xC0, 4))), (0, control(64, 127)), (15, bytes((0xE0, 0, 72))), (110, control(64, 0))]
    assert set(found["right hand"]) == {*both, (10, on(80)), (110, off(80))}
    assert set(found["left hand"]) == {*both, (0, on(40)), (105, off(40))}
    assert [message for _, message in found["drums"]] == [on(38, channel=9), off(38, 9)]
    assert notes_of(score) == notes_of(read_midi(tmp_path / "in.mid"))
    if style == 1:
        assert mido.MidiFile(tmp_path / "out.mid").tracks[0].name == "Piece"


def test_one_pedal_in_two_tracks_is_written_once(tmp_path):
    """Both tracks of a piano often have the pedal, on one channel. A key that both hands hold is released twice."""
    low = track((0, control(64, 127)), (0, on(40)), (100, off(40)), END)
    high = track((0, control(64, 127)), (0, on(80)), (100, off(80)), END)
    (tmp_path / "in.mid").write_bytes(smf(low, high))
    divided(tmp_path / "in.mid")
    for name in ("right hand", "left hand"):
        assert [message for _, message in written(tmp_path / "out.mid")[name]].count(control(64, 127)) == 1


def test_ports_and_smpte_time_stay(tmp_path):
    first, second = (track((0, meta(0x21, bytes((port,)))), (0, on(pitch)), (40, off(pitch)), END)
                     for port, pitch in ((0, 40), (1, 41)))
    (tmp_path / "in.mid").write_bytes(smf(first, second, division=0xE728))
    score, before = divided(tmp_path / "in.mid"), read_midi(tmp_path / "in.mid")
    assert score.ports == (0, 1) and notes_of(score) == notes_of(before) and score.duration_s == before.duration_s


def test_a_table_becomes_midi(tmp_path):
    (tmp_path / "in.csv").write_text(note_files.TABLES["libfmp.csv"])
    score = divided(tmp_path / "in.csv")
    assert [(note["onset_s"], note["offset_s"], note["pitch"]) for note in score.notes()] == note_files.NOTES


# --- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names, agree", [(("right", "left"), 16), (("Left", "Right"), 0), (("LH", "RH"), 0),
                                          (("track", "other"), 16), (("rechte Hand", "linke Hand"), 16)])
def test_two_tracks_are_compared_with_the_hands(tmp_path, capsys, names, agree):
    write_tracks(tmp_path / "in.mid", dict(zip(names, (HIGH, LOW), strict=True)))
    divided(tmp_path / "in.mid")
    assert f"{agree} of 16 agree with the two tracks ({100 * agree / 16:.1f} %)" in capsys.readouterr().out


def test_four_hands_one_hand_and_one_track(tmp_path):
    four = {name: [(on, off, pitch + move) for on, off, pitch in notes]
            for name, notes, move in (("a", HIGH, 12), ("b", LOW, 24), ("c", HIGH, -24), ("d", LOW, -12))}
    write_tracks(tmp_path / "four.mid", four)
    told = divide(Job(tmp_path / "four.mid"))
    assert told["tracks"] is None and told["notes"] == 32 and min(told["left_hand"], told["right_hand"]) > 8
    write_tracks(tmp_path / "one.mid", {"Left": LOW[:4]})
    told = divide(Job(tmp_path / "one.mid", tmp_path / "out.mid"))
    assert (told["left_hand"], told["right_hand"], told["tracks"]) == (4, 0, None)
    assert written(tmp_path / "out.mid")["right hand"] == []


def test_drums_alone_are_a_keyboard_that_sends_on_channel_10(tmp_path):
    (tmp_path / "in.mid").write_bytes(smf(track((0, on(38, channel=9)), (20, off(38, 9)), END)))
    score = divided(tmp_path / "in.mid")
    assert notes_of(score) == notes_of(read_midi(tmp_path / "in.mid")) and score.track_names == ("left hand",)


def test_a_score_tells_the_hands(tmp_path):
    """The hands cross: by the notes alone they would be exchanged."""
    write_tracks(tmp_path / "score.mid", {"Left": HIGH, "Right": LOW})
    write_tracks(tmp_path / "in.mid", {"played": sorted(HIGH + LOW)})
    told = divide(Job(tmp_path / "in.mid", score=tmp_path / "score.mid"))
    assert (told["told_by"], told["notes"]) == ("the score", 16)
    score = divided(tmp_path / "in.mid", "--score", str(tmp_path / "score.mid"))
    assert {note["pitch"] for note in score.notes() if note["part"] == 1} == {pitch for _, _, pitch in HIGH}
    assert {note["pitch"] for note in divided(tmp_path / "in.mid").notes() if note["part"] == 1} < {p for _, _, p in LOW + HIGH}


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make, options, words", [
    (lambda path: None, (), ("cannot read",)),
    (lambda path: path.write_bytes(b"noise" * 20), (), ("in.mid",)),
    (lambda path: path.write_bytes(smf(track(END))), (), ("has no notes",)),
    (lambda path: write_tracks(path, {"a": LOW}), ("-o", "out.wav"), (".mid",)),
    (lambda path: write_tracks(path, {"a": LOW}), ("-o", "no/out.mid"), ("there is no folder",)),
    (lambda path: write_tracks(path, {"a": LOW}), ("-o", "there.mid"), ("there already", "--overwrite")),
    (lambda path: write_tracks(path, {"a": LOW}), ("-o", "in.mid", "--overwrite"), ("is the input",)),
    (lambda path: write_tracks(path, {"a": LOW}), ("--offline", "--score", "in.mid"), ("do not go together",)),
    (lambda path: write_tracks(path, {"a": LOW}), ("--score", "in.mid"), ("has one part",)),
])
def test_refusals_say_what_to_do_and_leave_nothing(tmp_path, monkeypatch, capsys, make, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.mid").write_bytes(b"mine")
    make(tmp_path / "in.mid")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["hands", "in.mid", *options]) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words) and said.count("\n") == 1, said
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
