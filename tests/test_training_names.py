"""Folders with one sound file per note: what names and sounds tell, and the messages if they differ."""

import numpy as np
import pytest
import soundfile
from instruments import quiet, tone, write_sound
from sample_files import add_chunk, aiff, comments, flac_block, folder_of, smpl

from rtsep.cli import main
from rtsep.errors import RtsepError
from rtsep.files.root_note import root_note
from rtsep.training.dynamics import velocities
from rtsep.training.folders import Naming, folder_samples
from rtsep.training.inputs import gather

PITCHES = (45, 52, 57, 60, 63, 70, 76)
ENGLISH = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
FLATS = ["C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"]
GERMAN = ["C", "Cis", "D", "Es", "E", "F", "Fis", "G", "As", "A", "B", "H"]


def named(steps, pitch, octave=-1, between=""):
    return f"{steps[pitch % 12]}{between}{pitch // 12 + octave}"


def learnt(folder, **naming):
    """{name: (pitch, velocity)} of a folder, and the messages."""
    found = folder_samples(folder, Naming(**naming), quiet)
    return {each.path.relative_to(folder).as_posix(): (each.pitch, each.velocity) for each in found.samples}, found.warnings


def refused(folder, *words, **naming):
    with pytest.raises(RtsepError) as caught:
        folder_samples(folder, Naming(**naming))
    assert "\n" not in str(caught.value) and all(word in str(caught.value) for word in words), str(caught.value)


WAYS = {
    "number, pitch, velocity": lambda p: f"keyboard_acoustic_004-{p:03d}-100",
    "pitch and velocity": lambda p: f"NAME-{p:03d}-127",
    "a letter before numbers": lambda p: f"MAPS_ISOL_NO_F_S0_M{p}_AkPnBcht",
    "takes": lambda p: f"take1_{p}",
    "many takes": lambda p: f"take{p % 3 + 1}_{p}",
    "underscore": lambda p: f"Marimba_{named(ENGLISH, p, between='_')}",
    "space": lambda p: f"Marimba {named(FLATS, p, between=' ')} 1",
    "sharp as word": lambda p: f"Harp_{named(ENGLISH, p).replace('#', 'sharp')}_1",
    "s for sharp": lambda p: named(ENGLISH, p).replace("#", "s"),
    "flats": lambda p: f"{named(FLATS, p)}_rr1",
    "German": lambda p: f"Klavier {named(GERMAN, p)}",
    "dashes": lambda p: f"{named(ENGLISH, p, between='-')}",
    "another instrument's note": lambda p: f"A1_kit_{named(ENGLISH, p)}",
    "no space": lambda p: f"Rhodes{named(ENGLISH, p)}",
    "pitch last of three": lambda p: f"{p % 5}-44100-{p}",
    "folder per note": lambda p: f"{named(ENGLISH, p)}/hit",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pitched", [True, False])
def test_ways_of_naming(tmp_path, way, pitched):
    """With and without the sound."""
    folder_of(tmp_path, {WAYS[way](pitch) + ".wav": pitch for pitch in PITCHES})
    if not pitched and way == "pitch last of three":
        return  # Only the sound tells.
    found, said = learnt(tmp_path, pitched=pitched)
    assert {name: pitch for name, (pitch, _) in found.items()} == {WAYS[way](pitch) + ".wav": pitch for pitch in PITCHES}
    assert said == ()


@pytest.mark.parametrize("name, pitch, velocity", [
    ("keyboard_acoustic_004-060-127", 60, 127), ("take1_60", 60, 64), ("S0_M60", 60, 64), ("C_4", 60, 64), ("Csharp4", 61, 64),
    ("C sharp 4", 61, 64), ("Dflat4", 61, 64), ("Db4", 61, 64), ("Cs4", 61, 64), ("H4", 71, 64), ("Es4", 63, 64),
    ("Cis4", 61, 64), ("Bb-1", 10, 64), ("C-2", 0, 64), ("60_rr2", 60, 64), ("C4_loud_L", 60, 112), ("vel90 key 61", 61, 90),
    ("Fl-ord-A#3-mf-N-T12u", 58, 80), ("Grand_C3_127_RR2", 48, 127), ("065_F4_p", 65, 49),
])
def test_single_names(tmp_path, name, pitch, velocity):
    """If the sound tells nothing, names suffice."""
    write_sound(tmp_path / f"{name}.wav", np.ones(100))
    assert learnt(tmp_path)[0] == {f"{name}.wav": (pitch, velocity)}


def test_german_names_have_an_h(tmp_path):
    for name in ("A3", "B3", "H3", "As3"):
        write_sound(tmp_path / f"{name}.wav", np.ones(100))
    assert {name: pitch for name, (pitch, _) in learnt(tmp_path)[0].items()} == {"A3.wav": 57, "As3.wav": 56, "B3.wav": 58,
                                                                              "H3.wav": 59}


# --- octaves and numbers that count -----------------------------------------------------------------------------------


def test_a_folder_named_an_octave_off_is_corrected_and_told(tmp_path, capsys):
    folder_of(tmp_path / "y", {f"Piano_{named(ENGLISH, pitch, -2)}.wav": pitch for pitch in PITCHES})
    found, said = learnt(tmp_path / "y")
    assert sorted(pitch for pitch, _ in found.values()) == [*PITCHES]
    assert len(said) == 1 and "1 octave higher" in said[0] and "--octave 4" in said[0]
    told, said = learnt(tmp_path / "y", octave=3)
    assert sorted(pitch for pitch, _ in told.values()) == [*PITCHES] and not said
    as_named, said = learnt(tmp_path / "y", octave=4)
    assert sorted(pitch for pitch, _ in as_named.values()) == [pitch - 12 for pitch in PITCHES]
    assert "7 of 7 files do not sound like their names" in said[0]
    assert sorted(p for p, _ in learnt(tmp_path / "y", pitched=False)[0].values()) == [pitch - 12 for pitch in PITCHES]
    out = str(tmp_path / "p.npz")
    assert main(["train", str(tmp_path / "y"), "-o", out, "--octave", "3", "--no-picture", "--no-fill"]) == 0
    assert "7 trained (45 to 76)" in capsys.readouterr().out


def test_numbers_that_count_semitones(tmp_path):
    folder_of(tmp_path, {f"Organ {pitch - 44:02d}.wav": pitch for pitch in range(45, 60)})
    found, said = learnt(tmp_path)
    assert [pitch for pitch, _ in found.values()] == [*range(45, 60)]
    assert "are not pitches" in said[0] and "Organ 01.wav is 45" in said[0]


def test_numbers_that_count_thirds(tmp_path):
    folder_of(tmp_path, {f"Organ 1 {place}.wav": 36 + 4 * place for place in range(12)})
    found, said = learnt(tmp_path)
    assert sorted(pitch for pitch, _ in found.values()) == [*range(36, 84, 4)] and "are not pitches" in said[0]


def test_numbers_that_count_notes_of_a_scale(tmp_path):
    folder_of(tmp_path, {f"{place}.wav": pitch for place, pitch in enumerate(PITCHES, 1)})
    found, said = learnt(tmp_path)
    assert [pitch for pitch, _ in found.values()] == [*PITCHES] and "count the notes" in said[0]


def test_one_file_that_is_not_what_its_name_says(tmp_path):
    folder_of(tmp_path, {f"{named(ENGLISH, pitch)}.wav": pitch if pitch != 60 else 64 for pitch in PITCHES})
    found, said = learnt(tmp_path)
    assert found["C4.wav"][0] == 60 and "1 of 7" in said[0] and "C4.wav: 60 by its name, 64.0 by its sound" in said[0]


def test_unclear_numbers_are_asked_about(tmp_path):
    folder_of(tmp_path, {"x4.wav": 60, "x9.wav": 52, "x2.wav": 57, "x31.wav": 48, "x25.wav": 63})
    refused(tmp_path, "which note", "--name-pattern")


def test_patterns_overrule(tmp_path):
    folder_of(tmp_path, {f"{80 + place}_a_{pitch}_l{place % 2}.wav": pitch for place, pitch in enumerate(PITCHES)})
    folder_of(tmp_path, {"other.wav": 50})
    found, said = learnt(tmp_path, pattern="*_a_{note}_l{layer}")
    assert [pitch for pitch, _ in found.values()] == [*PITCHES] and "1 files whose names do not fit" in said[0]
    assert sorted({velocity for _, velocity in found.values()}) == [32, 95]
    assert {velocity for _, velocity in learnt(tmp_path, pattern="{velocity}_a_{note}_*")[0].values()} == {*range(80, 87)}
    assert [pitch for pitch, _ in learnt(tmp_path, pattern="*{note}_l*")[0].values()] == [*PITCHES]
    refused(tmp_path, "{note} once", "'*_{note}_v{layer}'", pattern="*_{pitch}")
    refused(tmp_path, "no name", "fits", pattern="{note}-*")


@pytest.mark.parametrize("options, words", [
    (["--octave", "9"], ["--octave 9", "2 to 6"]), (["--name-pattern", "x"], ["--name-pattern x", "{note}"]),
])
def test_bad_options(tmp_path, capsys, options, words):
    folder_of(tmp_path / "a", {"C4.wav": 60})
    assert main(["train", str(tmp_path / "a"), "-o", str(tmp_path / "p"), *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(word in error for word in words), error


# --- dynamics, round robins, folders ----------------------------------------------------------------------------------


@pytest.mark.parametrize("names, want", [
    ([f"_v{layer}" for layer in range(1, 17)], [4, 12, 20, 28, 36, 44, 52, 60, 67, 75, 83, 91, 99, 107, 115, 123]),
    (["_v1_rr1", "_v1_rr2", "_v2_rr1"], [32, 32, 95]), (["_vel0", "_vel1", "_vel2"], [21, 64, 106]),
    (["_v80", "_v100"], [80, 100]), (["_v300"], [127]), (["layer 1/_", "layer 2/_"], [32, 95]), (["_v3", "_v3"], [64, 64]),
    (["soft/_", "loud/_"], [49, 112]), (["flute-mf-_", "flute-pp-_"], [80, 33]), (["_L", "_R"], [64, 64]),
    (["violin_piano", "violin_mezzo-forte", "violin_fortissimo"], [49, 80, 112]), (["piano _", "piano rr2 _"], [64, 64]),
])
def test_dynamics(names, want):
    assert velocities(names) == want


def test_numbers_after_pitches_are_velocities_if_they_can_be():
    assert velocities(["-_-025", "-_-127"], [25, 127]) == [25, 127] and velocities(["-_-1", "-_-2"], [1, 2]) == [64, 64]


def test_folders_in_folders(tmp_path):
    folder_of(tmp_path, {f"{level}/{named(ENGLISH, pitch)}_rr{take}.wav": pitch
                         for level in ("pp", "ff") for pitch in PITCHES for take in (1, 2)})
    folder_of(tmp_path, {"__MACOSX/._C4.wav": 60, ".hidden/C4.wav": 60})
    found, said = learnt(tmp_path)
    assert len(found) == 28 and found["pp/C4_rr2.wav"] == (60, 33) and found["ff/E3_rr1.wav"] == (52, 112) and said == ()
    given, = gather([tmp_path], [], "auto", quiet)
    assert sorted(set(given.source.pitch.tolist())) == [*PITCHES] and len(given.files) == 29


def test_articulations_and_noises_are_left_out_and_said(tmp_path):
    folder_of(tmp_path, {f"{way}/{named(ENGLISH, pitch)}.wav": pitch for way in ("Sustain", "Staccato", "Release")
                         for pitch in PITCHES})
    folder_of(tmp_path, {"rel1.wav": 60, "pedalD1.wav": 30, "Key Noise/C4.wav": 60, "harmLC4.wav": 60})
    found, said = learnt(tmp_path)
    assert [*found] == sorted(f"Sustain/{named(ENGLISH, pitch)}.wav" for pitch in PITCHES)
    assert "11 files of releases" in said[0] and "7 files of other articulations" in said[1] and "staccato" in said[1]


def test_few_other_files_are_left_out_and_said(tmp_path):
    folder_of(tmp_path, {f"{named(ENGLISH, pitch)}_{velocity}.wav": pitch for pitch in PITCHES for velocity in (40, 110)})
    folder_of(tmp_path, {"demo 1.wav": 60})
    found, said = learnt(tmp_path)
    assert len(found) == 14 and found["C4_110.wav"] == (60, 110) and len(said) == 1 and "demo 1" in said[0]


def test_patterns_choose_articulations(tmp_path):
    folder_of(tmp_path, {f"{way}/{named(ENGLISH, pitch)}.wav": pitch for way in ("sus", "stac") for pitch in PITCHES})
    assert [*learnt(tmp_path)[0]] == sorted(f"sus/{named(ENGLISH, pitch)}.wav" for pitch in PITCHES)
    assert [*learnt(tmp_path, pattern="stac/{note}")[0]] == sorted(f"stac/{named(ENGLISH, pitch)}.wav" for pitch in PITCHES)


def test_an_articulation_without_others_is_learnt(tmp_path):
    folder_of(tmp_path, {"pizz_C4.wav": 60, "pizz_E4.wav": 64})
    assert len(learnt(tmp_path)[0]) == 2
    folder_of(tmp_path, {"trem_C4.wav": 60})
    assert [*learnt(tmp_path)[0]] == ["pizz_C4.wav", "pizz_E4.wav"] and "(trem)" in learnt(tmp_path)[1][0]


# --- root notes in files ----------------------------------------------------------------------------------------------


def test_root_notes_come_first(tmp_path):
    folder_of(tmp_path, {f"sample {place}.wav": pitch for place, pitch in enumerate(PITCHES)})
    for place, pitch in enumerate(PITCHES):
        add_chunk(tmp_path / f"sample {place}.wav", b"smpl", smpl(pitch))
    for pitched in (True, False):
        found, said = learnt(tmp_path, pitched=pitched)
        assert [pitch for pitch, _ in found.values()] == [*PITCHES] and said == ()


def test_root_notes_that_are_all_alike_say_nothing(tmp_path):
    folder_of(tmp_path, {f"{named(ENGLISH, pitch)}.wav": pitch for pitch in PITCHES})
    for path in tmp_path.iterdir():
        add_chunk(path, b"smpl", smpl(60))
    assert sorted(pitch for pitch, _ in learnt(tmp_path)[0].values()) == [*PITCHES]


def test_root_notes_of_all_kinds_of_files(tmp_path):
    aiff(tmp_path / "a.aif", 62, 62)
    write_sound(tmp_path / "b.wav", tone(60, 0.1))
    add_chunk(tmp_path / "b.wav", b"inst", bytes([61, 0, 0, 0, 127, 1, 127]))
    soundfile.write(tmp_path / "c.flac", tone(60, 0.1), 11025)
    (tmp_path / "d.flac").write_bytes((tmp_path / "c.flac").read_bytes())
    flac_block(tmp_path / "c.flac", 2, b"riffsmpl" + len(smpl(63)).to_bytes(4, "little") + smpl(63))
    flac_block(tmp_path / "d.flac", 4, comments("TITLE=x", "MIDI_ROOT_NOTE=64"))
    (tmp_path / "e.wav").write_bytes(b"RIFF\4\0\0\0WAVEsmpl\xff\xff\xff\xff")
    (tmp_path / "f.flac").write_bytes(b"fLaC\0")
    write_sound(tmp_path / "g.wav", tone(60, 0.1))
    names = ("a.aif", "b.wav", "c.flac", "d.flac", "e.wav", "f.flac", "g.wav", "none.wav")
    assert [root_note(tmp_path / name) for name in names] == [62, 61, 63, 64, None, None, None, None]
    assert soundfile.info(tmp_path / "d.flac").frames and soundfile.info(tmp_path / "a.aif").samplerate == 11025
