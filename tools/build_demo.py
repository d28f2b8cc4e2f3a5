"""Builds the demo clip: the beginning of Beethoven's "Für Elise" with true stems and the MIDI that was played.

    python tools/build_demo.py --out presets/demo

The notes are those of the score below; this project chose tempo, loudness and pedal. Each hand is played separately
with the Salamander samples, so the stems are exact: left_hand + right_hand = mix, sample for sample.
"""

import argparse
import json
import re
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
import soundfile
from laboratory.sources import NOTE, fit, hold_by_pedal, render
from laboratory.study import ROOT, run_tool

SAMPLE_RATE = 44100
PEAK = 10 ** (-3 / 20)
TICKS_PER_QUARTER = 960
SLOT = TICKS_PER_QUARTER // 4  # ticks of a sixteenth note; at this tempo a tick is nearly a millisecond
HANDS = ("Left hand", "Right hand")
STEMS = ("left_hand", "right_hand")
PEDAL_LAG = 45  # ticks from the beat until the pedal goes down
LEGATO, LIFT = 20, -30  # ticks by which a note overlaps the next one, or (negative) ends before a rest
REPEAT_GAP = 35  # ticks between the end of a note and the next onset of its key
ACCENT = {"Left hand": (3, -2, -1, -2, -1, -2), "Right hand": (4, -1, 1, -2, 0, -1)}  # by position in the bar
MIDDLE = {"Left hand": 52, "Right hand": 72}  # notes above these pitches are played a little louder


class Bar(NamedTuple):
    """A bar of 3/8: a token for each sixteenth (a note, "-" for held, or "." for silent), and how to play it."""

    tempo: int  # quavers per minute at its start
    right_level: int  # velocities, before accents
    left_level: int
    pedal: int  # the pedal is lifted this many sixteenths after the bar's start; 0: no pedal
    right: str
    left: str


BARS = (
    Bar(132, 56, 46, 0, ". . E5 D#5", ". . . ."),  # upbeat
    Bar(138, 62, 46, 0, "E5 D#5 E5 B4 D5 C5", ". . . . . ."),  # 1
    Bar(142, 60, 48, 6, "A4 - . C4 E4 A4", "A2 E3 A3 . . ."),
    Bar(142, 60, 48, 6, "B4 - . E4 G#4 B4", "E2 E3 G#3 . . ."),
    Bar(138, 63, 49, 4, "C5 - . E4 E5 D#5", "A2 E3 A3 . . ."),
    Bar(140, 65, 49, 0, "E5 D#5 E5 B4 D5 C5", ". . . . . ."),  # 5
    Bar(144, 60, 48, 6, "A4 - . C4 E4 A4", "A2 E3 A3 . . ."),
    Bar(140, 61, 48, 4, "B4 - . E4 C5 B4", "E2 E3 G#3 . . ."),
    Bar(134, 58, 47, 3, "A4 - . B4 C5 D5", "A2 E3 A3 . . ."),  # 8, second ending
    Bar(142, 72, 57, 4, "E5 - - G4 F5 E5", "C3 G3 C4 . . ."),
    Bar(146, 70, 56, 4, "D5 - - F4 E5 D5", "G2 G3 B3 . . ."),
    Bar(144, 66, 53, 4, "C5 - - E4 D5 C5", "A2 E3 A3 . . ."),
    Bar(138, 60, 50, 9, "B4 - . E4 E5 .", "E2 E3 E4 . . E4"),  # 12
    Bar(136, 58, 55, 0, ". E5 E6 . . D#5", "E5 . . D#5 E5 ."),
    Bar(128, 55, 52, 0, "E5 - . D#5 E5 D#5", ". D#5 E5 . . ."),
    Bar(136, 60, 46, 0, "E5 D#5 E5 B4 D5 C5", ". . . . . ."),  # 15
    Bar(132, 56, 46, 10, "A4 - . C4 E4 A4", "A2 E3 A3 . . ."),
    Bar(92, 48, 42, 0, "- - - - . .", ". . . . . ."),  # the last note held on
)


def pitch_of(name):
    """MIDI note number of a name such as "D#5"; C4 is 60."""
    letter, sharp, octave = re.fullmatch(r"([A-G])(#?)(\d)", name).groups()
    return {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[letter] + len(sharp) + 12 * (int(octave) + 1)


def bar_starts():
    """Slot at which each bar begins, and the end of the last one: int [bars + 1]."""
    return np.cumsum([0] + [len(bar.right.split()) for bar in BARS])


def along(values):
    """A value per bar, interpolated in straight lines from bar to bar: float [slots]."""
    starts = bar_starts()
    return np.interp(np.arange(starts[-1]), starts[:-1], values)


def tempo_map():
    """Microseconds per quarter note in every slot: int [slots]."""
    return np.round(60e6 / (along([bar.tempo for bar in BARS]) / 2)).astype(int)


def seconds_at(ticks):
    """Time of a tick in seconds, by the tempo map."""
    edges = np.concatenate([[0.0], np.cumsum(tempo_map() * 1e-6 / 4)])
    return np.interp(ticks, np.arange(len(edges)) * SLOT, edges)


def tokens(hand):
    """The line of a hand, a token per slot."""
    return [token for bar in BARS for token in (bar.left if hand == "Left hand" else bar.right).split()]


def written_notes(hand):
    """Notes as written: (first slot, slots, pitch)."""
    line = tokens(hand)
    for slot, token in enumerate(line):
        if token not in "-.":
            held = next((i for i, later in enumerate([*line[slot + 1 :], "."]) if later != "-"))
            yield slot, 1 + held, pitch_of(token)


def played_notes(hand, rng):
    """Notes as played: (onset tick, offset tick, pitch, velocity), a little uneven, like human playing."""
    line = [*tokens(hand), "."]
    level = along([bar.left_level if hand == "Left hand" else bar.right_level for bar in BARS])
    for slot, slots, pitch in written_notes(hand):
        position = (slot - bar_starts()[1]) % 6
        velocity = level[slot] + ACCENT[hand][position] + 0.25 * (pitch - MIDDLE[hand]) + rng.uniform(-2, 2)
        onset = slot * SLOT + round(np.clip(rng.normal(0, 5), -10, 10))
        end = (slot + slots) * SLOT + (LIFT if line[slot + slots] == "." else LEGATO)
        yield onset, end, pitch, round(velocity)


def play():
    """The notes of both hands, {hand: int [notes, 4]}; a key goes up before either hand strikes it again."""
    rng = np.random.default_rng(59)
    hands = {hand: np.array(list(played_notes(hand, rng))) for hand in HANDS}
    everything = np.concatenate(list(hands.values()))
    for notes in hands.values():
        for note in notes:
            again = everything[(everything[:, 2] == note[2]) & (everything[:, 0] > note[0]), 0]
            note[1] = min(note[1], again.min(initial=note[1] + REPEAT_GAP) - REPEAT_GAP)
    return hands


def pedal_spans():
    """(down tick, up tick) of the sustain pedal: a little after the beat, and up before the next harmony."""
    starts = bar_starts()
    return [(start * SLOT + PEDAL_LAG, (start + bar.pedal) * SLOT)
            for start, bar in zip(starts[:-1], BARS, strict=True) if bar.pedal]


def midi_file(hands):
    """The performance as a MIDI file: a tempo track and a track per hand, both on channel 1; the left hand has the pedal."""
    messages = [(slot * SLOT, mido.MetaMessage("set_tempo", tempo=us)) for slot, us in enumerate(tempo_map().tolist())]
    messages += [(0, mido.MetaMessage("time_signature", numerator=2, denominator=8)),
                 (int(bar_starts()[1]) * SLOT, mido.MetaMessage("time_signature", numerator=3, denominator=8))]
    tracks = [track("Beethoven: Für Elise, WoO 59", messages)]
    for hand, notes in hands.items():
        messages = [] if hand == "Right hand" else pedal_messages()
        for onset, offset, pitch, velocity in notes.tolist():
            messages += [(onset, mido.Message("note_on", note=pitch, velocity=velocity)),
                         (offset, mido.Message("note_off", note=pitch))]
        tracks.append(track(hand, messages))
    return mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, tracks=tracks)


def pedal_messages():
    """The pedal as controller 64."""
    return [(int(tick), mido.Message("control_change", control=64, value=value))
            for span in pedal_spans() for tick, value in zip(span, (127, 0), strict=True)]


def track(name, messages):
    """A MIDI track of messages at absolute ticks; at one tick note-offs come before note-ons."""
    messages = sorted(messages, key=lambda timed: (timed[0], timed[1].type == "note_on"))
    result, now = mido.MidiTrack([mido.MetaMessage("track_name", name=name)]), 0
    for tick, message in messages:
        result.append(message.copy(time=tick - now))
        now = tick
    return result


def sounding_notes(hands):
    """{hand: NOTE array} with the pedal applied; both hands play one piano, so the last hand on a key takes its string."""
    everything = np.concatenate(list(hands.values()))
    notes = np.zeros(len(everything), NOTE)
    notes["onset_s"], notes["offset_s"] = seconds_at(everything[:, 0]), seconds_at(everything[:, 1])
    notes["pitch"], notes["velocity"] = everything[:, 2], everything[:, 3]
    held = hold_by_pedal(notes, [tuple(seconds_at(np.array(span))) for span in pedal_spans()])
    return dict(zip(hands, np.split(held, np.cumsum([len(n) for n in hands.values()])[:-1]), strict=True))


def stems(hands):
    """The sound of both hands as 16-bit integers [2, n]; the peak of their sum is PEAK."""
    sounds = [render(notes, SAMPLE_RATE) for notes in sounding_notes(hands).values()]
    longest = max(map(len, sounds))
    sounds = np.stack([fit(sound, longest) for sound in sounds])
    return np.round(sounds * (PEAK * 32767 / np.abs(sounds.sum(axis=0)).max())).astype(np.int16)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "presets" / "demo", help="folder of the clip")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    hands = play()
    sounds = stems(hands)
    midi_file(hands).save(folder / "demo.mid")
    for name, sound in zip((*STEMS, "mix"), (*sounds, sounds.sum(axis=0, dtype=np.int16)), strict=True):
        soundfile.write(folder / f"{name}.flac", sound, SAMPLE_RATE, subtype="PCM_16")
    (folder / "stems.json").write_text(json.dumps(dict(zip(STEMS, HANDS, strict=True)), indent=2) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {sounds.shape[1] / SAMPLE_RATE:.1f} s, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    run_tool(main)
