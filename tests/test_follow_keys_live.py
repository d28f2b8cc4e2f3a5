"""`rtsep live --score FILE --follow sound` beside a keyboard on a JACK server: it plays one hand, the score tells the other."""

import json
import subprocess
import sys

import numpy as np
import pytest
from jack_clients import Instrument
from jack_server import needs_jack
from test_follow_live import FROM_S, LEAST_DB, SAME, SCORE, SECONDS, TO_S, WATCHDOG_S, server  # noqa: F401

from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.measure import sdr_db
from rtsep.notes.read import read_notes


def session_of(server, folder, *options):  # noqa: F811
    """`rtsep live` as a JACK client that prints JSON and records a take."""
    return subprocess.Popen(
        [sys.executable, "-m", "rtsep", "live", "--jack", "--json", "--score", SCORE, "--follow", "sound", "--preset",
         "grand-piano", "--record", str(folder / "take"), "--seconds", str(SECONDS + 2), *options],
        env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def keys_of(part, rate):
    """The messages of a part of the score by sample."""
    found = {}
    for event in read_notes(SCORE).events(rate):
        if event["part"] == part:
            found.setdefault(int(event["sample"]), (int(event["status"]), int(event["data1"]), int(event["data2"])))
    return found


@needs_jack
def test_a_keyboard_plays_one_hand_and_the_score_tells_the_other(server, tmp_path, monkeypatch):  # noqa: F811
    for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER"):
        monkeypatch.setenv(name, server.environment[name])
    names = read_notes(SCORE).track_names
    right = next(part for part, name in enumerate(names) if "ight" in name)
    sound, rate = read_sound(clip_folder() / "mix.flac")
    session = session_of(server, tmp_path)
    first = session.stdout.readline()  # It plays.
    with Instrument(sound[0], keys_of(right, rate)):
        rest, errors = session.communicate(timeout=WATCHDOG_S)
    assert session.returncode == 0 and "Traceback" not in errors, errors
    told = [json.loads(line)["following"] for line in [first, *rest.splitlines()] if line.strip()]
    assert any(text.endswith("keys: right_hand") for text in told), told
    assert hands_db(tmp_path / "take", sound[0], rate) > LEAST_DB, told


def hands_db(take, sound, rate):
    """The mean SDR of both hands over the seconds that the take has whole; skips if these are too few."""
    heard, _ = read_sound(take / "input.wav")
    seconds = [(at, lag) for at in range(FROM_S, TO_S) if (lag := lag_of_second(heard[0], sound, at, rate)) is not None]
    if len(seconds) < (TO_S - FROM_S) / 2:
        pytest.skip(f"this computer is too busy: JACK played {len(seconds)} of {TO_S - FROM_S} s without a gap")
    found = []
    for hand in ("left_hand", "right_hand"):
        stem, truth = read_sound(take / f"{hand}.wav")[0][0], read_sound(clip_folder() / f"{hand}.flac")[0][0]
        pieces = [(truth[at * rate : (at + 1) * rate], stem[at * rate + lag : (at + 1) * rate + lag]) for at, lag in seconds]
        found.append(sdr_db(*(np.concatenate(side)[None] for side in zip(*pieces, strict=True))))
    return float(np.mean(found))


def lag_of_second(take, sound, at, rate):
    """How many samples later a second of the sound is in the take; None if it is not whole there."""
    short = sound[at * rate : (at + 1) * rate]
    size = 1 << (len(take) + rate).bit_length()
    match = np.fft.irfft(np.fft.rfft(take, size) * np.conj(np.fft.rfft(short, size)), size)[: len(take)]
    first = int(match.argmax())
    found = take[first : first + rate]
    return first - at * rate if len(found) == rate and np.mean(np.abs(found - short) < 1e-3) > SAME else None
