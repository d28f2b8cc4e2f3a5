"""Stage: two hands on one keyboard. Each note goes to the stem of a hand when it begins, by the notes so far.

The tracker (`hand_tracker`) decides. While the notes of a chord arrive, it is asked about its first notes again. If the answer
for a note younger than REVISE_S has changed, the note sounds on in the other stem. Frames learn only from voices what is open
in which stem, so masks or filters change from frame to frame, as usual. The tracker is also asked again about some older notes:
these stay in their stem, but their new answers help with later notes. What the player corrects stays corrected.

All notes routed to the two stems belong to the hands, from any keyboard. A note-on that names its own stem keeps that stem.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rtsep.kernels.fields import Part, array, cell, size
from rtsep.kernels.marks import kernel
from rtsep.kernels.memory import CLAIM_LEFT, CORRECTION, SWAP_HANDS
from rtsep.stages import notes, score_follower
from rtsep.stages.hand_features import INPUTS, LEFT, NOTE, RECENT, RIGHT
from rtsep.stages.hand_tracker import SECOND_UNITS, UNITS, decide, hand_net
from rtsep.stages.polyphony import FREE, KEY_DOWN, VOICES
from rtsep.stages.request import Request

REVISE_S = 0.05  # A note can change hands for this many seconds.
# The tracker is asked again about at most this many notes before the newest one: together, one note for each of ten fingers.
MOST_ASKED = 9
# The tracker is asked again about the older notes that lie this many notes before the newest one.
LOOKS_BACK = (48, 24, 12, 6, 3)
SURE = 0.75  # The hand of a note is uncertain if its probability is less than this.

PLAN = Part("hands", (
    size("by_hands", "whether notes are divided between two hands; 0: they follow their routes"),
    size("left_stem", "the stem of the left hand"),
    size("right_stem", "the stem of the right hand"),
    array("hand_first", "float32", f"{INPUTS + 1}, {UNITS}", "weights of the network's first layer, and its biases"),
    array("hand_second", "float32", f"{UNITS + 1}, {SECOND_UNITS}", "weights of the second layer, and its biases"),
    array("hand_output", "float32", f"{SECOND_UNITS + 1}", "weights of the output layer, and its bias"),
), sees=("common", "instruments", "score_follower"))
STATE = Part("hands", (
    cell("hand_notes", "int64", "notes since reset that went to a hand"),
    cell("revised_notes", "int64", "changes of hand since reset because of later notes"),
    cell("uncertain_notes", "int64", "notes since reset whose hand is uncertain"),
    cell("pedal", "int64", "is the sustain pedal of the newest note down?"),
    cell("recent_count", "int64", "number of notes in `recent`"),
    array("recent", NOTE, f"{RECENT}", "the last notes, oldest first"),
    array("told", "float32", f"{INPUTS}", "scratch: the network's inputs for a note"),
    array("units", "float32", f"{UNITS}", "scratch: the first hidden layer"),
    array("second_units", "float32", f"{SECOND_UNITS}", "scratch: the second hidden layer"),
))


def design(request: Request) -> dict[str, Any]:
    """The part `hands`."""
    if request.routing.hands is None:
        return {"by_hands": 0, "left_stem": 0, "right_stem": 0}  # The network is loaded only if it is used.
    (left, right), (first, second, output) = request.routing.hands, hand_net()
    return {"by_hands": 1, "left_stem": left, "right_stem": right,
            "hand_first": first, "hand_second": second, "hand_output": output}


@kernel
def stem_of(plan, hand):
    """The stem of a hand."""
    return plan.right_stem if hand == RIGHT else plan.left_stem


@kernel
def follow_voices(own, voices):
    """Note which of the last notes are held by keys or pedals, and which have ended."""
    for i in range(own.recent_count):
        note = own.recent[i]
        voice = voices[note.voice]
        same = voice.onset == note.sample and voice.pitch == note.pitch
        same = same and voice.channel == note.channel and voice.part == note.part
        note.status = voice.status if same else FREE


@kernel
def count_doubt(own, note):
    """Count the note as uncertain if its hand is not probable enough; otherwise stop counting it."""
    likely = note.right if note.hand == RIGHT else 1 - note.right
    doubtful = np.int64(likely < SURE)
    own.uncertain_notes += doubtful - note.doubtful
    note.doubtful = doubtful


@kernel
def append(own, sample, part, channel, pitch, velocity):
    """Append a note, whose key is down now, to the last notes; its voice and its hand are not known yet."""
    recent, last = own.recent, min(own.recent_count, RECENT - 1)
    if own.recent_count == RECENT:
        for i in range(last):
            recent[i] = recent[i + 1]
    own.recent_count = last + 1
    note = recent[last]
    note.sample, note.part, note.channel, note.pitch, note.velocity = sample, part, channel, pitch, velocity
    note.voice, note.status, note.hand, note.fixed, note.doubtful = 0, KEY_DOWN, LEFT, 0, 0


@kernel
def is_young(plan, own, at):
    """Can note `at` still change hands?"""
    last = own.recent_count - 1
    age_s = np.float32(own.recent[last].sample - own.recent[at].sample) * plan.sample_s
    return last - at <= MOST_ASKED and age_s <= np.float32(REVISE_S)


@kernel
def look_back(plan, own):
    """Ask the tracker again about some older notes, which stay in their stems."""
    for back in LOOKS_BACK:
        at = own.recent_count - 1 - back
        if at >= 0 and own.recent[at].fixed == 0 and not is_young(plan, own, at):
            own.recent[at].right = decide(plan, own, at, True)


@kernel
def revise(plan, own, told, H):
    """Ask the tracker again about the young notes just before the newest; move those whose answer has changed."""
    follow_voices(own, told.voices)  # the newest note may have replaced a voice
    look_back(plan, own)
    for i in range(max(own.recent_count - 1 - MOST_ASKED, 0), own.recent_count - 1):
        note = own.recent[i]
        if note.fixed or not is_young(plan, own, i):
            continue
        note.right = decide(plan, own, i, True)
        hand = np.int64(note.right >= 0.5)
        sounds = note.status != FREE and hand != note.hand
        if sounds and notes.move_voice(plan, told, H, note.voice, stem_of(plan, hand)):
            notes.take_over(plan, told.voices, stem_of(plan, hand), note.pitch, note.voice)  # as if the note had begun there
            own.revised_notes += 1
            note.hand = hand
        count_doubt(own, note)


@kernel
def begin(plan, own, told, follower, H, sample, part, status, pitch, velocity):
    """Take a note-on: find its hand, by the score if that tells it, start the note there, and revise the notes before it."""
    follow_voices(own, told.voices)
    append(own, sample, part, status & 0x0F, pitch, velocity)
    own.pedal = told.sustain[part, status & 0x0F]
    note = own.recent[own.recent_count - 1]
    stem = score_follower.step(plan, follower, sample, pitch)
    if stem == score_follower.LOST:
        note.right = decide(plan, own, own.recent_count - 1, False)
        note.hand = np.int64(note.right >= 0.5)
    else:
        sure = max(follower.score_confidence, 0.5)
        note.hand, note.fixed = np.int64(stem == plan.right_stem), 1
        note.right = sure if note.hand == RIGHT else 1 - sure
    stem = stem_of(plan, note.hand)
    notes.receive(plan, told, sample, part, status, pitch, velocity, stem + 1)
    note.voice = notes.find_voice(told.voices, part, status & 0x0F, pitch)
    if note.voice < 0 or plan.row_count[stem, pitch] == 0:  # no template plays it
        own.recent_count -= 1
        return
    own.hand_notes += 1
    count_doubt(own, note)
    revise(plan, own, told, H)


@kernel
def swap(plan, own, told, H):
    """Exchange the hands: of all notes that sound, and of the last notes."""
    for i in range(own.recent_count):
        note = own.recent[i]
        note.hand, note.right, note.fixed = LEFT + RIGHT - note.hand, 1 - note.right, 1
    notes.exchange_voices(plan, told, H, plan.left_stem, plan.right_stem)


@kernel
def claim(plan, own, told, H, hand):
    """Give all keys of the two hands that are down to one hand."""
    follow_voices(own, told.voices)
    for i in range(own.recent_count):
        note = own.recent[i]
        if note.status == KEY_DOWN:
            note.hand, note.right, note.fixed = hand, hand, 1
            count_doubt(own, note)
    for v in range(VOICES):
        voice = told.voices[v]
        if voice.status == KEY_DOWN and voice.stem in (plan.left_stem, plan.right_stem):
            notes.move_voice(plan, told, H, v, stem_of(plan, hand))


@kernel
def correct(plan, own, told, H, what):
    """Carry out a player's correction of the hands."""
    if what == SWAP_HANDS:
        swap(plan, own, told, H)
    else:
        claim(plan, own, told, H, LEFT if what == CLAIM_LEFT else RIGHT)


@kernel
def receive(plan, own, told, follower, H, sample, part, status, data1, data2, stem_wanted):
    """Take one message at `sample`; the arguments are those of `notes.receive`.

    told: the part `notes`. follower: the part `score_follower`. H [stem, row]: the last frame's activations.
    """
    if plan.by_hands == 0:
        stem = score_follower.stem_of(plan, follower, sample, part, status, data1, data2, stem_wanted)
        notes.receive(plan, told, sample, part, status, data1, data2, stem)
    elif status == CORRECTION:
        correct(plan, own, told, H, data1)
    elif notes.routed_stem(plan, part, status, data1, data2, stem_wanted) in (plan.left_stem, plan.right_stem):
        begin(plan, own, told, follower, H, sample, part, status, data1, data2)
    else:
        notes.receive(plan, told, sample, part, status, data1, data2, stem_wanted)
