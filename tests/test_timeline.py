"""The times in the files of a take: latency, lost samples, and devices that were away."""

import numpy as np
import pytest
import soundfile
from conftest import band
from native_callback import call
from pretended_card import RATE, Card, Face, job

from rtsep.callbacks import shared
from rtsep.hosts.live import live
from rtsep.hosts.timeline import LONGEST_SILENCE, Timeline
from rtsep.notes.score import read_midi

LATENCY = 50


def engine(length):
    """An input [1, length] that never repeats, and one stem, which is the input, delayed."""
    sound = np.arange(1, length + 1, dtype=np.float32)
    return np.stack([sound, np.concatenate([np.zeros(LATENCY, np.float32), sound[:-LATENCY]])])


def put(timeline, pieces):
    blocks = [block for start, planes in pieces for block in timeline.add(start, planes)]
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((2, 0), np.float32)


def away(samples):
    return np.zeros((0, samples), np.float32)


@pytest.mark.parametrize("size", [7, 64, 500])
@pytest.mark.parametrize("at", [0, 500, 510, 560, 1499])
@pytest.mark.parametrize("samples", [1, 300, 2 * LONGEST_SILENCE + 1])
def test_a_device_that_was_away_leaves_silence_of_its_length_between_the_same_samples(size, at, samples):
    """The stems' last samples come after the absence; in the files they stand before it."""
    planes = engine(1500)
    pieces = [(begin, planes[:, begin : min(begin + size, end)]) for first, end in ((0, at), (at, 1500))
              for begin in range(first, end, size)]
    place = next(number for number, (start, _) in enumerate(pieces) if start >= at)
    pieces.insert(place, (at, away(samples)))
    timeline = Timeline(1, LATENCY)
    heard = put(timeline, [(start + 1000, piece) for start, piece in pieces])
    sound = np.arange(1, 1501 - LATENCY, dtype=np.float32)
    if at == 0:  # Before the first sample the device cannot be away.
        samples = 0
    expected = sound if at > len(sound) else np.concatenate([sound[:at], np.zeros(samples), sound[at:]])
    assert np.array_equal(heard, np.stack([expected, expected])) and timeline.at == len(expected)
    assert (timeline.gaps, timeline.gap_samples) == ((1, samples) if samples else (0, 0))
    assert [timeline.sample(1000 + each) for each in (0, at - 1, at)] == [0 + (samples if at == 0 else 0), at - 1, at + samples]


@pytest.mark.parametrize("size", [7, 64, 500])
@pytest.mark.parametrize("lost", [[(400, 600)], [(400, 410)], [(30, 90)], [(400, 410), (430, 440)], [(400, 600), (700, 1490)]])
def test_lost_pieces_are_silence_in_their_place_and_the_latency_before(size, lost):
    """The input is also silent for the latency before, whose stems were lost, too. Everywhere the stems add up to the input."""
    planes, timeline, there = engine(1500), Timeline(1, LATENCY), np.ones(1500, bool)
    for begin, end in lost:
        there[begin:end] = False
    edges = [0, *[edge for pair in lost for edge in pair], 1500]
    pieces = [(begin, planes[:, begin : min(begin + size, end)]) for first, end in zip(edges[::2], edges[1::2], strict=True)
              for begin in range(first, end, size)]
    kept = there.copy()
    for begin, _end in lost:
        kept[max(begin - LATENCY, 0) : begin] = False
    expected = (planes[0] * kept)[: 1500 - LATENCY]
    heard = put(timeline, pieces)
    assert np.array_equal(heard, np.stack([expected, expected]))
    assert (timeline.gaps, timeline.gap_samples) == (len(lost), np.count_nonzero(~kept))


@pytest.mark.parametrize("noticed", [True, False])
def test_the_callback_tells_how_long_the_device_was_away(tmp_path, rng, noticed):
    """6 s, in sound and notes. The test sets the last block's time back instead of waiting. Once the loss is not noticed."""
    sound, card = band(rng, 8000, 2), Card()

    def play(player):
        call(player.lanes, sound[:, :64])
        player.receive(0, 0, (0x90, 60, 90))
        call(player.lanes, sound[:, :3000])
        player.lanes._arrays["words"][shared.DUE_NS] -= 6_000_000_000
        if noticed:
            player.lanes.new_thread()
            call(player.lanes, sound[:, :64])
        player.receive(0, 0, (0x90, 61, 90))
        call(player.lanes, sound[:, 3000:6000])

    report = live(job(tmp_path, record=tmp_path / "take"), lambda rescan: card, Face(play))
    (take,) = report["takes"]
    heard = soundfile.read(tmp_path / "take" / "input.wav", always_2d=True)[0].T
    gap = heard.shape[1] - 6000 + 256
    assert take["gaps"] == 1 and take["gap_s"] == round(gap / RATE, 3) and 5.8 < take["gap_s"] < 60
    assert np.array_equal(heard[:, :3000], sound[:, :3000]) and not heard[:, 3000 : 3000 + gap].any()
    assert np.array_equal(heard[:, 3000 + gap :], sound[:, 3000 : 6000 - 256])
    events = read_midi(tmp_path / "take" / "session.mid").events(RATE)
    assert events["sample"][events["status"] == 0x90].tolist() == [0, 3000 + gap]


def test_a_late_block_is_no_absence(tmp_path, rng):
    card = Card()

    def play(player):
        for _ in range(4):
            call(player.lanes, band(rng, 1000, 2))
            player.lanes._arrays["words"][shared.DUE_NS] -= 1_500_000_000

    (take,) = live(job(tmp_path, record=tmp_path / "take"), lambda rescan: card, Face(play))["takes"]
    assert take["gaps"] == 0 and take["seconds"] == round((3000 - 256) / RATE, 3)
