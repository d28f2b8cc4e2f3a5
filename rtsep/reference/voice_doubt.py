"""Stage: is a pitch that was found a voice, or a told note? See `rtsep.stages.voice_doubt`."""

from __future__ import annotations

import math

from rtsep.reference.passed import Open
from rtsep.stages.voice_doubt import (
    ATTACK_S,
    BEGUN_S,
    FAINT,
    JUMP,
    LEAST_LEVEL,
    LEVEL_S,
    MOVED,
    NEAR,
    OCTAVE_MOVED,
    OCTAVE_NEAR,
    RESTS,
    SINGS_S,
    SWELL_DB,
)


class Doubt:
    """The present contour: its age, first and last MIDI pitch, and levels in dB. `sings`: 0 to 1."""

    def __init__(self, hop_s: float, window_s: float) -> None:
        self.hop_s, self.window_s = hop_s, window_s
        self._begin(0.0)
        self.forget()

    def forget(self) -> None:
        """Forget the contour."""
        self.doubted, self.place, self.sings = False, 0.0, 0.0

    def _begin(self, place: float) -> None:
        """Begin a contour at this MIDI pitch."""
        self.is_voice, self.age_s, self.moved, self.begin = False, 0.0, 0.0, place
        self.level_db, self.low_db = math.nan, math.inf

    def _continue(self, place: float) -> None:
        """Continue the contour with a MIDI pitch, or begin another one."""
        if self.place <= 0 or abs(place - self.place) > JUMP:
            self._begin(place)
        self.place = place
        self.age_s += self.hop_s
        if self.age_s < BEGUN_S:
            self.begin = place
        self.moved = max(self.moved, abs(place - self.begin))
        self.is_voice |= self.moved > MOVED

    def _explained(self, opened: Open) -> bool:
        """Is the contour near a told note that is open, or an octave from it?"""
        away = [abs(self.place - group.pitch) for group in opened.groups if group.told]
        octaves = self.moved <= OCTAVE_MOVED
        return any(each <= NEAR or (octaves and abs(each - 12) <= OCTAVE_NEAR) for each in away)

    def follow(self, opened: Open, hz: float, sureness: float, certain: bool) -> None:
        """Take a frame's pitch (0: unvoiced), and fill `doubted`; `certain`: the pitch is told or known."""
        told, doubt = bool(opened.groups) and not certain, self.sings < RESTS
        if hz > 0:
            self._continue(69 + 12 * math.log2(hz / 440))
            doubt = told and not self.is_voice and (sureness < FAINT or self._explained(opened))
        else:
            self.place = 0.0
        self.doubted = told and doubt
        part = min(self.hop_s / SINGS_S, 1)
        self.sings = min(self.sings + part, 1) if hz > 0 and not self.doubted else self.sings * (1 - part)

    def note_level(self, magnitude: float) -> None:
        """Note the voice's magnitude in the frame, from which `follow` learns whether the contour swells."""
        if self.place <= 0:
            return
        level = 20 * math.log10(max(magnitude, LEAST_LEVEL))
        if math.isnan(self.level_db):
            self.level_db = level
        self.level_db += (level - self.level_db) * min(self.hop_s / LEVEL_S, 1)
        if self.age_s > ATTACK_S + self.window_s:
            self.low_db = min(self.low_db, self.level_db)
            self.is_voice |= self.level_db > self.low_db + SWELL_DB
