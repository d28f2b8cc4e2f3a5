"""Which hand plays a note, told by the notes so far: a moving centre for each hand, and a note is the nearer hand's.

The centre of the hand that plays goes a part of the way to the note; in silence both return to where hands rest.

**To put another tracker in its place**, write another `decide`: it sees the last notes, and gives one probability. Its weights
are fields of the plan's part `hands`, and its scratch fields of the state's (stage `hands`).
"""

import numpy as np

from rtsep.kernels.marks import kernel

LEFT, RIGHT = range(2)  # hands
LEFT_REST, RIGHT_REST = 48.0, 72.0  # Pitches that hands rest at: C3 and C5.
FOLLOWS = 0.4  # A hand's centre goes so much of the way to a note that it plays, a share.
REST_S = 4.0  # The centres return to rest with this time constant, in seconds without a note.
WIDTH = 3.0  # A note that is nearer to one hand by so many semitones is its own by 73 %: the odds are e.


@kernel
def decide(plan, own, at):
    """How likely, from 0 to 1, the right hand plays note `at` of the last ones: the first `recent_count` of NOTE `recent`.

    They are in the order of time. All others tell, also those that came after it.
    """
    recent = own.recent
    left, right = np.float64(LEFT_REST), np.float64(RIGHT_REST)
    before = recent[0].sample
    for i in range(own.recent_count):
        note = recent[i]
        kept = np.exp(-np.float64(note.sample - before) * plan.sample_s / REST_S)
        left, right = LEFT_REST + kept * (left - LEFT_REST), RIGHT_REST + kept * (right - RIGHT_REST)
        before = note.sample
        if i != at and note.hand == LEFT:
            left += FOLLOWS * (note.pitch - left)
        elif i != at:
            right += FOLLOWS * (note.pitch - right)
    nearer = abs(recent[at].pitch - left) - abs(recent[at].pitch - right)
    return 1 / (1 + np.exp(-nearer / WIDTH))
