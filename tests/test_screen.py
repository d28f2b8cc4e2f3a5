"""The picture of live playing at every size: what matters stays, and nothing is wider or longer than the terminal."""

import dataclasses
import io

import pytest
from rich.console import Console
from test_display import STATUS

from rtsep.hosts.levels import HOLD_S, Holds
from rtsep.hosts.meters import HeldKeys, keyboard, meter
from rtsep.hosts.said import KEPT, SHOWN_S, Message, Said
from rtsep.hosts.screen import Listing, screen
from rtsep.hosts.status import Hold, StemStatus
from rtsep.hosts.words import latency_texts, losses_texts

SIZES = [(120, 40), (88, 30), (80, 24), (60, 20), (40, 12)]
MANY = tuple(StemStatus(f"stem_{at}", -20.0 - at, Hold(-10, False), 0, False, False) for at in range(32))


def text_of(status, selected=0, width=80, height=24, listing=None, **options):
    console = Console(file=io.StringIO(), width=width, **options)
    console.print(screen(status, selected, width, height, listing), end="")
    return console.file.getvalue()


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize("width, height", SIZES)
def test_what_matters_is_on_the_screen_at_any_size(width, height):
    late = dataclasses.replace(STATUS, late_blocks=1, frozen=True)
    text = text_of(late, 0, width, height)
    for word in ("17.4 ms", "load 10", "1 late", "RECORDING session: 12 s", "FROZEN", "MUTED left_hand", "SOLO residual",
                 "no note for 10 s", "preset piano", "›", "-20", "-3.0", "q quit" if width < 60 else "q: quit"):
        assert word in flat(text), (word, text)
    assert len(text.splitlines()) == height and max(map(len, text.splitlines())) <= width
    if height > 12:
        assert ("Roland FP-30" in text and "Scarlett" in text and "C4 E4" in text) or width >= 88


@pytest.mark.parametrize("width", [1, 2, 7, 20, 39, 61, 71, 72, 79, 200])
@pytest.mark.parametrize("height", [1, 2, 5, 11, 13, 19, 21, 50])
def test_no_size_is_broken(width, height):
    crowded = dataclasses.replace(STATUS, stems=MANY, recording="ended: the disk is full", learning="gain_db.stem_3",
                                  state="lost Scarlett: trying to open it again", frozen=True, bypass=True, wet=0.5)
    for listing in (None, Listing("Presets", [f"row {at}" for at in range(99)], 50)):
        text = text_of(crowded, 31, width, height, listing)
        assert len(text.splitlines()) <= height and max(map(len, text.splitlines()), default=0) <= width


@pytest.mark.parametrize("width, height", SIZES)
def test_the_chosen_of_many_stems_is_among_those_that_are_seen(width, height):
    for chosen in range(32):
        text = text_of(dataclasses.replace(STATUS, stems=MANY), chosen, width, height)
        assert f"› stem_{chosen} " in text


def test_levels_peaks_and_clip_marks():
    lines = text_of(STATUS).splitlines()
    (hand,) = (line for line in lines if "left_hand" in line and "›" in line)
    assert "-20 dB peak  -11" in hand and "-3.0 dB" in hand and hand.rstrip().endswith("M") and hand.count("│") == 1
    (clipped,) = (line for line in lines if line.rstrip().endswith("CLIP"))
    assert "out 1" in clipped
    assert any(line.rstrip().endswith("C") for line in text_of(STATUS, 0, 50, 24).splitlines())
    assert any(line.rstrip().endswith("C") for line in text_of(STATUS, 0, 40, 12).splitlines())
    assert "out -6 dB CLIP" in text_of(dataclasses.replace(STATUS, stems=MANY), 0, 40, 12)


def test_states_are_not_covered_by_messages():
    messages = tuple(Message(at, "21:14:07", f"message {at} " + "x" * 70, 0.0) for at in range(1, 9))
    loud = dataclasses.replace(STATUS, scene="scene 2 of 3: Verse", playback="song.wav 0:12 of 3:45, paused", frozen=True,
                               learning="wet", bypass=True, messages=messages, shown=8)
    for width, height in SIZES:
        text = flat(text_of(loud, 0, width, height))
        for word in ("scene 2 of 3: Verse", "song.wav 0:12", "FROZEN", "LEARNING wet", "BYPASS", "RECORDING", "MUTED",
                     "no note for 10 s", "message 8", "load 10"):
            assert word in text, (word, width, height)


def test_expired_messages_are_not_shown():
    assert "preset piano" not in text_of(dataclasses.replace(STATUS, shown=0)) and "an older one" not in text_of(STATUS)


def test_it_can_be_read_without_colours():
    assert "\x1b" not in text_of(STATUS, no_color=True, width=100)


def test_trouble_is_told_and_counted_in_english():
    lost = dataclasses.replace(STATUS, state="lost Scarlett: trying to open it again", late_blocks=3, dropped_notes=2, xruns=1)
    assert "lost Scarlett" in text_of(lost) and "lost Scarlett" in text_of(lost, 0, 40, 12)
    told = losses_texts(lost)[0]
    assert told.endswith("3 late blocks (3 waited for other programs), 1 xrun, 2 notes dropped")
    assert "worst 25 % in 10 s, 50 % since the start" in told
    for own, end in ((3, "3 late blocks,"), (2, "3 late blocks (1 waited for other programs),"), (None, "3 late blocks,")):
        assert end in losses_texts(dataclasses.replace(lost, late_by_work=own))[0]
    one = dataclasses.replace(STATUS, late_blocks=1, late_by_work=1, underflows=1, dropped_notes=1, clipped_samples=1)
    assert losses_texts(one)[0].endswith("1 late block, 1 underflow, 1 note dropped, 1 clipped sample")


def test_latency_says_how_it_is_known():
    assert latency_texts(STATUS)[1] == "mode live, latency 11.6 ms (512 samples) + 5.8 ms (reported by the driver) = 17.4 ms"
    assert all("unknown" in text for text in latency_texts(dataclasses.replace(STATUS, device_latency_ms=None)))
    assert "mode live because instant takes 70 %" in latency_texts(STATUS)[0]


@pytest.mark.parametrize("db, filled", [(-120, 0), (-60, 0), (-30, 5), (0, 10), (6, 10)])
def test_meters(db, filled):
    assert meter(db, 10).plain == "█" * filled + "·" * (10 - filled)


def test_the_keyboard_has_88_keys():
    assert len(keyboard(HeldKeys()).plain) == 88
    strip = keyboard(HeldKeys((21, 60, 108))).plain
    assert [at for at, key in enumerate(strip) if key == "█"] == [0, 39, 87]


HANDS = dataclasses.replace(STATUS, held=(36, 48, 60, 72, 76, 84), left=(48, 60, 84), right=(72, 76, 84), uncertain=(60, 76))


@pytest.mark.parametrize("width, height", SIZES)
def test_held_keys_show_their_hands_and_what_is_uncertain(width, height):
    """Without colours, too; a pedal may hold a key for both hands, and others play beside them."""
    text = text_of(HANDS, 0, width, height, no_color=True)
    if width >= 88:
        (strip,) = (line for line in text.splitlines() if "▌" in line)
        assert {at + 21: key for at, key in enumerate(strip) if key not in "_|▪ "} == {
            36: "█", 48: "▌", 60: "▏", 72: "▐", 76: "▕", 84: "█"}
    else:
        assert "keys: C2  L C3 C4? C6  R C5 E5? C6" in text


def test_a_hand_that_holds_nothing_is_not_named():
    assert "keys: R C5" in text_of(dataclasses.replace(STATUS, held=(72,), right=(72,)))
    assert "keys: –" in text_of(dataclasses.replace(STATUS, held=()))


def test_peaks_are_held_and_clips_stay_until_they_are_cleared():
    holds = Holds()
    assert holds.note(0, "in", -20) == Hold(-20, False) and holds.note(1, "in", -40) == Hold(-20, False)
    assert holds.note(HOLD_S, "in", -30) == Hold(-30, False), "held from the peak on"
    assert holds.note(HOLD_S + 1, "in", 0) == Hold(0, True) and holds.note(99, "in", -50) == Hold(-50, True)
    assert holds.note(99, "out", -50) == Hold(-50, False)
    holds.clear()
    assert holds.note(100, "in", -50) == Hold(-50, False)


def test_messages_expire_and_the_last_twenty_stay():
    said = Said()
    for number in range(KEPT + 5):
        said.say(f"message {number}")
    assert [each.text for each in said.last] == [f"message {number}" for number in range(5, KEPT + 5)]
    newest = said.last[-1].at_s
    assert said.shown(newest) and not said.shown(newest + SHOWN_S)
