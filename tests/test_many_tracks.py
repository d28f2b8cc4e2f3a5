"""Scores with more tracks or channels than stems are sensible: families, limits, and hints what to choose."""

import json

import numpy as np
import pytest
from midi_bytes import END, TICKS, control, meta, off, on, read_bytes, smf, track
from render_files import fill, refused, render, report_of, sounds_of

from rtsep.errors import RtsepError
from rtsep.notes.folded import ENGINE_PARTS, fold
from rtsep.notes.hints import routing_hints
from rtsep.notes.routing import by_channel, by_family, by_track, everything, keyboards


def staff(number, pitch, program=None, channel=0, port=None, events=()):
    """A named track with one note of half a second."""
    return track((0, meta(3, f"Staff {number}".encode())), *([(0, meta(0x21, bytes((port,))))] if port is not None else []),
                 *([(0, bytes((0xC0 | channel, program)))] if program is not None else []),
                 (0, on(pitch, channel=channel)), *events, (TICKS, off(pitch, channel)), END)


@pytest.fixture
def read(tmp_path):
    return lambda *tracks: read_bytes(tmp_path / "file.mid", smf(*tracks))


def orchestra(count=40):
    """Strings, brass and drums in turn, all but the drums on channel 1."""
    kinds = ((40, 0), (57, 0), (None, 9))
    return [staff(number, 36 + number, *kinds[number % 3]) for number in range(count)]


# --- families ---------------------------------------------------------------------------------------------------------


def test_a_stem_for_each_family(read):
    score = read(staff(1, 60, 0), staff(2, 60, 73, 1), staff(3, 60, 71, 2), staff(4, 36, None, 9), staff(5, 60, 6, 3))
    routing = by_family(score)
    assert routing.names == ("piano", "reed", "pipe", "drums")
    assert [routing.table[part, channel, 60] for part, channel in keyboards(score)] == [0, 2, 1, 3, 0]


def test_names_of_families_are_names_of_files(read):
    assert by_family(read(staff(1, 60, 14), staff(2, 60, 80, 1))).names == ("chromatic_percussion", "synth_lead")
    assert by_family(read(track(END))).names == ()


def test_more_tracks_than_stems_are_refused_in_python(read):
    assert len(by_track(read(*orchestra(32))).names) == 32
    with pytest.raises(RtsepError, match="40 stems, allowed are 32"):
        by_track(read(*orchestra(40)))


# --- channels of ports ------------------------------------------------------------------------------------------------


def test_channels_of_each_port(read):
    score = read(staff(1, 60, channel=0, port=0), staff(2, 60, channel=0, port=1), staff(3, 60, channel=2, port=1))
    routing = by_channel(score)
    assert routing.names == ("channel_1", "port_2_channel_1", "port_2_channel_3")
    assert [routing.table[part, channel, 60] for part, channel in ((0, 0), (1, 0), (2, 2))] == [0, 1, 2]


# --- the engine's parts -----------------------------------------------------------------------------------------------


def test_many_parts_are_spread_over_the_engines_keyboards(read):
    score = read(*orchestra(40))
    routing = by_family(score)
    assert routing.table.shape == (40, 16, 128)
    events, table = fold(score.events(44100), routing.table, keyboards(score))
    assert table.shape == (ENGINE_PARTS, 16, 128) and len(events) == len(score.seconds)
    before = routing.table[score.messages[:, 0], score.messages[:, 1] & 15, score.messages[:, 2]]
    after = table[events["part"], events["status"] & 15, events["data1"]]
    assert np.array_equal(before, after) and set(before.tolist()) == {0, 1, 2}
    assert np.array_equal(events["status"] & 0xF0, score.messages[:, 1] & 0xF0)
    assert len({(event["part"], event["status"] & 15) for event in events}) == 40, "each keyboard for itself"


def test_few_parts_stay_as_they_are(read):
    score = read(*orchestra(32))
    events, table = score.events(44100), by_track(score).table
    assert fold(events, table, keyboards(score)) == (events, table)


def test_a_pedal_holds_the_same_notes_after_folding(read):
    pedals = ((0, control(64, 127)),)
    score = read(*[staff(number, 60, events=pedals if number % 2 else ((0, control(64, 0)),)) for number in range(36)])
    events, _ = fold(score.events(44100), everything("x", score).table, keyboards(score))
    down = [event for event in events if event["status"] & 0xF0 == 0xB0 and event["data2"] == 127]
    assert len(down) == 18 and len({(event["part"], event["status"]) for event in down}) == 18


def test_too_many_keyboards(read):
    score = read(*[track(*[(0, on(60, channel=channel)) for channel in range(16)], END) for _ in range(33)])
    with pytest.raises(RtsepError, match="528 tracks and channels have notes, allowed are 512"):
        fold(score.events(44100), everything("x", score).table, keyboards(score))


# --- hints ------------------------------------------------------------------------------------------------------------


def test_one_track_on_several_channels(read):
    song = track((0, on(48)), (0, on(72, channel=1)), (0, on(38, channel=9)), (TICKS, off(48)), END)
    told, = routing_hints(read(song), "track")
    assert "3 channels (1, 2, 10)" in told and "--by channel makes a stem of each channel" in told
    assert not routing_hints(read(song), "channel") and not routing_hints(read(song, staff(2, 60)), "track")
    assert not routing_hints(read(staff(1, 60)), "track")


def test_an_mpe_zone_is_one_instrument(read):
    zone = [(0, control(101, 0)), (0, control(100, 6)), (0, control(6, 15))]
    notes = [(0, on(60 + channel, channel=channel)) for channel in (1, 2, 9)]
    assert not routing_hints(read(track(*zone, *notes, END)), "track")


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """mix.wav, small.npz and many.mid with 40 tracks."""
    fill(tmp_path)
    (tmp_path / "many.mid").write_bytes(smf(*orchestra(40)))
    return tmp_path


@pytest.mark.parametrize("by, stems", [
    ("track", ["strings", "brass", "drums"]), ("family", ["strings", "brass", "drums"]), ("all", ["small"]),
    ("channel", ["channel_1", "channel_10"]), ("split", ["low", "high"]),
    ("drum", ["snare", "hihat", "toms", "cymbals", "percussion"]),
])
def test_forty_tracks_with_every_by(folder, by, stems):
    assert render(folder, "--by", by, midi="many.mid") == 0
    sounds, warnings = sounds_of(folder), " ".join(report_of(folder)["warnings"])
    assert list(sounds) == [*stems, "residual"]
    assert ("40 tracks have notes, but at most 32 stems are possible" in warnings) is (by == "track")
    assert ("drums on channel 10 (notes: 13) belong to no hand" in warnings) is (by == "split")
    assert by == "drum" or np.abs(sounds[stems[0]]).max() > 0


def test_a_group_of_one_of_forty_tracks(folder):
    assert render(folder, "--group", "solo=track:Staff 24", midi="many.mid") == 0
    assert list(sounds_of(folder)) == ["strings", "brass", "drums", "solo", "residual"]
    assert np.abs(sounds_of(folder)["solo"]).max() > 0


def test_forty_eight_channels_of_three_ports(folder):
    tracks = [staff(number, 60 + number % 12, 40, number % 16, number // 16) for number in range(48)]
    (folder / "ports.mid").write_bytes(smf(*tracks))
    assert render(folder, "--by", "channel", midi="ports.mid") == 0
    assert list(sounds_of(folder)) == ["strings", "drums", "residual"]
    assert "48 channels have notes" in json.dumps(report_of(folder)["warnings"])


def test_forty_tracks_and_a_mosaic(folder):
    assert render(folder, midi="many.mid", out="stems") == 0
    from rtsep.cli import main
    assert main(["render", str(folder / "mix.wav"), "--midi", str(folder / "many.mid"), "--mosaic", str(folder / "mix.wav"),
                 "--out", str(folder / "out")]) == 0


def test_too_many_groups(folder, capsys):
    groups = [word for number in range(70) for word in ("--group", f"g{number}=C4")]
    refused(capsys, folder, render(folder, *groups), "earlier groups")
    groups = [word for number in range(70) for word in ("--group", f"g{number}=track:Staff {number}")]
    (folder / "more.mid").write_bytes(smf(*[staff(number, 60) for number in range(71)]))
    refused(capsys, folder, render(folder, *groups, midi="more.mid"), "70 --group and 1 other stems")


def test_family_needs_notes(folder, capsys):
    refused(capsys, folder, render(folder, "--by", "family", midi=None), "--by family needs the notes")
