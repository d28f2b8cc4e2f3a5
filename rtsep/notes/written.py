"""Writes a score as a MIDI file: a track for each part, at the tempo 120."""

from __future__ import annotations

import io

import mido

from rtsep.notes.score import Score

DIVISION, TEMPO_US = 960, 500_000  # Ticks, and microseconds, of a quarter note: a tick is half a millisecond.
TICKS_PER_S = DIVISION * 1e6 / TEMPO_US


def midi_of(score: Score) -> bytes:
    """The bytes of a MIDI file with the tracks, programs and messages of `score`."""
    file = mido.MidiFile(type=1, ticks_per_beat=DIVISION, charset="utf-8")
    file.add_track().append(mido.MetaMessage("set_tempo", tempo=TEMPO_US))
    for part, name in enumerate(score.track_names):
        track, last = file.add_track(name), 0
        track += [mido.Message("program_change", channel=channel, program=program)
                  for (of, channel), program in sorted(score.programs.items()) if of == part]
        for second, (of, *message) in zip(score.seconds.tolist(), score.messages.tolist(), strict=True):
            if of == part:
                tick = round(second * TICKS_PER_S)
                track.append(mido.Message.from_bytes(message, time=tick - last))
                last = tick
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()
