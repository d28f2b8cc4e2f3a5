"""`live --listen`: notes are heard in the input while it plays, and come in time for the delayed sound."""

import threading

import numpy as np
import pytest
import soundfile
from jack_clients import Instrument
from jack_server import jack_server, needs_jack  # noqa: F401
from native_callback import call, stem_sources, warmed
from test_jack_live import playing
from test_line import TUNE, tune_at

from rtsep.cli import main
from rtsep.engine.separator import Separator
from rtsep.hosts.demo import clip_folder
from rtsep.hosts.input_reader import MOST_BEHIND_S
from rtsep.hosts.lanes import CAPACITY
from rtsep.hosts.listener import LOOKAHEAD_MS, NoteListener
from rtsep.hosts.setup_reading import read_setup
from rtsep.hosts.transcription import Hearing
from rtsep.measure import sdr_db
from rtsep.notes.routing import by_hands, everything
from rtsep.notes.score import read_midi
from rtsep.presets.library import find_preset
from rtsep.presets.preset import load_preset

RATE, BLOCK, WATCHDOG_S = 44100, 256, 60
PIANO = "gm-piano"


def heard_clip(seconds):
    """The beginning of the bundled clip: its sound, and its hands."""
    return [soundfile.read(clip_folder() / f"{name}.flac", dtype="float32", stop=round(seconds * RATE))[0]
            for name in ("mix", "left_hand", "right_hand")]


def lanes_of(routing):
    preset = load_preset(find_preset(PIANO))
    separator = Separator(preset, routing, {"mode": "live", "lookahead_ms": LOOKAHEAD_MS})
    separator.prepare(RATE, 1, CAPACITY)
    return separator, warmed(separator, stem_sources(separator), RATE)


def test_heard_notes_divide_the_hands_of_the_delayed_sound():
    """The callback is called block by block, and the listener hears after each, as its thread does."""
    sound, *hands = heard_clip(8)
    separator, lanes = lanes_of(by_hands())
    hearing = Hearing(tuple(separator.presets))
    listener = NoteListener(lanes, hearing, lambda part, time_ns, message: lanes.send(time_ns, part, message), print)
    found = []
    for at in range(0, len(sound) + separator.latency, BLOCK):
        block = np.pad(sound[at : at + BLOCK], (0, max(at + BLOCK - len(sound), 0)))
        found.append(call(lanes, block[None]))
        listener.reader.read()
    played = np.concatenate(found, axis=1)[:, separator.latency :][:, : len(sound)]
    stems = dict(zip(separator.stem_names, played[1:], strict=True))
    assert listener.reader.missed == 0 and separator.latency > LOOKAHEAD_MS / 1000 * RATE
    assert np.abs(sum(stems.values()) - sound).max() < 1e-4
    for name, true in zip(("left_hand", "right_hand"), hands, strict=True):
        assert sdr_db(stems[name][None], true[None]) > 4


def test_the_thread_hears_and_stops():
    sound, *_ = heard_clip(2)
    separator, lanes = lanes_of(everything("piano"))
    heard, came = [], threading.Event()

    def receive(part, time_ns, message):
        heard.append((part, message))
        came.set()

    with NoteListener(lanes, Hearing(tuple(separator.presets)), receive, print) as listener:
        for at in range(0, len(sound), BLOCK):
            call(lanes, sound[None, at : at + BLOCK])
        assert came.wait(WATCHDOG_S)
    assert not listener.reader._thread.is_alive() and {part for part, _ in heard} == {0}
    assert all(21 <= pitch <= 108 and velocity < 128 for _, (_, pitch, velocity) in heard)


def test_it_begins_anew_if_sound_was_lost():
    separator, lanes = lanes_of(everything("piano"))
    heard = []
    listener = NoteListener(lanes, Hearing(tuple(separator.presets)), lambda *told: heard.append(told[2]), print)
    for _ in range(int(MOST_BEHIND_S * RATE) // CAPACITY + 2):
        call(lanes, np.zeros((1, CAPACITY), np.float32))
    listener.reader.read()
    assert listener.reader.missed > MOST_BEHIND_S * RATE and heard == [(0xB0, 123, 0)]


def test_a_failure_is_said_and_ends_the_notes(monkeypatch):
    separator, lanes = lanes_of(everything("piano"))
    heard, said, told = [], [], threading.Event()

    def fail(_block):
        raise ValueError("broken")

    def say(text):
        said.append(text)

    def receive(_part, _time_ns, message):
        heard.append(message)
        told.set()

    listener = NoteListener(lanes, Hearing(tuple(separator.presets)), receive, say)
    monkeypatch.setattr(listener._transcriber, "hear", fail)
    with listener:
        call(lanes, np.zeros((1, CAPACITY), np.float32))
        assert told.wait(WATCHDOG_S)
    assert heard == [(0xB0, 123, 0)] and "broken" in said[0]


@needs_jack
def test_the_program_hears_notes_and_records_them(jack_server, tmp_path):  # noqa: F811
    """`rtsep live --jack --listen` with a piano in its input, in real time: the take has the heard notes as MIDI."""
    sound, *_ = heard_clip(4)
    options = "--listen", "--preset", PIANO, "--by", "all", "--record", str(tmp_path / "take"), "--seconds", "8"
    with playing(jack_server.environment, *options) as live, Instrument(sound, {}):
        live.until(lambda status: status["held"])
        live.process.communicate(timeout=WATCHDOG_S)
    notes = read_midi(next((tmp_path / "take").glob("*.mid"))).notes()
    true = read_midi(clip_folder() / "demo.mid").notes()
    assert len(notes) > 5 and len(set(notes["pitch"]) & set(true["pitch"])) > 4


def test_the_program_hears_a_line_and_says_so(jack_server, tmp_path):  # noqa: F811
    """The same with a single line; the set-up that is saved knows how it was heard."""
    log, saved = tmp_path / "log", tmp_path / "saved.toml"
    options = ("--listen", "--preset", "flute", "--line-range", "C4-G5", "--record", str(tmp_path / "take"), "--log", str(log),
               "--save-setup", str(saved), "--seconds", "8")
    with playing(jack_server.environment, *options) as live, Instrument(tune_at(48000), {}):
        live.until(lambda status: status["held"])
        live.process.communicate(timeout=WATCHDOG_S)
    notes = read_midi(next((tmp_path / "take").glob("*.mid"))).notes()
    assert set(notes["pitch"]) >= {pitch for _, _, pitch in TUNE} and "one note at a time" in log.read_text()
    given = read_setup(str(saved)).options
    assert (given["listen"], given["line"], given["line_range"]) == (True, True, "60-79")


@pytest.mark.parametrize("options, words", [
    (("--midi", "x"), "leave out one of them"), (("--play", "a.wav", "--play-midi", "a.mid"), "leave out one of them"),
    (("--mosaic", "a.wav"), "leave out one of them")])
def test_refusals(tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "a.mid"):
        (tmp_path / name).write_bytes(b"")
    assert main(["live", "--listen", "--json", *options]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--line",), ("--no-line",), ("--line-range", "C4-C5")])
def test_how_to_hear_needs_listening(capsys, options):
    assert main(["live", "--json", *options]) == 2
    assert "give --listen" in capsys.readouterr().err


def test_set_ups_know_it(tmp_path, capsys):
    (tmp_path / "x.toml").write_text("listen = true\nline = true\nline_range = \"C4-C5\"\nmidi = \"a\"\n")
    assert main(["live", str(tmp_path / "x.toml"), "--json"]) == 2
    assert "leave out one of them" in capsys.readouterr().err
