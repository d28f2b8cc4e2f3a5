"""The model by which `score_follower` finds the player: the probability of each chord of the score, from note to note.

A hidden Markov model: its states are the score's chords, and its observations are the pitches and times of played notes. From
note to note the player stays in a chord, goes on to the next one, leaves some out, falls back by one (since hands are not
exactly together), or jumps anywhere. All targets of a jump are equally likely, so jumps cost only one product for each chord:
every chord of the score is a candidate at every note. After Nakamura, Nakamura, Saito, Ono and Sagayama, "Outer-product hidden
Markov model and polyphonic MIDI score following", Journal of New Music Research 43(2), 2014; the times of notes are compared
with the tempo, as in Nakamura, Cuvillier, Cont, Ono and Sagayama, "Autoregressive hidden semi-Markov model of symbolic music
performance for score following", ISMIR 2015.

Kernels receive the part `score_follower` of a plan and that of a state.
"""

import numpy as np

from rtsep.kernels.elementary import exp
from rtsep.kernels.marks import distinct, kernel
from rtsep.kernels.memory import PITCHES

AHEAD = 4  # A player who goes on moves by at most this many chords, and so leaves out one less.
SKIP = 0.05  # Each further chord left out makes a step this many times as likely.
BEHIND = 0.05  # A note belongs to the chord before the last one with this probability, since hands are not exactly together.
SPREAD_S = 0.02  # Notes of a chord follow each other after this many seconds on average.
AGAIN = 0.05  # A chord is struck again, or its notes are spread in time, with this density per second.
LEAST_WIDTH_S, WIDTH = 0.03, 0.15  # A chord is this many seconds early or late, and this share of the time since the last one.
JUMP = 0.003  # A player jumps with this density per second, to any chord.
# Likelihood of a key at 0, 1 and 2 semitones from the right one, relative to the right one.
NEAR = np.array([1.0, 0.012, 0.008])
ANYWHERE = 0.0003  # The likelihood of a key that does not belong to the chord.
TAKEN, TAKEN_NOTES = 0.3, 24  # A note that was matched within the last 24 notes is 0.3 times as likely as before.
BEGINNING = 0.5  # The first played note is the score's first with this probability.
LEAST_EXPONENT = -80.0  # Exponentials are not computed beyond this exponent, near the smallest float32.
# Keys up to this many semitones from a note count as that note, struck wrongly: NEAR has one entry for each distance.
REACH = 2


@kernel
def start(own):
    """Set the probabilities before the first note: BEGINNING for the first chord on top of an equal share of the rest."""
    ahead = own.chord_ahead
    for i in range(ahead.shape[0]):
        ahead[i] = (1 - BEGINNING) / ahead.shape[0]
    ahead[0] += BEGINNING
    own.score_tempo, own.score_match = 1.0, 1.0


@distinct
def stay(p, leave, together, ahead):
    """ahead [chord] = probability from the same chord, or by a jump from any; `together`: time density of a chord's notes."""
    jump = JUMP / ahead.shape[0]
    for i in range(ahead.shape[0]):
        ahead[i] = jump + p[i] * ((1 - leave[i]) * together + AGAIN)


@distinct
def fall_back(p, weight, ahead):
    """ahead [chord] += probability from the chord that follows, p[chord + 1]."""
    for i in range(p.shape[0]):
        ahead[i] += weight * p[i]


@distinct
def go_on(p, leave, onset, later, tempo, passed_s, weight, ahead):
    """ahead [chord] += probability from some chords earlier: p, leave and onset belong to these, `later` is the chord's onset.

    A chord's time has the density of a Cauchy distribution, which tolerates pauses.
    """
    for i in range(ahead.shape[0]):
        gap_s = tempo * (later[i] - onset[i])
        width_s, late_s = LEAST_WIDTH_S + WIDTH * gap_s, passed_s - gap_s
        ahead[i] += weight * p[i] * leave[i] * width_s / (width_s * width_s + late_s * late_s)


@kernel
def predict(plan, own, passed_s):
    """Fill `chord_ahead`: where the player can be `passed_s` seconds after the last note; it need not sum to 1."""
    ahead, p, leave, onset = own.chord_ahead, own.chord_p, plan.chord_leave, plan.chord_s
    count = ahead.shape[0]
    together = np.float64(exp(np.float32(max(-passed_s / SPREAD_S, LEAST_EXPONENT)))) / SPREAD_S
    stay(p, leave, together, ahead)
    fall_back(p[1:], BEHIND * together, ahead)
    weight = 1 / np.pi
    for step in range(1, min(AHEAD, count - 1) + 1):
        n = count - step
        go_on(p[:n], leave[:n], onset[:n], onset[step:], own.score_tempo, passed_s, weight, ahead[step:])
        weight *= SKIP


@kernel
def taken_factor(own, note):
    """TAKEN for a note of the score that was matched recently, else 1."""
    return TAKEN if own.taken_by[note] > max(own.untaken_since, own.followed_notes - TAKEN_NOTES) else 1.0


@kernel
def likeness(plan, own, note, distance):
    """The likelihood that a key `distance` semitones from a note of the score is struck for that note, in its chord."""
    return NEAR[distance] * plan.chord_leave[plan.note_chord[note]] * taken_factor(own, note)


@kernel
def compare(plan, own, pitch):
    """Compare the pitch with the score: fill `chord_seen` and `part_p`; give the note that matches best, or -1."""
    seen, parts, best, best_p = own.chord_seen, own.part_p, np.int64(-1), 0.0
    for i in range(seen.shape[0]):
        seen[i] = ANYWHERE
    for i in range(parts.shape[0]):
        parts[i] = 0.0
    for other in range(max(pitch - REACH, 0), min(pitch + REACH, PITCHES - 1) + 1):
        for at in range(plan.pitch_first[other], plan.pitch_first[other + 1]):
            note = plan.by_pitch[at]
            like = likeness(plan, own, note, abs(other - pitch))
            chord = plan.note_chord[note]
            seen[chord] += like
            like *= own.chord_ahead[chord]
            parts[plan.note_part[note]] += like
            if like > best_p:
                best, best_p = note, like
    return best


@distinct
def join(ahead, seen, p):
    """p [chord] = ahead * seen, divided by its sum; give the sum."""
    total = 0.0
    for i in range(p.shape[0]):
        p[i] = ahead[i] * seen[i]
        total += p[i]
    scale = 1 / total
    for i in range(p.shape[0]):
        p[i] *= scale
    return total


@kernel
def most_probable(p):
    """Index of the greatest value; the first one among equals."""
    best = np.int64(0)
    for i in range(p.shape[0]):
        if p[i] > p[best]:
            best = i
    return best


@kernel
def sum_of(values):
    """The sum of all values."""
    total = 0.0
    for i in range(values.shape[0]):
        total += values[i]
    return total
