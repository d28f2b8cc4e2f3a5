"""Stage: the score follower. It matches each played note to the score, and gives it the part of the matching note.

`score_model` finds the player's place among all chords of the score. A note that the score does not explain gets the part of
the notes near it. If the score explains too few of the last notes, or they seem to jump, the score is not followed until it
explains them again.

Figures: docs/measurements/benchmarks.md, "Following a score".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.elementary import exp
from rtsep.kernels.fields import Part, array, cell, number, size
from rtsep.kernels.marks import kernel
from rtsep.kernels.memory import PITCHES
from rtsep.notes.followed import FollowedScore
from rtsep.stages import notes
from rtsep.stages.request import Request
from rtsep.stages.score_model import AHEAD, compare, join, most_probable, predict, start, sum_of, taken_factor

LOST = -1  # This number stands for the part of a note that the score does not tell.
LEAST_GAP_S = 0.05  # Chords less than this many seconds apart do not change the tempo.
TEMPO_RATE = 0.15  # This share of a chord's deviation changes the tempo.
SLOWEST, FASTEST = 4.0, 0.25  # The tempo's limits: seconds played for a second of the score.
MOST_DEVIATION = 1.5  # A chord changes the tempo as if it were at most this many times too late or too early.
LONGEST_S = 60.0  # A pause counts as at most this many seconds.
KEEP = 0.95  # With every note, this share of the earlier matches remains in the mean that tells whether the score is followed.
FOLLOWED = 0.65  # The score is followed as long as it explains this share of the last notes.
MATCHED = 0.5  # A note whose match is less probable than this takes the part of the nearest notes.
NEARNESS = 6.0  # Among nearby notes, a note that is this many semitones farther away counts 1 / e as much.
AROUND = 2  # The nearest notes are sought in the present chord and in this many chords before and after it.

PLAN = Part("score_follower", (
    size("score_chords", "chords of the score; 0: no score is followed"),
    size("score_notes", "notes of the score"),
    size("score_parts", "parts of the score"),
    size("score_keyboards", "MIDI parts below this one play the score; the notes of others keep their routes"),
    number("score_sample_s", "seconds from sample to sample", "float64"),
    array("chord_s", "float64", "score_chords", "onset of each chord, in seconds of the score"),
    array("chord_leave", "float64", "score_chords", "1 over the chord's number of notes"),
    array("chord_first", "int64", "score_chords + 1", "first note of each chord, in the order of the score"),
    array("note_chord", "int64", "score_notes", "chord of each note; notes in the order of the score"),
    array("note_pitch", "int64", "score_notes", "pitch of each note"),
    array("note_part", "int64", "score_notes", "part of each note"),
    array("by_pitch", "int64", "score_notes", "notes in the order of their pitches"),
    array("pitch_first", "int64", f"{PITCHES + 1}", "index in `by_pitch` at which the notes of each pitch begin"),
), sees=("instruments",))
STATE = Part("score_follower", (
    cell("followed_notes", "int64", "notes since reset that were sought in the score"),
    cell("unmatched_in_score", "int64", "of these, notes that matched nothing in the score"),
    cell("score_position", "int64", "the chord that is played now"),
    cell("score_confidence", "float64", "certainty of the last note's part, 0 to 1"),
    cell("score_match", "float64", "share of the last notes that matched"),
    cell("score_tempo", "float64", "seconds played for a second of the score; 0: none yet"),
    cell("last_note_at", "int64", "sample of the last note"),
    cell("chord_began_at", "int64", "sample at which the present chord began"),
    cell("untaken_since", "int64", "number of the note from which on matches count as taken"),
    array("chord_p", "float64", "score_chords", "probability of each chord"),
    array("chord_ahead", "float64", "score_chords", "probability of each chord before the note is known; need not sum to 1"),
    array("chord_seen", "float64", "score_chords", "likelihood of the note in each chord"),
    array("taken_by", "int64", "score_notes", "number of the played note, from 1, that took each note; 0: none"),
    array("part_p", "float64", "score_parts", "probability of each part"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `score_follower`."""
    return of_score(request.routing.score, len(request.routing.names), request.sample_rate)


def of_score(score: FollowedScore, parts: int, sample_rate: float) -> dict[str, Any]:
    """The part `score_follower` for a score with `parts` parts; the score has no notes if none is followed."""
    counts = np.bincount(score.chord, minlength=len(score.onset_s))
    by_pitch = np.argsort(score.pitch, kind="stable")
    return {
        "score_chords": len(counts), "score_notes": len(score.pitch), "score_parts": parts,
        "score_keyboards": score.keyboards, "score_sample_s": 1 / sample_rate,
        "chord_s": score.onset_s, "chord_leave": 1.0 / counts,
        "chord_first": np.concatenate(([0], np.cumsum(counts))),
        "note_chord": score.chord, "note_pitch": score.pitch, "note_part": score.part,
        "by_pitch": by_pitch, "pitch_first": np.searchsorted(score.pitch[by_pitch], np.arange(PITCHES + 1)),
    }


@kernel
def elapsed_s(plan, since, sample):
    """Seconds from sample `since` to `sample`, at most LONGEST_S."""
    return min(max(sample - since, 0) * plan.score_sample_s, LONGEST_S)


@kernel
def move(plan, own, sample, chord):
    """Move the player to `chord`. A step forward updates the tempo; after a step back, notes can be matched again."""
    steps = chord - own.score_position
    if 0 < steps <= AHEAD:
        gap_s = plan.chord_s[chord] - plan.chord_s[own.score_position]
        if gap_s >= LEAST_GAP_S:
            now = elapsed_s(plan, own.chord_began_at, sample) / gap_s
            now = min(max(now, own.score_tempo / MOST_DEVIATION), own.score_tempo * MOST_DEVIATION)
            own.score_tempo = min(max(own.score_tempo + TEMPO_RATE * (now - own.score_tempo), FASTEST), SLOWEST)
    elif steps < -AHEAD:
        own.untaken_since = own.followed_notes - 1
    if steps > 0 or steps < -AHEAD:
        own.chord_began_at = sample
        own.score_position = chord


@kernel
def nearest_part(plan, own, pitch):
    """The part of the notes near `pitch`, at most AROUND chords from the present one; notes already matched count less."""
    parts = own.part_p
    for i in range(parts.shape[0]):
        parts[i] = 0.0
    first = max(own.score_position - AROUND, 0)
    last = min(own.score_position + AROUND, plan.score_chords - 1)
    for note in range(plan.chord_first[first], plan.chord_first[last + 1]):
        distance = np.float32(abs(plan.note_pitch[note] - pitch))
        weight = own.chord_ahead[plan.note_chord[note]] * taken_factor(own, note) * exp(-distance / np.float32(NEARNESS))
        parts[plan.note_part[note]] += weight
    return most_probable(parts)


@kernel
def part_of(plan, own, pitch, matched, total):
    """The part of a note; the score explains the share `matched` of its probability. LOST if the score is not followed."""
    best = most_probable(own.part_p)
    own.score_confidence = own.part_p[best] / total
    if own.score_match < FOLLOWED:
        return np.int64(LOST)
    return best if matched >= MATCHED else nearest_part(plan, own, pitch)


@kernel
def watch(own, chord, matched):
    """Update how much of the last notes the score explains without jumps; other music looks like a jump at every note."""
    jumps = abs(chord - own.score_position) > AHEAD
    own.unmatched_in_score += np.int64(matched < MATCHED)
    own.score_match = KEEP * own.score_match + (1 - KEEP) * (0.0 if jumps else matched)


@kernel
def step(plan, own, sample, pitch):
    """The part of the note `pitch` that is struck at `sample`; LOST if no score tells it."""
    if plan.score_chords == 0:
        return np.int64(LOST)
    if own.score_tempo == 0:
        start(own)
    else:
        predict(plan, own, elapsed_s(plan, own.last_note_at, sample))
    own.followed_notes += 1
    note = compare(plan, own, pitch)
    total = join(own.chord_ahead, own.chord_seen, own.chord_p)
    chord = most_probable(own.chord_p)
    matched = sum_of(own.part_p) / total
    watch(own, chord, matched)
    move(plan, own, sample, chord)
    if note >= 0:
        own.taken_by[note] = own.followed_notes
    own.last_note_at = sample
    return part_of(plan, own, pitch, matched, total)


@kernel
def stem_of(plan, own, sample, part, status, pitch, velocity, stem_wanted):
    """EVENT's field `stem` for a message at `sample`: the score's stem for a routed note-on, else unchanged."""
    if plan.score_chords == 0 or part >= plan.score_keyboards:
        return stem_wanted
    if notes.routed_stem(plan, part, status, pitch, velocity, stem_wanted) < 0:
        return stem_wanted
    told = step(plan, own, sample, pitch)
    return 1 + (nearest_part(plan, own, pitch) if told == LOST else told)
