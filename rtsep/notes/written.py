"""Writes a score as a MIDI file with a track for each part, at its times in seconds."""

from __future__ import annotations

from collections.abc import Sequence

import mido

from rtsep.notes.midi_files import add_messages, midi_bytes
from rtsep.notes.programs import DRUMS
from rtsep.notes.score import Score
from rtsep.notes.sung import Bend

TICKS, TEMPO_US = 32767, 500_000  # Ticks and microseconds of a quarter note: a tick is 15 us, less than a sample at 48 kHz.


def written_midi(score: Score, bends: Sequence[Bend] = ()) -> bytes:
    """The MIDI file: tracks, channels and programs as in the score. bends: of the first part, on channel 1, by time."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.add_track().append(mido.MetaMessage("set_tempo", tempo=TEMPO_US))
    for part, name in enumerate(score.track_names):
        track = file.add_track()
        track.append(mido.UnknownMetaMessage(0x03, data=name.encode()))
        track += [mido.Message("program_change", channel=channel, program=program)
                  for (player, channel), program in sorted(score.programs.items()) if player == part and program < DRUMS]
        mine = score.messages[:, 0] == part
        placed = [(_tick(seconds), mido.Message.from_bytes(message)) for seconds, message in
                  zip(score.seconds[mine].tolist(), score.messages[mine, 1:].tolist(), strict=True)]
        bent = [] if part else [(_tick(seconds), mido.Message("pitchwheel", pitch=value)) for seconds, value in bends]
        add_messages(track, sorted(bent + placed, key=lambda each: each[0]))  # At equal times, a bend comes before its note.
    return midi_bytes(file)


def _tick(seconds: float) -> int:
    return round(seconds * 1e6 / TEMPO_US * TICKS)
