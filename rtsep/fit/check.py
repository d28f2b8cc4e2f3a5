"""Checks whether notes fit a sound, and says what to do if they do not. It changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rtsep.fit.hearing import Rows, Sound, combs, strokes
from rtsep.fit.search import Match, best_tempo, hear, match
from rtsep.notes.moved import AS_WRITTEN, NoteArray, Timing, moved_notes
from rtsep.notes.programs import DRUM_CHANNEL
from rtsep.presets.preset import Preset

LEAST_ONSETS = 8  # Fewer notes than this cannot be checked.
# Notes do not fit if the best time, tempo or key is more than this many times as strong as theirs: right notes were always
# strongest.
ELSEWHERE = 1.3
# A match is clear if it has at least these strengths (for notes, for drums; right notes on the tuning pieces, 8 s each, had
# 11.0 or more, and wrong notes mostly less than 10), ...
CLEAR, CLEAR_DRUMS = 10.0, 3.5
CLEARLY = 1.25  # ... if it is this many times as strong as any rival (right notes were at least 1.5 times as strong), ...
# ... and if at least this share of the parts agrees (0.8 or more for right notes, 0.6 for strong wrong ones).
MOST_PARTS_AGREE = 0.7
# Notes with at least these strengths (for notes, for drums) get no warning that they fit nowhere: wrong ones had at most 5.3
# and 3.2.
WEAK, WEAK_DRUMS = 6.0, 3.3
LEAST_OFFSET_S = 0.06  # Offsets below this many seconds are not reported.
LEAST_CHANGE = 0.001  # Tempi that differ by less than this share are not reported.
SLOW_CHANGE = 0.04  # Differences of tempo of up to this share are reported as a drift.
MOST_DRIFT_S = 0.1  # If the offsets of parts of the sound differ by more than this many seconds, that is reported.


@dataclass(frozen=True)
class Fit:
    """How well notes fit a sound.

    strength: by how many standard deviations the notes, unchanged, exceed all other times and keys. fits: whether they fit.
    clear: if they do not fit, whether the other fields say what they need. offset_s, stretch: the sound of a note at t s is at
    stretch * t + offset_s. transposed: semitones by which the sound is higher. drift_s: range of the offsets of three quarters
    of the parts of 4 s. onsets: the number of compared onsets.
    """

    strength: float
    fits: bool
    clear: bool
    offset_s: float
    stretch: float
    transposed: int
    drift_s: float
    onsets: int

    def fault(self, before: Timing = AS_WRITTEN) -> str:
        """Why the notes do not fit, and what to do; empty if they fit. `before`: how they were moved already."""
        if self.fits:
            return ""
        if not self.clear:
            return "the notes do not seem to fit the sound at any time, tempo or key: are they those of this recording?"
        found = [text for text in (self._key(), self._time(before)) if text]
        return "; ".join(found)

    def doubt(self) -> str:
        """What can make results worse; empty if nothing can."""
        if self.onsets < LEAST_ONSETS:
            return f"only {self.onsets} notes: whether they fit the sound could not be checked"
        if self.uneven and (self.fits or self.clear):
            return f"notes and sound drift apart by about {self.drift_s:.2f} s, back and forth"
        return ""

    @property
    def uneven(self) -> bool:
        """Whether it would only help to move single notes."""
        return self.onsets >= LEAST_ONSETS and (self.drift_s > MOST_DRIFT_S if self.fits or self.clear else True)

    def _key(self) -> str:
        if not self.transposed:
            return ""
        many, way = abs(self.transposed), "higher" if self.transposed > 0 else "lower"
        octaves = {12: " (an octave)", 24: " (two octaves)"}.get(many, "")
        return (f"the sound seems to be {many} semitone{'s' * (many > 1)}{octaves} {way} than the notes: transpose them by "
                f"{self.transposed:+d}")

    def _time(self, before: Timing) -> str:
        change, stretch = self.stretch - 1, before.stretch
        if abs(change) < LEAST_CHANGE and abs(self.offset_s) < LEAST_OFFSET_S:
            return ""
        options = f"--offset {self.stretch * before.offset_s + self.offset_s + 0:.2f}"
        if abs(change) < LEAST_CHANGE:
            way = "before" if self.offset_s > 0 else "after"
            options = f"--stretch {stretch:g} {options}" if stretch != 1 else options
            return f"the notes seem to come {abs(self.offset_s):.2f} s {way} their sound: {options}"
        options = f"--stretch {self.stretch * stretch:.4f} {options}"
        if abs(change) <= SLOW_CHANGE:
            way = "slower" if change > 0 else "faster"
            return f"the sound seems to run {100 * abs(change):.1f} % {way} than the notes: {options}"
        return f"the notes seem to run at {self.stretch:.2f} times the tempo of the sound: {options}"


def check_fit(sound: Sound, notes: NoteArray, kit: Preset | None = None) -> Fit:
    """How well NOTE [n] fit the sound. kit: the drums that all of them play; without it, channel 10 does not count."""
    if kit is None:
        notes = notes[notes["channel"] != DRUM_CHANNEL]
    if len(notes) < LEAST_ONSETS:
        return Fit(0.0, True, False, 0.0, 1.0, 0, 0.0, len(notes))
    rows = combs(sound.sample_rate) if kit is None else strokes(kit, sound.sample_rate)
    heard = hear(sound, rows, notes)
    found = match(heard, notes)
    fits, strength = found.near * ELSEWHERE >= found.strength, found.near
    if not fits and not _is_clear(found, rows):
        found = _at_tempo(sound, rows, notes, float(heard.begins_s[0])) or found
    clear = _is_clear(found, rows)
    fits = fits or (not clear and strength >= (WEAK if rows.tonal else WEAK_DRUMS))
    return Fit(strength, fits, clear, round(float(found.offset_s), 3), round(float(found.stretch), 5), found.shift,
               round(found.spread_s, 3), len(notes))


def _at_tempo(sound: Sound, rows: Rows, notes: NoteArray, begin_s: float) -> Match | None:
    """The clear match at another tempo; None if there is none."""
    factor = best_tempo(sound, rows, notes, begin_s)
    scaled = moved_notes(notes, Timing(0.0, factor))
    found = match(hear(sound, rows, scaled), scaled, 0.0)
    return replace(found, stretch=factor * found.stretch) if _is_clear(found, rows) else None


def _is_clear(found: Match, rows: Rows) -> bool:
    return (found.strength >= (CLEAR if rows.tonal else CLEAR_DRUMS) and found.strength >= CLEARLY * found.rival
            and found.agree >= MOST_PARTS_AGREE)
