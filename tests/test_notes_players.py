"""MIDI files that players read although something in them is not right: the notes are right, and one warning counts it."""

import struct
from functools import partial

import numpy as np
import pytest
import soundfile
from midi_bytes import END, TICKS, control, meta, off, on, one_note, read_bytes, smf, spans, track, varint

from rtsep.errors import RtsepError
from rtsep.training.inputs import gather

TWO = ((TICKS, on(60)), (TICKS, off(60)), (0, on(64)), (TICKS, off(64)), END)
NOTES = [(60, 0.5, 1.0), (64, 1.0, 1.5)]
GM_ON = b"\xf0\x05\x7e\x7f\x09\x01\xf7"


@pytest.fixture
def read(tmp_path):
    """A function from a file's bytes to its Score."""
    return partial(read_bytes, tmp_path / "file.mid")


def with_length(chunk, length):
    return chunk[:4] + struct.pack(">I", length) + chunk[8:]


def chunk(name, data):
    """A RIFF chunk, padded to an even length."""
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def riff(*chunks):
    body = b"RMID" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


# --- running status ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", [GM_ON, meta(0x01, b"text"), meta(0x21, b"\0"), b"\xf7\x02\x01\xf7", meta(0x59, b"\0\0")])
@pytest.mark.parametrize("pairs", [1, 4, 40])
def test_running_status_lasts_across_sysex_and_meta_events(read, between, pairs):
    events = [(0, on(60, 80)), (TICKS, bytes((60, 0))), (0, between)]
    for _ in range(pairs):
        events += [(TICKS, bytes((62, 80))), (TICKS, bytes((62, 0)))]
    score = read(smf(track(*events, END), style=0))
    assert spans(score) == [(60, 0, 0.5), *[(62, 1 + number, 1.5 + number) for number in range(pairs)]]
    assert score.warnings == ()


def test_a_note_whose_end_was_swallowed_does_not_hang(read):
    score = read(smf(track((0, on(60)), (TICKS, control(7, 1)), (TICKS, b"\xf0\x20" + bytes(3)))))
    assert spans(score) == [(60, 0, 0.5)] and "end within a message: 1" in score.warnings[0]


# --- counts and lengths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count, word", [(1, "does not promise: 1"), (0, "does not promise: 2"), (5, "are missing: 3")])
def test_headers_that_promise_another_number_of_tracks(read, count, word):
    score = read(smf(track(*TWO), one_note(72), count=count))
    assert spans(score) == [(72, 0, 0.5), *NOTES] and len(score.track_names) == 2
    assert len(score.warnings) == 1 and word in score.warnings[0]


@pytest.mark.parametrize("length", [0, 1, 5, -1, +3, 1000, 2**32 - 1])
@pytest.mark.parametrize("last", [False, True])
def test_tracks_of_a_wrong_length_end_at_their_end_mark(read, length, last):
    whole = track(*TWO)
    wrong = with_length(whole, len(whole) - 8 + length if length in (-1, 3) else length)
    score = read(smf(one_note(72), wrong) if last else smf(wrong, one_note(72)))
    assert spans(score) == [(72, 0, 0.5), *NOTES]
    assert score.warnings == ("the MIDI file is not quite valid (tracks of a wrong length: 1); rtsep reads it as players do",)


def test_a_track_that_claims_the_whole_file(read):
    first, second = track(*TWO), one_note(72)
    score = read(smf(with_length(first, len(first) - 8 + len(second)), second))
    assert spans(score) == [(72, 0, 0.5), *NOTES] and "wrong length: 1" in score.warnings[0]


def test_what_follows_an_end_mark_is_not_played(read):
    assert spans(read(smf(track(*TWO, (0, on(90)), (9, off(90)))))) == NOTES


# --- RIFF -------------------------------------------------------------------------------------------------------------


INFO, DLS = chunk(b"LIST", b"INFOINAM\x05\0\0\0MThd\0\0"), chunk(b"DLS ", b"x" * 1001)


@pytest.mark.parametrize("before, after", [((), (INFO, DLS)), ((INFO,), ()), ((DLS,), (INFO,)), ((INFO, DLS), ())])
def test_midi_in_riff_among_other_chunks_in_any_order(read, before, after):
    assert spans(read(riff(*before, chunk(b"data", smf(track(*TWO))), *after))) == NOTES


def test_midi_in_riff_whose_lengths_are_wrong(read):
    data = smf(track(*TWO))
    assert spans(read(riff(b"LIST" + struct.pack("<I", 7777) + b"INFO", chunk(b"data", data)))) == NOTES
    assert spans(read(riff(b"data" + struct.pack("<I", 0) + data))) == NOTES


def test_riff_without_midi(read):
    with pytest.raises(RtsepError, match="no MIDI in it"):
        read(riff(chunk(b"data", b"nothing")))


# --- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event, what", [
    (bytes((0xB0, 7, 255)), "data bytes over 127"), (bytes((0xC0, 200)), "data bytes over 127"),
    (bytes((0x90, 200, 64)), "data bytes over 127"), (meta(0x59, b""), "too short"), (meta(0x58, b"\4\2"), "too short"),
    (meta(0x51, b"\7"), "too short"), (meta(0x20, b""), "too short"), (meta(0x21, b""), "too short"),
    (meta(0x54, b"\xff\0\0\0\0"), "impossible"), (b"\xf0\x08PS\0\0\xff\4\1\xf7", "sysex"), (b"\xf4", "system messages"),
    (b"\xf2\1\2", "system messages"), (b"\xfe", "system messages"), (b"\xf0\x7e\x7f\x09\x01\xf7", "wrong length"),
])
def test_odd_events_are_skipped_and_counted(read, event, what):
    score = read(smf(track((0, event), (0, event), *TWO)))
    assert spans(score) == NOTES
    assert len(score.warnings) == 1 and what in score.warnings[0] and ": 2)" in score.warnings[0]


def test_a_byte_that_belongs_to_no_message(read):
    assert spans(score := read(smf(track((0, b"\x40"), *TWO)))) == NOTES
    assert "belong to no message: 1" in score.warnings[0]


def test_values_over_127_mean_127(read):
    pedal = bytes((0xB0, 64, 200))
    score = read(smf(track((0, bytes((0x90, 60, 250))), (0, pedal), (TICKS, off(60)), (TICKS, control(64, 0)), END)))
    assert spans(score) == [(60, 0, 1)] and score.notes()["velocity"].tolist() == [127]
    assert "over 127: 2" in score.warnings[0]


def test_all_that_is_odd_is_one_sentence(read):
    odd = [(0, meta(0x59, b"")), (0, bytes((0xB0, 7, 255))), (0, meta(0x51, b""))]
    score = read(smf(track(*odd, *TWO), count=3))
    assert len(score.warnings) == 1 and "too short: 2" in score.warnings[0] and "over 127: 1" in score.warnings[0]
    assert "are missing: 2" in score.warnings[0]


def test_a_track_that_ends_within_a_message(read):
    assert spans(score := read(smf(track(*TWO[:-1], (TICKS, b"\x90\x3c")), one_note(72)))) == [(72, 0, 0.5), *NOTES]
    assert "end within a message: 1" in score.warnings[0]


# --- ports ------------------------------------------------------------------------------------------------------------


def test_a_channel_is_one_of_its_port(read):
    pedal = track((0, meta(0x21, b"\1")), (0, control(64, 127)), (4 * TICKS, control(64, 0)), END)
    far = track((0, meta(0x21, b"\1")), (0, on(40)), (TICKS, off(40)), END)
    score = read(smf(pedal, one_note(60), far))
    assert spans(score) == [(60, 0, 0.5), (40, 0, 2)] and score.ports == (0, 1)


def test_a_track_that_changes_its_port_is_two_parts(read):
    both = track((0, on(60)), (0, meta(0x21, b"\2")), (0, on(60)), (TICKS, off(60)), (0, meta(0x21, b"\0")),
                 (TICKS, off(60)), END)
    score = read(smf(both))
    assert spans(score) == [(60, 0, 1.0), (60, 0, 0.5)] and score.ports == (0, 2)


def test_programs_count_on_their_port(read):
    def part(port, program):
        return track((0, meta(0x21, bytes((port,)))), (0, bytes((0xC0, program))), (0, on(60)), (TICKS, off(60)), END)

    assert read(smf(part(0, 40), part(1, 56))).programs == {(0, 0): 40, (1, 0): 56}


def test_a_long_delta_is_read(read):
    body = varint(10**6) + on(60) + varint(TICKS) + off(60) + b"\0" + END[1]
    assert spans(read(smf(b"MTrk" + struct.pack(">I", len(body)) + body)))[0][0] == 60


# --- training ---------------------------------------------------------------------------------------------------------


def test_training_is_told_the_same(tmp_path):
    """What train and calibrate read is what render reads, and so is the warning."""
    soundfile.write(tmp_path / "take.wav", np.zeros(44100), 44100)
    (tmp_path / "take.mid").write_bytes(smf(track((0, meta(0x59, b"")), *TWO), count=2))
    given, = gather([tmp_path / "take.wav"], [tmp_path / "take.mid"], "recording", lambda *_: None)
    assert given.source.notes["pitch"].tolist() == [60]
    odd, late = given.warnings
    assert odd.startswith("take.mid: the MIDI file is not quite valid (") and "beyond the end" in late
