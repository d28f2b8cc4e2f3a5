"""One frame of a mosaic: chooses the source frames that sound and their levels, and adds their grains to the output.

Play heads run through the source, so the sound continues in the source's own order. Rows that explain what the heads do not
explain are tried as new heads. Activations come from KL updates under the constraints of Driedger, Prätzlich & Müller, "Let it
Bee: towards NMF-inspired audio mosaicing" (ISMIR 2015, section 3), limited to past frames.
"""

import numpy as np

from rtsep.grains.memory import AGAIN, FOUND, FRAMES, HEADS, HEARD, RUNS, UNPITCHED
from rtsep.kernels.arrays import add_rows, dot_rows, fill
from rtsep.kernels.marks import kernel, numeric
from rtsep.stages.gate import close_voices
from rtsep.stages.polyphony import FREE, VOICES

LEAST_SHARE = 1e-3  # A head that is fainter than this share of the loudest one stops.
FLOOR = 1e-3  # This share of the activations, spread over all bins, stands for sound that no row explains.
MEAN_SHARE = 0.2  # In the search, the source's mean has this share in the model (docs/measurements/mosaic.md, "Live").


@numeric
def row_at(grains, place):
    """The row that is nearest to the sound of a head at `place`."""
    return min((place + grains.spacing // 2) // grains.spacing, grains.rows) - 1


@kernel
def allow(plan, state, grains):
    """Set which pitches can sound: those of sounding notes, and rows without a pitch with any note; all without gates."""
    fill(grains.allowed, 1 - plan.gated)
    if plan.gated:
        for v in range(VOICES):
            pitch = state.voices[v].pitch
            if state.voices[v].status != FREE and grains.serves[pitch] >= 0:
                grains.allowed[grains.serves[pitch]] = 1
                grains.allowed[UNPITCHED] = 1


@numeric
def begin_heads(grains):
    """Begin a head at every row found in the last frame, as if it had played there inaudibly."""
    for f in range(grains.counts[FOUND]):
        i = grains.counts[HEADS] + f
        grains.place[i], grains.share[i] = (grains.found[f] + 1) * grains.spacing, 0
    grains.counts[HEADS] += grains.counts[FOUND]
    grains.counts[FOUND] = 0


@kernel
def move_heads(plan, grains):
    """Move each head on by a hop; remove heads at the end, in silence, or at a pitch that is not allowed."""
    kept = 0
    for i in range(grains.counts[HEADS]):
        place = grains.place[i] + plan.hop
        if place <= grains.rows * grains.spacing:
            row = row_at(grains, place)
            if grains.level[row] > 0 and grains.allowed[grains.row_pitch[row]]:
                grains.place[kept], grains.share[kept], grains.row[kept] = place, grains.share[i], row
                kept += 1
    grains.counts[HEADS] = kept


@numeric
def limit_polyphony(h, most, share, order):
    """Multiply all values of h except the `most` largest by `share`; `order` is scratch."""
    if h.shape[0] <= most:
        return
    fill(order[:most], np.float32(0))
    for i in range(h.shape[0]):
        if h[i] > order[most - 1]:
            at = most - 1
            while at > 0 and order[at - 1] < h[i]:
                order[at] = order[at - 1]
                at -= 1
            order[at] = h[i]
    least = order[most - 1]
    for i in range(h.shape[0]):
        if h[i] < least:
            h[i] *= share


@kernel
def weigh(plan, state, grains):
    """Fill h [head] such that V ~ h W[row]; heads that sounded in the last frame are favoured, and only a few remain."""
    count, Q = grains.counts[HEADS], grains.ratio
    rows, h = grains.row[:count], grains.h[:count]
    fill(h, np.float32(1) / np.float32(count))
    for update in range(plan.iterations):
        for i in range(count):
            h[i] += grains.continuity * grains.share[i]
        left = np.float32(1) - np.float32(update + 1) / np.float32(plan.iterations)
        limit_polyphony(h, grains.polyphony, left, grains.order)
        total = np.float32(0)
        for i in range(count):
            total += h[i]
        fill(Q, np.float32(FLOOR) * total / np.float32(plan.bins) + np.float32(1e-20))
        add_rows(grains.W, rows, h, Q)
        for k in range(Q.shape[0]):
            Q[k] = state.V[k] / Q[k]
        dot_rows(grains.W, rows, Q, grains.gradient)
        for i in range(count):
            h[i] *= grains.gradient[i]


@numeric
def keep_heads(grains, end):
    """Keep the heads that are loud enough, remove the others, and count runs and repetitions."""
    kept, least = 0, np.float32(0)
    for i in range(grains.counts[HEADS]):
        least = max(least, np.float32(LEAST_SHARE) * grains.h[i])
    for i in range(grains.counts[HEADS]):
        if grains.h[i] > least and kept < grains.polyphony:
            row = grains.row[i]
            if grains.share[i] == 0:
                grains.counts[RUNS] += 1
                grains.counts[AGAIN] += np.int64(end - grains.heard[row] < grains.near)
            grains.place[kept], grains.share[kept], grains.row[kept] = grains.place[i], grains.h[i], row
            grains.heard[row] = end
            kept += 1
    grains.counts[HEADS] = kept
    grains.counts[FRAMES] += np.int64(kept > 0)
    grains.counts[HEARD] += kept


@numeric
def gain_at(grains, place):
    """1 over the magnitude of the louder one of the two rows around `place`, so that attacks are not amplified."""
    row, beyond = place // grains.spacing - 1, place % grains.spacing
    if beyond == 0 or row + 1 >= grains.rows:
        return grains.level[row]
    return min(grains.level[row], grains.level[row + 1])


@kernel
def add_grains(plan, state, grains, total, end):
    """Add the last `overlap` samples of every head, at its loudness, to the output."""
    size, window = plan.overlap, plan.synthesis_window
    begin = end & (size - 1)
    first = size - begin
    for i in range(grains.counts[HEADS]):
        gain, place = grains.share[i] * total * gain_at(grains, grains.place[i]), grains.place[i]
        for c in range(plan.channels):
            x, out = grains.sound[c % grains.source_channels, place : place + size], state.rings[0, c]
            for k in range(first):
                out[begin + k] += gain * window[k] * x[k]
            for k in range(begin):
                out[k] += gain * window[first + k] * x[first + k]


@kernel
def play_frame(plan, state, grains, total, end):
    """Play the frame that ends before sample `end`, whose V and its sum `total` are known: add its grains to the output."""
    if plan.gated:
        close_voices(plan.gate, state.voices, end)
    allow(plan, state, grains)
    begin_heads(grains)
    move_heads(plan, grains)
    if total <= 0 or grains.counts[HEADS] == 0:
        grains.counts[HEADS] = 0
        return
    weigh(plan, state, grains)
    keep_heads(grains, end)
    add_grains(plan, state, grains, total, end)


@kernel
def begin_search(plan, state, grains):
    """Fill `wanted` [band] with the input over the model of the heads, in which the source's mean has the share MEAN_SHARE."""
    heads, wanted, total = grains.counts[HEADS], grains.wanted, np.float32(0)
    fill(wanted, np.float32(0))
    for i in range(heads):
        total += grains.share[i]
    if total > 0:
        add_rows(grains.C, grains.row[:heads], grains.share[:heads], wanted)
    scale = (np.float32(1) - np.float32(MEAN_SHARE)) / total if total > 0 else np.float32(0)
    mean_share = np.float32(MEAN_SHARE) if total > 0 else np.float32(1)
    for b in range(grains.bands):
        heard = np.float32(0)
        for k in range(grains.first_bin[b], grains.first_bin[b + 1]):
            heard += state.V[k]
        wanted[b] = heard / (scale * wanted[b] + mean_share * grains.mean[b] + np.float32(1e-6))


@numeric
def score_rows(grains, part, low, high):
    """score[i] = C[row] @ wanted for the rows part + i parts, low <= i < high."""
    wanted, step = grains.wanted, grains.parts
    for i in range(low, high):
        row, score = grains.C[part + i * step], np.float32(0)
        for b in range(wanted.shape[0]):
            score += row[b] * wanted[b]
        grains.score[i] = score


@numeric
def rule_out(grains, part, size, end):
    """Give the score -1 to rows of the part that must not begin: silent, not allowed, heard recently, or near a head."""
    for i in range(size):
        row = part + i * grains.parts
        late = end - grains.heard[row] < grains.repetition
        if late or grains.level[row] <= 0 or not grains.allowed[grains.row_pitch[row]]:
            grains.score[i] = -1
    for head in range(grains.counts[HEADS]):
        for row in range(grains.row[head] - 1, grains.row[head] + 2):
            i = (row - part) // grains.parts
            if 0 <= i < size and part + i * grains.parts == row:
                grains.score[i] = -1


@numeric
def take_best(grains, part, size):
    """Fill `found` with the best rows of the part, one of each group of neighbours: otherwise all could belong to one note."""
    score, count = grains.score, 0
    for i in range(size):
        s = score[i]
        if s <= 0 or (i > 0 and score[i - 1] > s) or (i + 1 < size and score[i + 1] > s):
            continue
        if count < grains.candidates:
            count += 1
        elif s <= grains.found_score[count - 1]:
            continue
        at = count - 1
        while at > 0 and grains.found_score[at - 1] < s:
            grains.found[at], grains.found_score[at] = grains.found[at - 1], grains.found_score[at - 1]
            at -= 1
        grains.found[at], grains.found_score[at] = part + i * grains.parts, s
    grains.counts[FOUND] = count


@kernel
def search(plan, state, grains, end, slot):
    """Do one slot's share of the search for rows that the next frame will try; `slot` is 1 to 3."""
    part = (end // plan.hop) % grains.parts
    size = (grains.rows - part + grains.parts - 1) // grains.parts
    if slot == 1:
        begin_search(plan, state, grains)
        score_rows(grains, part, 0, size // 2)
    elif slot == 2:
        score_rows(grains, part, size // 2, size)
    else:
        allow(plan, state, grains)
        rule_out(grains, part, size, end)
        take_best(grains, part, size)
