"""SoundFonts: what they hold, which instrument is learnt, and what is said where nothing can be."""

import json
import shutil

import numpy as np
import pytest
from instruments import quiet
from sample_files import soundfont

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.training import soundfonts
from rtsep.training.inputs import Hints, gather
from rtsep.training.pitch import measure_pitch
from rtsep.training.soundfonts import Choice, Instrument, instruments

PRESETS = {"Flute": (0, 73), "Piano": (0, 0), "Kit": (128, 0)}
needs_synth = pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="fluidsynth is not installed")


def refused(path, choice, *words):
    with pytest.raises(RtsepError) as caught:
        gather([path], [], "auto", quiet, hints=Hints(choice=choice))
    assert "\n" not in str(caught.value) and all(word in str(caught.value) for word in words), str(caught.value)


@pytest.fixture
def few_notes(monkeypatch):
    """Few and short notes."""
    monkeypatch.setattr(soundfonts, "PITCHES", range(60, 67, 3))
    monkeypatch.setattr(soundfonts, "DRUMS", range(36, 38))
    monkeypatch.setattr(soundfonts, "HELD_S", 0.5)


def test_what_a_soundfont_holds(tmp_path):
    assert instruments(soundfont(tmp_path / "a.sf2", PRESETS)) == [
        Instrument(0, 0, "Piano"), Instrument(0, 73, "Flute"), Instrument(128, 0, "Kit")]


@needs_synth
@pytest.mark.parametrize("choice, pitches, words", [
    (Choice(), [60, 63, 66], "Piano (program 0) is learnt"), (Choice(73), [60, 63, 66], None),
    (Choice(drums=True), [36, 37], None), (Choice(128), [36, 37], None),
])
def test_notes_are_played_one_by_one(tmp_path, few_notes, choice, pitches, words):
    given, = gather([soundfont(tmp_path / "a.sf2", PRESETS)], [], "auto", quiet, hints=Hints(choice=choice))
    notes = given.source
    assert notes.pitch.tolist() == [pitch for pitch in pitches for _ in range(3)]
    assert notes.velocities().tolist() == [40, 80, 120] * len(pitches)
    assert (words in given.warnings[0] and len(given.warnings) == 1) if words else given.warnings == ()
    for pitch, onset_s in zip(notes.pitch, notes.onset_s, strict=True):
        begin = round(onset_s * notes.sample_rate)
        sound = notes.sound.mean(axis=0)
        assert np.abs(sound[begin - 2000 : begin - 100]).max() < 1e-3 < np.abs(sound[begin : begin + 2000]).max()
        heard = measure_pitch(sound[begin : begin + 20000], notes.sample_rate)
        assert heard.pitch == pytest.approx(pitch, abs=0.3)


@needs_synth
def test_the_command(tmp_path, few_notes, capsys):
    font = soundfont(tmp_path / "a.SF2", {"Only": (0, 5)})
    command = ["train", str(font), "-o", str(tmp_path / "p.npz"), "--no-picture", "--no-fill"]
    assert main([*command, "--program", "4"]) == 0
    assert "3 trained (60 to 66)" in capsys.readouterr().out
    assert json.loads((tmp_path / "p.json").read_text())["inputs"][0]["notes"] == 9


def test_without_fluidsynth_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(soundfonts.shutil, "which", lambda _name: None)
    refused(soundfont(tmp_path / "a.sf2", PRESETS), Choice(), "a.sf2", "fluidsynth", "apt install")


@needs_synth
def test_a_synthesiser_that_fails(tmp_path, monkeypatch, few_notes):
    path = soundfont(tmp_path / "a.sf2", PRESETS)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"shdr", b"xhdr").replace(b"igen", b"xgen"))
    refused(path, Choice(), "a.sf2", "fluidsynth")


def test_what_is_no_soundfont(tmp_path):
    for content, words in ((b"RIFF", "not a SoundFont"), (b"", "not a SoundFont"),
                           (soundfont(tmp_path / "a.sf2", PRESETS).read_bytes()[:-900], "SoundFont")):
        (tmp_path / "b.sf3").write_bytes(content)
        refused(tmp_path / "b.sf3", Choice(), "b.sf3", words)
    refused(tmp_path / "none.sf2", Choice(), "none.sf2", "No such file")
    refused(tmp_path / "a.sf2", Choice(5), "no program 5", "0 Piano", "--program")
    refused(soundfont(tmp_path / "c.sf2", {"A": (0, 1), "B": (0, 2)}), Choice(drums=True), "no drum kit", "1 A")
