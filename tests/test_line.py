"""Single lines without notes: what `rtsep transcribe --line` and `render --listen` hear, and templates with bends."""

import json
from functools import cache
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from conftest import make_preset
from native_callback import call, stem_sources, warmed

from rtsep.cli import main
from rtsep.engine.separator import Separator
from rtsep.hosts.lanes import CAPACITY
from rtsep.hosts.listener import LINE_LOOKAHEAD_MS, NoteListener, lookahead_of
from rtsep.hosts.transcription import Hearing, hearing_of
from rtsep.listening.clarity import COMPARED_S, PLACES, SILENT, Clarity
from rtsep.listening.line import LineTranscriber, span_of
from rtsep.listening.line_path import AGAIN, ATTACK, LAG, REST, LinePath
from rtsep.listening.transcriber import paired
from rtsep.measure import sdr_db
from rtsep.notes.routing import everything
from rtsep.notes.score import read_midi
from rtsep.presets.bent import BENT_CENTS, all_with_bends, with_bends
from rtsep.presets.library import find_preset
from rtsep.presets.lines import plays_line
from rtsep.presets.preset import load_preset

RATE = 44100
CELLO = Path(__file__).parents[2] / "shared" / "data" / "other_notes" / "cello"
needs_cello = pytest.mark.skipif(not CELLO.with_suffix(".flac").exists(), reason="../shared/data is not here")
FLOOR, SDR_FLOOR = 0.85, 6.0
TUNE = ((0.2, 0.7, 67), (0.7, 1.2, 69), (1.2, 1.5, 72), (1.7, 2.1, 72), (2.1, 2.9, 64), (3.1, 3.5, 76))


def tone(seconds, pitch, vibrato=0.0):
    """A tone with eight partials, float32 [sample]; `vibrato`: in semitones."""
    time = np.arange(round(seconds * RATE)) / RATE
    hz = 440 * 2 ** ((pitch + vibrato * np.sin(2 * np.pi * 5.5 * time) - 69) / 12)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    fade = np.minimum(np.minimum(time, time[::-1]) / 0.02, 1)
    return (0.1 * fade * sum(np.sin(n * phase) / n for n in range(1, 9))).astype(np.float32)


@cache
def tune(seconds=4.0):
    """TUNE, played by such tones, with a little noise, float32 [sample]."""
    sound = np.random.default_rng(3).normal(0, 1e-4, round(seconds * RATE)).astype(np.float32)
    for onset, offset, pitch in TUNE:
        sound[round(onset * RATE) :][: round((offset - onset) * RATE)] += tone(offset - onset, pitch)
    return sound


def tune_at(rate):
    """The same at another sample rate."""
    times_s = np.arange(round(len(tune()) / RATE * rate)) / rate
    return np.interp(times_s, np.arange(len(tune())) / RATE, tune()).astype(np.float32)


def heard(sound, presets=(), block=4096, span=None, rate=RATE):
    transcriber, told = LineTranscriber(presets, rate, 1, span), []
    for at in range(0, len(sound), block):
        told += transcriber.hear(sound[None, at : at + block])
    return told + transcriber.finish(), transcriber


def near(found, true, within_s=0.05):
    """How many of the true (onset, pitch) are found, each once."""
    left = list(found)
    for onset, pitch in true:
        mine = [one for one in left if one[1] == pitch and abs(one[0] - onset) <= within_s]
        if mine:
            left.remove(min(mine, key=lambda one: abs(one[0] - onset)))
    return len(found) - len(left)


# --- what is heard ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [44100, 32000])
def test_a_tune_is_heard_note_by_note(rate):
    notes = paired(heard(tune_at(rate), rate=rate)[0])
    assert [note.pitch for note in notes] == [pitch for _, _, pitch in TUNE]
    assert near([(note.onset_s, note.pitch) for note in notes], [(onset, pitch) for onset, _, pitch in TUNE]) == len(TUNE)
    assert all(abs(note.offset_s - offset) < 0.1 for note, (_, offset, _) in zip(notes, TUNE, strict=True))


@needs_cello
@pytest.mark.parametrize("preset", ["cello", None])
def test_most_notes_of_a_real_cello_are_heard(preset):
    table = np.loadtxt(CELLO.with_suffix(".csv"), delimiter=",", skiprows=1)
    table = table[(table[:, 0] > 40) & (table[:, 0] < 69.9)]
    sound, _ = soundfile.read(CELLO.with_suffix(".flac"), dtype="float32", start=40 * RATE, stop=70 * RATE)
    presets = [] if preset is None else [load_preset(find_preset(preset))]
    found = [(note.onset_s + 40, note.pitch) for note in paired(heard(sound, presets)[0])]
    right = near(found, [(onset, int(pitch)) for onset, _, pitch, _ in table], 0.1)
    assert 2 * right / (len(found) + len(table)) > FLOOR


def test_vibrato_is_one_note_with_its_bends():
    told, transcriber = heard(np.concatenate([np.zeros(RATE // 4, np.float32), tone(1.5, 70.1, vibrato=0.25)]))
    assert [one.pitch for one in told if one.velocity] == [70]
    above = np.array([at.above for at in transcriber.sounded[0][10:-10]])
    assert above.mean() == pytest.approx(0.1, abs=0.04) and np.ptp(above) == pytest.approx(0.5, abs=0.1)


def test_louder_notes_have_higher_velocities():
    soft, loud = tone(0.4, 64) * np.float32(0.15), tone(0.4, 67)
    told, _ = heard(np.concatenate([loud, soft, loud, soft]))
    velocities = [one.velocity for one in told if one.velocity]
    assert len(velocities) == 4 and min(velocities[::2]) > max(velocities[1::2]) + 20


def test_block_sizes_change_nothing():
    presets = [load_preset(find_preset("flute"))]
    whole, transcriber = heard(tune(), presets, len(tune()))
    assert len(whole) == 2 * len(TUNE)
    for block in (97, 441, 5000):
        found, other = heard(tune(), presets, block)
        assert found == whole and other.sounded == transcriber.sounded


@pytest.mark.parametrize("sound", [np.zeros(RATE), np.full(RATE, np.nan), np.full(RATE, np.inf),
                                   np.random.default_rng(5).normal(0, 0.1, 2 * RATE)], ids=["silence", "nan", "inf", "noise"])
def test_silence_noise_and_bad_samples_have_no_notes(sound):
    assert heard(sound.astype(np.float32))[0] == []


@pytest.mark.parametrize("gain", [0.01, 30.0])
def test_loudness_changes_no_pitch(gain):
    pitches = [one.pitch for one in heard(tune() * np.float32(gain))[0] if one.velocity]
    assert pitches == [pitch for _, _, pitch in TUNE]


def test_clarity_is_that_of_the_equations():
    sound = tone(0.2, 60).astype(np.float64) + np.random.default_rng(1).normal(0, 0.01, round(0.2 * RATE))
    clarity = Clarity(60, 62, RATE)
    found = clarity.hear(sound[None].astype(np.float32)).clarity[10]
    size, begin = round(COMPARED_S * RATE), round(0.1 * RATE) - clarity._size // 2
    lags = np.arange(1, clarity._longest)
    part = sound[begin : begin + clarity._size]
    d = np.array([((part[:size] - part[lag : lag + size]) ** 2).sum() for lag in lags])
    normalised = 1 - d * lags / np.cumsum(d)
    places = RATE / (440 * 2 ** ((60 - 1.6 + np.arange(len(found)) / PLACES - 69) / 12))
    assert np.abs(found - np.clip(np.interp(places, lags, normalised), 0, 1)).max() < 0.02 and SILENT < 1e-6


# --- the best path ----------------------------------------------------------------------------------------------------


def decisions(scores, bonus=None):
    """The states of all frames but the last LAG, of a path through scores [frame, pitch]."""
    path = LinePath(scores.shape[1])
    bonus = np.zeros_like(scores) if bonus is None else bonus
    return [one for pair in zip(scores, bonus, strict=True) if (one := path.step(*pair)) is not None]


def test_a_short_gap_stays_a_note_and_a_long_one_is_a_rest():
    scores = np.full((80, 3), REST - 0.4)
    scores[10:25, 1] = scores[26:40, 1] = REST + 0.4
    found = [one.pitch for one in decisions(scores)]
    assert found == [-1] * 10 + [1] * 30 + [-1] * (80 - 40 - LAG)


def test_a_bonus_begins_the_same_note_again():
    scores, bonus = np.full((60, 2), REST + 0.5), np.zeros((60, 2))
    scores[:, 0] = 0
    bonus[30] = AGAIN + 0.2
    assert [number for number, one in enumerate(decisions(scores, bonus)) if one.begins] == [0, 30]
    bonus[30 + ATTACK // 2] = 0.0
    assert [one.pitch for one in decisions(scores, bonus)] == [1] * (60 - LAG)


# --- presets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, line", [("violin", True), ("flute", True), ("saxophone", True), ("trumpet", True),
                                        ("piano", False), ("strings", False), ("nylon-guitar", False), ("drum-kit", False)])
def test_which_presets_play_lines(name, line):
    assert plays_line([load_preset(find_preset(name))]) == line == hearing_of([name]).line
    assert hearing_of([name], line=not line).line != line


def test_spans_are_those_of_the_presets_and_of_the_ears():
    assert span_of([make_preset([50, 70])]) == (50, 70) and span_of([make_preset([5, 120])]) == (21, 108)
    assert span_of([]) == (36, 84)


def test_bent_rows_lie_beside_the_row():
    preset = load_preset(find_preset("flute"))
    bent = with_bends(preset)
    assert len(bent.W) == len(BENT_CENTS) * len(preset.W) and np.abs(bent.W.sum(axis=1) - 1).max() < 1e-5
    assert np.abs(bent.W[1::3] - preset.W).max() < 1e-6 and (bent.row_pitch[::3] == preset.row_pitch).all()
    middle = bent.W[:3, :600] @ np.arange(600) / bent.W[:3, :600].sum(axis=1)
    assert np.log2(middle[2] / middle[0]) * 1200 == pytest.approx(BENT_CENTS[2] - BENT_CENTS[0], abs=8)
    assert len({id(each) for each in all_with_bends([preset, preset])}) == 1


# --- the commands -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """tune.wav, and mix.wav: the tune beside chords that are 10 dB softer."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("tune.wav", tune(), RATE, "FLOAT")
    chords = sum(tone(2, pitch) for pitch in (48, 55, 52))
    beside = np.tile(chords, 2) * np.float32(0.3 * tune().std() / chords.std())
    soundfile.write("mix.wav", tune() + beside, RATE, "FLOAT")
    return tmp_path


def test_transcribe_writes_the_line_with_bends(folder, capsys):
    assert main(["transcribe", "tune.wav", "-o", "line.mid", "--preset", "flute"]) == 0
    assert "6 notes" in (said := capsys.readouterr().out) and "the preset flute, as a single line" in said
    score = read_midi(folder / "line.mid")
    assert score.notes()["pitch"].tolist() == [pitch for _, _, pitch in TUNE] and score.programs == {(0, 0): 73}
    bends = [message.pitch for message in mido.MidiFile("line.mid") if message.type == "pitchwheel"]
    assert len(bends) >= len(TUNE) and max(map(abs, bends)) < 1500
    assert main(["transcribe", "tune.wav", "-o", "voice.mid", "--line-range", "C4-G5", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["line"] and report["preset"] == "" and report["notes"] == len(TUNE)


@pytest.mark.parametrize("options, words", [
    (("transcribe", "tune.wav", "-o", "x.mid", "--line-range", "C4"), ("C4", "lowest and the highest")),
    (("transcribe", "tune.wav", "-o", "x.mid", "--line-range", "C5-C4"), ("C5-C4", "lowest and the highest")),
    (("transcribe", "tune.wav", "-o", "x.mid", "--line-range", "C4-X9"), ("X9",)),
    (("transcribe", "tune.wav", "-o", "x.mid", "--no-line", "--line-range", "C4-C5"), ("--no-line", "leave out")),
    (("render", "tune.wav", "--line", "--out", "x"), ("--line", "--listen")),
])
def test_refusals_say_what_to_do_and_leave_nothing(folder, capsys, options, words):
    before = sorted(path.name for path in folder.iterdir())
    assert main(list(options)) == 2
    said = capsys.readouterr().err
    assert all(word in said for word in words) and said.count("\n") == 1, said
    assert sorted(path.name for path in folder.iterdir()) == before


def test_render_gates_the_templates_with_the_line(folder):
    assert main(["render", "mix.wav", "--listen", "--preset", "flute", "--mode", "live", "--out", "out"]) == 0
    report = json.loads(Path("out/report.json").read_text())
    written = read_midi(Path("out/notes.mid")).notes()
    assert report["heard_notes"] == len(written) and any("--no-line" in text for text in report["warnings"])
    assert near(written[["onset_s", "pitch"]].tolist(), [(onset, pitch) for onset, _, pitch in TUNE]) >= len(TUNE) - 1
    stems = {stem["name"]: soundfile.read(Path("out") / stem["file"])[0] for stem in report["stems"]}
    mix, _ = soundfile.read("mix.wav")
    assert np.abs(sum(stems.values()) - mix).max() < 1e-5
    assert sdr_db(stems["flute"][None], tune()[None]) > max(sdr_db(mix[None], tune()[None]) + 2, SDR_FLOOR)


# --- live -------------------------------------------------------------------------------------------------------------


def test_live_the_line_comes_in_time_for_the_delayed_sound():
    """The callback is called block by block, and the listener hears after each, as its thread does."""
    presets = all_with_bends([load_preset(find_preset("flute"))])
    separator = Separator(presets, everything("flute"), {"mode": "live", "lookahead_ms": LINE_LOOKAHEAD_MS})
    separator.prepare(RATE, 1, CAPACITY)
    lanes, hearing, block = warmed(separator, stem_sources(separator), RATE), hearing_of(["flute"]), 256
    assert lookahead_of(hearing) == LINE_LOOKAHEAD_MS > lookahead_of(Hearing(hearing.presets))
    listener = NoteListener(lanes, hearing, lambda part, time_ns, message: lanes.send(time_ns, part, message), print)
    sound, found = np.pad(tune(), (0, separator.latency + block)), []
    for at in range(0, len(sound) - block, block):
        found.append(call(lanes, sound[None, at : at + block]))
        listener.reader.read()
    stem = np.concatenate(found, axis=1)[1, separator.latency :][: len(tune())]
    assert sdr_db(stem[None], tune()[None, : len(stem)]) > SDR_FLOOR
