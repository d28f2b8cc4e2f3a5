"""Notes and bends from the pitch of a voice."""

import io

import mido
import numpy as np
import pytest

from rtsep.notes.score import read_midi
from rtsep.notes.sung import STEP_S, SungPitch, midi_of, notes_of


def sung(*parts):
    """A line of (seconds, MIDI pitch, or None for a rest); the pitch can be a function of time."""
    hz = []
    for seconds, pitch in parts:
        time = np.arange(round(seconds / STEP_S)) * STEP_S
        curve = np.full(len(time), np.nan) if pitch is None else pitch(time) if callable(pitch) else np.full(len(time), pitch)
        hz.append(np.nan_to_num(440 * 2 ** ((curve - 69) / 12)))
    hz = np.concatenate(hz)
    return SungPitch(np.arange(len(hz)) * STEP_S, hz, np.ones(len(hz)))


def spans(notes):
    return [(round(note.onset_s, 2), round(note.offset_s, 2), note.pitch) for note in notes]


def test_steady_notes_and_rests():
    assert spans(notes_of(sung((0.5, 60), (0.2, None), (0.5, 60), (0.5, 64)))) == [(0, 0.5, 60), (0.7, 1.2, 60), (1.2, 1.7, 64)]


def test_vibrato_is_one_note_with_bends():
    notes = notes_of(sung((2, lambda time: 67 + 0.8 * np.sin(2 * np.pi * 5 * time))))
    assert spans(notes) == [(0, 2, 67)]
    assert notes[0].bends.max() > 0.7 and notes[0].bends.min() < -0.7


def test_a_glide_reaches_its_last_note():
    found = notes_of(sung((0.5, 60), (0.3, lambda time: 60 + 7 * time / 0.3), (0.5, 67)))
    assert found[0].pitch == 60 and found[-1].pitch == 67 and found[-1].offset_s == pytest.approx(1.3)
    assert all(np.abs(note.bends).max() <= 2 for note in found)


def test_short_blips_are_no_notes_and_short_gaps_no_rests():
    assert spans(notes_of(sung((0.5, None), (0.03, 72), (0.5, None)))) == []
    assert spans(notes_of(sung((0.5, 60), (0.03, None), (0.5, 60)))) == [(0, 1.03, 60)]
    assert notes_of(sung((0.5, None))) == [] and notes_of(sung((0, 60))) == []


def test_the_midi_file_sounds_as_it_was_sung(tmp_path):
    line = sung((0.5, 60.3), (0.3, None), (0.5, 63.9))
    (tmp_path / "voice.mid").write_bytes(midi_of(notes_of(line), "voice"))
    score = read_midi(tmp_path / "voice.mid")
    assert score.track_names == ("voice",)
    notes = score.notes()
    assert notes["pitch"].tolist() == [60, 64]
    assert notes["onset_s"] == pytest.approx([0, 0.8], abs=0.002) and notes["offset_s"] == pytest.approx([0.5, 1.3], abs=0.002)
    bends = [message.pitch for message in mido.MidiFile(tmp_path / "voice.mid") if message.type == "pitchwheel"]
    assert bends == pytest.approx([0.3 / 2 * 8192, -0.1 / 2 * 8192], abs=1)


def test_the_table_has_one_line_for_each_step():
    lines = sung((0.03, 69), (0.02, None)).table().splitlines()
    assert lines == ["time_s,f0_hz,sureness", "0.000,440.00,1.00", "0.010,440.00,1.00", "0.020,440.00,1.00", "0.030,0.00,1.00",
                     "0.040,0.00,1.00"]


def test_steps_take_the_nearest_value():
    fine = SungPitch(np.arange(100) * 0.003 - 0.02, np.arange(100) + 1.0, np.ones(100))
    found = fine.at_steps(0, 0.25)
    assert len(found.hz) == 25 and np.abs((found.hz - 1) * 0.003 - 0.02 - found.times_s).max() <= 0.0016
    empty = SungPitch(*np.zeros((3, 0))).at_steps(0, 0.1)
    assert len(empty.hz) == 10 and not empty.hz.any()


def test_a_file_without_notes_is_a_midi_file():
    assert len(mido.MidiFile(file=io.BytesIO(midi_of([], "voice"))).tracks) == 1
