"""rtsep render --voice and --melody: one more stem, its pitch as a table and as notes, and a line in the picture."""

import json

import mido
import numpy as np
import pytest
import soundfile
from conftest import RATE

from rtsep.cli import main
from rtsep.files.sound import read_sound
from rtsep.measure import sdr_db
from rtsep.notes.sung import STEP_S, SungNote, midi_of

SECONDS = 2.0
SUNG = 69  # The MIDI pitch of the voice.


def tones(pitches, vibrato=0.0):
    """Tones of some partials, one after another over SECONDS: float [sample]."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    place = np.minimum((time / SECONDS * len(pitches)).astype(int), len(pitches) - 1)
    pitch = np.array(pitches, float)[place] + vibrato * np.sin(2 * np.pi * 5.5 * time)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((pitch - 69) / 12)) / RATE
    return 0.1 * sum(np.sin(n * phase) / n for n in range(1, 12))


def notes_file(path, name, pitches):
    """A MIDI file with these notes, one after another over SECONDS."""
    each = SECONDS / len(pitches)
    notes = [SungNote(n * each, (n + 1) * each, pitch, np.array([n * each]), np.zeros(1)) for n, pitch in enumerate(pitches)]
    path.write_bytes(midi_of(notes, name))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """mix.wav: a voice beside other tones; voice.wav alone; melody.mid; both.mid with two tracks."""
    folder = tmp_path_factory.mktemp("sung")
    voice, others = tones([SUNG], vibrato=0.4), tones([46, 53, 51])
    soundfile.write(folder / "mix.wav", voice + others, int(RATE))
    soundfile.write(folder / "true.wav", voice, int(RATE))
    notes_file(folder / "melody.mid", "melody", [SUNG])
    notes_file(folder / "others.mid", "others", [46, 53, 51])
    both = mido.MidiFile(type=1)
    for name in ("melody", "others"):
        (track,) = mido.MidiFile(folder / f"{name}.mid").tracks
        both.tracks.append(track)
    both.save(folder / "both.mid")
    return folder


def run(folder, out, *options):
    return main(["render", str(folder / "mix.wav"), "--out", str(out), *map(str, options)])


def found_hz(path):
    """The pitches of a table, [step]."""
    table = np.genfromtxt(path, delimiter=",", names=True)
    assert np.allclose(np.diff(table["time_s"]), STEP_S)
    return table["f0_hz"]


def assert_right(hz):
    """The pitch is near the voice's in most steps."""
    assert len(hz) == round(SECONDS / STEP_S)
    assert (np.abs(12 * np.log2(np.maximum(hz, 1) / 440)) < 1).mean() > 0.85


def test_a_melody_alone_is_separated_from_everything(folder, tmp_path):
    assert run(folder, tmp_path, "--melody", folder / "melody.mid", "--picture") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "picture.png", "report.json", "residual.wav", "voice.csv", "voice.mid", "voice.wav"]
    assert_right(found_hz(tmp_path / "voice.csv"))
    truth, mix = read_sound(folder / "true.wav")[0], read_sound(folder / "mix.wav")[0]
    stems = {name: read_sound(tmp_path / f"{name}.wav")[0] for name in ("voice", "residual")}
    assert sdr_db(stems["voice"], truth) > 1  # The mix has 0 dB.
    assert np.abs(stems["voice"] + stems["residual"] - mix).max() < 1e-5
    assert {each.note for each in mido.MidiFile(tmp_path / "voice.mid") if each.type == "note_on"} == {SUNG}


def test_a_track_of_the_notes_is_the_melody_and_no_stem(folder, tmp_path):
    assert run(folder, tmp_path, "--midi", folder / "both.mid", "--melody", "melody", "--voice-name", "soprano") == 0
    names = [stem["name"] for stem in json.loads((tmp_path / "report.json").read_text())["stems"]]
    assert names == ["others", "soprano", "residual"]
    assert_right(found_hz(tmp_path / "soprano.csv"))


def test_the_voice_is_found_without_its_notes(folder, tmp_path):
    assert run(folder, tmp_path, "--midi", folder / "others.mid", "--voice", "--voice-range", "C4-C6", "--start", 0.5) == 0
    table = np.genfromtxt(tmp_path / "voice.csv", delimiter=",", names=True)
    assert table["time_s"][0] == 0.5
    assert (np.abs(12 * np.log2(np.maximum(table["f0_hz"], 1) / 440)) < 1).mean() > 0.8


def test_the_reference_finds_the_same_voice(folder, tmp_path):
    for out, more in (("compiled", ()), ("plain", ("--reference",))):
        assert run(folder, tmp_path / out, "--mode", "live", "--melody", folder / "melody.mid", "--end", 0.3, *more) == 0
    compiled, plain = (read_sound(tmp_path / out / "voice.wav")[0] for out in ("compiled", "plain"))
    assert np.abs(compiled).max() > 0.1 and np.abs(compiled - plain).max() < 1e-3
    assert not (tmp_path / "plain" / "voice.csv").exists()


@pytest.mark.parametrize("options, told", [
    (["--melody", "nothing.mid"], "there is no such file"),
    (["--melody", "both.mid"], "say which one"),
    (["--melody", "both.mid@flute"], "nothing is called flute"),
    (["--midi", "both.mid", "--melody", "flute"], "nothing is called flute"),
    (["--voice-name", "alto"], "give --voice or --melody"),
    (["--voice", "--voice-range", "C4"], "such as E2-G4"),
    (["--midi", "others.mid", "--voice", "--voice-name", "others"], "already a stem"),
    (["--voice", "--mosaic", "mix.wav"], "--voice"),
])
def test_what_cannot_be_is_refused_in_one_line(folder, tmp_path, capsys, options, told):
    options = [folder / text if (folder / text.partition("@")[0]).exists() else text for text in options]
    assert run(folder, tmp_path / "out", *options) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
