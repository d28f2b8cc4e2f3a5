"""`rtsep live --score FILE` without a keyboard: its options, and a whole session on a JACK server."""

import json
import subprocess
import sys

import numpy as np
import pytest
from jack_server import JackServer, needs_jack

from rtsep.cli import main
from rtsep.files.sound import read_sound
from rtsep.hosts.demo import clip_folder
from rtsep.measure import sdr_db

WATCHDOG_S = 400
LEAST_DB, SECONDS = 6.0, 14
SCORE = str(clip_folder() / "demo.mid")


@pytest.mark.parametrize("options, sentence", [
    (["--follow", "sound"], "--follow needs a score"),
    (["--start-bar", "3"], "--start-bar needs a score"),
    (["--score", SCORE, "--start-bar", "0"], "give 1 or more"),
    (["--score", SCORE, "--start-bar", "999"], "--start-bar 999: the score has"),
    (["--score", SCORE, "--by", "hands"], "leave out --by"),
    (["--score", SCORE, "--midi", "roland", "--follow", "sound"], "leave out --midi"),
    (["--score", SCORE, "--midi", "roland", "--start-bar", "2"], "--follow sound"),
    (["--score", SCORE, "--mosaic", SCORE], "--mosaic"),
])
def test_options_that_do_not_go_together_are_told(options, sentence, capsys):
    assert main(["live", *options]) == 2
    assert sentence in capsys.readouterr().err


def test_a_score_without_notes_is_told(tmp_path, capsys):
    (tmp_path / "empty.csv").write_text("onset,offset,pitch\n", encoding="utf-8")
    assert main(["live", "--score", str(tmp_path / "empty.csv")]) == 2
    assert "no notes" in capsys.readouterr().err


@pytest.fixture
def server(tmp_path):
    """A JACK server at the rate of the clip, with long periods."""
    found = JackServer(tmp_path / "jackd.log", period=1024, rate=44100).start()
    yield found
    found.stop()


@needs_jack
def test_a_score_is_followed_by_the_sound(server, tmp_path):
    """A recording plays; the hands that rtsep hears by the score are recorded, with an SDR far above that of the input."""
    session = subprocess.run(
        [sys.executable, "-m", "rtsep", "live", "--jack", "--json", "--play", str(clip_folder() / "mix.flac"), "--score", SCORE,
         "--follow", "sound", "--preset", "grand-piano", "--record", str(tmp_path / "take"), "--seconds", str(SECONDS + 4)],
        env=server.environment, capture_output=True, text=True, timeout=WATCHDOG_S)
    assert session.returncode == 0 and "Traceback" not in session.stderr, session.stderr
    told = [json.loads(line)["following"] for line in session.stdout.splitlines()]
    assert any("sure" in text and "bar" in text for text in told) and not any("no longer" in text for text in told)
    sound, rate = read_sound(tmp_path / "take" / "input.wav")
    played, _ = read_sound(clip_folder() / "mix.flac")
    begin = aligned(sound[0], played[0], rate)
    if begin is None:
        pytest.skip("this computer was too busy: the take has gaps")
    for hand in ("left_hand", "right_hand"):
        stem, _ = read_sound(tmp_path / "take" / f"{hand}.wav")
        truth, _ = read_sound(clip_folder() / f"{hand}.flac")
        part = truth[:1, : SECONDS * rate]
        assert sdr_db(part, stem[:1, begin : begin + SECONDS * rate]) > LEAST_DB, told


def aligned(sound, played, rate):
    """The sample of the take at which the recording begins; None if the take lacks samples of it."""
    short = played[2 * rate : 3 * rate]
    size = 1 << (len(sound) + rate).bit_length()
    match = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(short, size)), size)[: len(sound)]
    begin = max(int(match.argmax()) - 2 * rate, 0)
    length = min(SECONDS * rate, len(sound) - begin)
    whole = length == SECONDS * rate and np.abs(sound[begin : begin + length] - played[:length]).max() < 1e-3
    return begin if whole else None
