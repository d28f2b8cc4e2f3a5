"""Writes a score as a MIDI file with a track for each part, at its times in seconds."""

from __future__ import annotations

import mido

from rtsep.notes.midi_files import add_messages, midi_bytes
from rtsep.notes.programs import DRUMS
from rtsep.notes.score import Score

TICKS, TEMPO_US = 32767, 500_000  # Ticks and microseconds of a quarter note: a tick is 15 us, less than a sample at 48 kHz.


def written_midi(score: Score) -> bytes:
    """The MIDI file: tracks, channels and programs as in the score."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.add_track().append(mido.MetaMessage("set_tempo", tempo=TEMPO_US))
    for part, name in enumerate(score.track_names):
        track = file.add_track()
        track.append(mido.UnknownMetaMessage(0x03, data=name.encode()))
        track += [mido.Message("program_change", channel=channel, program=program)
                  for (player, channel), program in sorted(score.programs.items()) if player == part and program < DRUMS]
        mine = score.messages[:, 0] == part
        add_messages(track, ((round(seconds * 1e6 / TEMPO_US * TICKS), mido.Message.from_bytes(message)) for seconds, message in
                             zip(score.seconds[mine].tolist(), score.messages[mine, 1:].tolist(), strict=True)))
    return midi_bytes(file)
