"""Pitch bends, tunings and MPE: which notes are reported as bent, and at which pitch they are played."""

from functools import partial

import pytest
from midi_bytes import END, TICKS, control, meta, off, on, read_bytes, smf, spans, track, varint

from rtsep.hosts.bendwatch import BendWatch
from rtsep.notes.messages import Message

HALF = 8192 // 2  # Half of the range upwards.


@pytest.fixture
def read(tmp_path):
    """A function from the events of one track to its Score."""
    return lambda *events: read_bytes(tmp_path / "file.mid", smf(track(*events, END), style=0))


def bend(value, channel=0):
    """The bytes of a bend by `value`, -8192 to 8191."""
    return bytes((0xE0 | channel, (value + 8192) & 0x7F, (value + 8192) >> 7))


def rpn(number, coarse, fine=None, channel=0):
    """The events that set a registered parameter."""
    data = [control(101, 0, channel), control(100, number, channel), control(6, coarse, channel)]
    return [(0, each) for each in data + ([] if fine is None else [control(38, fine, channel)])]


def note(pitch, channel=0, wait=0, length=TICKS):
    return (wait, on(pitch, channel=channel)), (length, off(pitch, channel))


def sysex(*data):
    return 0, b"\xf0" + varint(len(data) + 1) + bytes((*data, 0xF7))


def pitches(score):
    return [pitch for pitch, _, _ in spans(score)]


# --- bends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value, bent", [(0, False), (800, False), (-800, False), (830, True), (-830, True)])
def test_notes_are_bent_from_20_cents_on(read, value, bent):
    """The default range is two semitones, so 819 is 20 cents."""
    assert bool(read((0, bend(value)), *note(60)).warnings) is bent


def test_the_warning_says_how_many_how_much_from_when_and_where(read):
    score = read(*note(60), (0, bend(HALF // 2)), (0, bend(HALF // 2, 4)), *note(60), *note(64), *note(67, 4), *note(60, 5))
    assert score.warnings == (
        "3 notes are bent or tuned by more than 20 cents, up to 50, from 0.50 s on, on channel 1, 5: they keep the templates "
        "of their written pitch and separate less well",)
    assert pitches(score) == [60, 60, 64, 67, 60]


def test_a_bend_within_a_note_counts_and_one_after_it_does_not(read):
    assert read((0, on(60)), (9, bend(HALF)), (9, bend(0)), (TICKS, off(60))).warnings
    assert not read((0, on(60)), (TICKS, off(60)), (0, bend(HALF)), (9, bend(0)), *note(62)).warnings
    assert not read((0, bend(HALF)), (0, control(121, 0)), *note(60)).warnings, "controllers were reset"


def test_a_note_bent_by_whole_semitones_is_played_where_it_sounds(read):
    score = read((0, bend(8191)), *note(60), (0, bend(0)), *note(60), (0, bend(-HALF)), *note(60))
    assert spans(score) == [(62, 0, 0.5), (60, 0.5, 1), (59, 1, 1.5)]
    assert "2 notes are bent" in score.warnings[0] and "templates of the pitches that sound" in score.warnings[0]


def test_a_slide_keeps_its_written_pitch(read):
    score = read((0, on(60)), (TICKS, bend(8191)), (TICKS, off(60)))
    assert spans(score) == [(60, 0, 1)] and "up to 200" in score.warnings[0] and "separate less well" in score.warnings[0]


def test_overlapping_notes_end_at_the_pitch_at_which_they_began(read):
    score = read((0, bend(8191)), (0, on(60)), (TICKS, off(60)), (0, bend(0)), (0, on(62)), (TICKS, off(62)))
    assert spans(score) == [(62, 0, 0.5), (62, 0.5, 1)]


@pytest.mark.parametrize("reach, value, pitch", [((12, None), 8191, 72), ((12, None), HALF, 66), ((1, 50), HALF, None)])
def test_the_range_of_bends(read, reach, value, pitch):
    score = read(*rpn(0, *reach), (0, bend(value)), *note(60))
    assert pitches(score) == [pitch or 60]
    assert f"up to {100 * (pitch - 60) if pitch else 75}" in score.warnings[0]


def test_another_parameter_is_no_range(read):
    assert not read(*rpn(5, 12), (0, bend(100)), *note(60)).warnings
    nrpn = [(0, control(101, 0)), (0, control(100, 0)), (0, control(99, 1)), (0, control(98, 8)), (0, control(6, 24))]
    assert not read(*nrpn, (0, bend(100)), *note(60)).warnings


def test_drums_are_never_bent(read):
    assert not read((0, bend(8191, 9)), *note(36, 9)).warnings


# --- tunings ----------------------------------------------------------------------------------------------------------


def test_coarse_and_fine_tuning(read):
    assert pitches(read(*rpn(2, 64 + 12), *note(60))) == [72]
    assert pitches(read(*rpn(2, 64 - 5), *note(60), *note(60, 1))) == [55, 60]
    assert not read(*rpn(1, 64 + 12, 0), *note(60)).warnings, "19 cents"
    assert "up to 30" in read(*rpn(1, 64 + 19, 0), *note(60)).warnings[0]


def test_single_keys_are_tuned(read):
    change = sysex(0x7F, 0x7F, 8, 2, 0, 2, 60, 60, 64, 0, 62, 61, 0, 0)
    score = read(change, *note(60), *note(61), *note(62))
    assert pitches(score) == [60, 61, 61] and "2 notes are" in score.warnings[0] and "up to 100" in score.warnings[0]


def test_a_dump_tunes_all_keys(read):
    equal = [byte for key in range(128) for byte in (key, 0, 0)]
    assert not read(sysex(0x7E, 0, 8, 1, 0, *bytes(16), *equal, 0), *note(60)).warnings
    quarter = [byte for key in range(128) for byte in (key, 64, 0)]
    assert "up to 50" in read(sysex(0x7E, 0, 8, 1, 0, *bytes(16), *quarter, 0), *note(60)).warnings[0]


def test_octaves_are_tuned_on_the_channels_that_are_named(read):
    steps = [64 - 50 if step == 4 else 64 for step in range(12)]
    score = read(sysex(0x7F, 0x7F, 8, 8, 0, 0, 0b10, *steps), *note(64), *note(64, 1), *note(65, 1))
    assert "1 note is" in score.warnings[0] and "from 0.50 s on, on channel 2" in score.warnings[0]
    fine = [byte for step in range(12) for byte in ((32, 0) if step == 4 else (64, 0))]
    assert "2 notes are" in read(sysex(0x7E, 0, 8, 9, 3, 127, 127, *fine), *note(64), *note(76, 8), *note(65, 8)).warnings[0]


def test_master_tuning(read):
    assert pitches(read(sysex(0x7F, 0x7F, 4, 4, 0, 66), *note(60))) == [62]
    assert "up to 50" in read(sysex(0x7F, 0x7F, 4, 3, 0, 96), *note(60)).warnings[0]
    assert not read(sysex(0x7F, 0x7F, 4, 1, 0, 96), *note(60)).warnings, "this message sets the volume"


# --- MPE --------------------------------------------------------------------------------------------------------------

ZONE, UPPER = rpn(6, 15), rpn(6, 4, channel=15)


def test_the_masters_pedal_holds_its_members(read):
    held = read(*ZONE, (0, control(64, 127)), *note(60, 1), *note(64, 2), (TICKS, control(64, 0)))
    assert spans(held) == [(60, 0, 1.5), (64, 0.5, 1.5)]
    assert spans(read((0, control(64, 127)), *note(60, 1), (TICKS, control(64, 0)))) == [(60, 0, 0.5)], "no zone"
    upper = read(*UPPER, (0, control(64, 127, 15)), *note(60, 11), *note(64, 3), (TICKS, control(64, 0, 15)))
    assert spans(upper) == [(60, 0, 1.5), (64, 0.5, 1)]


def test_bends_of_member_and_master_add_up(read):
    score = read(*ZONE, (0, bend(8191)), (0, bend(171, 1)), *note(60, 1), *note(60, 2))  # They bend by 200 and 100 cents.
    assert pitches(score) == [63, 62] and "up to 300" in score.warnings[0]


def test_members_bend_by_48_semitones_unless_one_of_them_is_told_another_range(read):
    assert pitches(read(*ZONE, (0, bend(HALF // 2, 3)), *note(60, 3))) == [72]
    assert pitches(read(*ZONE, *rpn(0, 24, channel=1), (0, bend(HALF, 3)), *note(60, 3))) == [72]


def test_channel_10_of_a_zone_is_no_drum_and_its_program_is_the_masters(read):
    score = read(*ZONE, (0, bytes((0xC0, 40))), *note(60, 9), *note(60, 1))
    assert score.programs == {(0, 9): 40, (0, 1): 40}


# --- live -------------------------------------------------------------------------------------------------------------


def live(*messages: bytes, watch=None) -> tuple[list[Message], str]:
    watch = watch or BendWatch()
    return [each for data in messages for each in watch.receive(0, (*data, 0)[:3])], watch.news()


def test_live_bends_are_told_once_while_a_note_sounds():
    watch = BendWatch()
    assert live(bend(HALF), bend(0), on(60), bend(500), watch=watch)[1] == ""
    assert "channel 1 are bent by +100 cents" in live(bend(HALF), watch=watch)[1]
    assert live(bend(0), bend(HALF), watch=watch)[1] == ""
    assert "channel 3" in live(bend(HALF, 2), on(60, channel=2))[1]


def test_live_a_masters_pedal_goes_to_its_members():
    zone = [data for _, data in rpn(6, 3)]
    pedal = live(*zone, control(64, 127))[0][-4:]
    assert pedal == [(0xB0 | channel, 64, 127) for channel in range(4)]
    assert live(*zone, control(7, 1), control(64, 127, 1))[0][-2:] == [(0xB0, 7, 1), (0xB1, 64, 127)]
    assert "channel 2" in live(*zone, on(60, channel=1), bend(HALF))[1]


def test_names_are_not_disturbed(tmp_path):
    score = partial(read_bytes, tmp_path / "x.mid")(smf(track((0, meta(3, b"Lead")), (0, bend(8191)), *note(60), END)))
    assert score.track_names == ("Lead",)
