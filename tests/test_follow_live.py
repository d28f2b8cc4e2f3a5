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
LEAST_DB, MOST_AWAY_S = 6.0, 0.5
SECONDS, FROM_S, TO_S = 18, 3, 13  # The session lasts so long; this part of the recording is judged.
LEAST_GAP, SAME = 64, 0.95  # Samples of silence that are a gap; the share of the recording that a take must have.
SCORE = str(clip_folder() / "demo.mid")


@pytest.mark.parametrize("options, sentence", [
    (["--follow", "sound"], "--follow needs a score"),
    (["--start-bar", "3"], "--start-bar needs a score"),
    (["--score", SCORE, "--start-bar", "0"], "give 1 or more"),
    (["--score", SCORE, "--start-bar", "999"], "--start-bar 999: the score has"),
    (["--score", SCORE, "--by", "hands"], "leave out --by"),
    (["--score", SCORE, "--play", SCORE, "--play-midi", SCORE, "--follow", "sound"], "leave out --play-midi"),
    (["--score", SCORE, "--midi", "roland", "--start-bar", "2"], "--follow sound"),
    (["--score", SCORE, "--midi", "roland", "--follow", "keys", "--keyboard-part", "1"], "--follow sound"),
    (["--score", SCORE, "--keyboard-part", "1"], "--keyboard-part needs a keyboard"),
    (["--score", SCORE, "--midi", "roland", "--keyboard-part", "oboe"], "--keyboard-part: nothing is called oboe"),
    (["--midi", "roland", "--keyboard-part", "1"], "--keyboard-part needs a score"),
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
         "--follow", "sound", "--preset", "grand-piano", "--record", str(tmp_path / "take"), "--seconds", str(SECONDS)],
        env=server.environment, capture_output=True, text=True, timeout=WATCHDOG_S)
    assert session.returncode == 0 and "Traceback" not in session.stderr, session.stderr
    told = [json.loads(line)["following"] for line in session.stdout.splitlines()]
    assert any("sure" in text and "bar" in text for text in told) and not any("no longer" in text for text in told)
    sound, rate = read_sound(tmp_path / "take" / "input.wav")
    played, _ = read_sound(clip_folder() / "mix.flac")
    kept = without_gaps(sound[0])
    lag = lag_of(sound[0][kept], played[0], rate)
    away_s = json.loads((tmp_path / "take" / "report.json").read_text(encoding="utf-8"))["gap_s"]
    if away_s > MOST_AWAY_S:
        pytest.skip(f"this computer is too busy: JACK left out {away_s:.1f} s")
    assert lag is not None
    part = slice(FROM_S * rate, TO_S * rate)
    for hand in ("left_hand", "right_hand"):
        stem, _ = read_sound(tmp_path / "take" / f"{hand}.wav")
        truth, _ = read_sound(clip_folder() / f"{hand}.flac")
        assert sdr_db(truth[:1, part], stem[:1, kept][:, part.start + lag : part.stop + lag]) > LEAST_DB, told


def without_gaps(sound):
    """A mask of the samples that the device asked for: in gaps the take is silent, and the recording waits."""
    silent = np.concatenate([[False], sound == 0, [False]])
    edges = np.flatnonzero(np.diff(silent))
    kept = np.ones(len(sound), bool)
    for first, last in edges.reshape(-1, 2):
        if last - first >= LEAST_GAP:
            kept[first:last] = False
    return kept


def lag_of(sound, played, rate):
    """How many samples later the recording is in a take; None if a part of it is missing there."""
    short = played[FROM_S * rate : (FROM_S + 1) * rate]
    size = 1 << (len(sound) + rate).bit_length()
    match = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(short, size)), size)[: len(sound)]
    lag = int(match.argmax()) - FROM_S * rate
    expected = played[FROM_S * rate : TO_S * rate]
    found = sound[FROM_S * rate + lag : TO_S * rate + lag]
    return lag if len(found) == len(expected) and np.mean(np.abs(found - expected) < 1e-3) > SAME else None
