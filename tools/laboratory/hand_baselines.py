"""Simple rules for the hand of a note: a fixed split of the keyboard, and two hands that move."""

import numpy as np

from laboratory.hand_pieces import HandPiece, struck

MIDDLE = 60
"""C4."""
RESTS = 48.0, 72.0
"""The first pitches of the hands: C3 and C5."""
FOLLOWS = 0.4
"""A hand moves by this share of the way to a note that it plays."""


def pitches(piece: HandPiece) -> np.ndarray:
    """The pitch of every note."""
    return piece.played["data1"][struck(piece.played)]


def by_split_at(piece: HandPiece, pitch: int = MIDDLE) -> np.ndarray:
    """Whether the right hand plays each note, if it plays all keys from `pitch` on."""
    return pitches(piece) >= pitch


def best_split(piece: HandPiece) -> int:
    """The best pitch from which on the right hand plays all keys of this piece; it is known only afterwards."""
    return max(range(128), key=lambda pitch: np.mean(by_split_at(piece, pitch) == piece.right))


def by_centres(piece: HandPiece) -> np.ndarray:
    """Whether the right hand plays each note: the nearer hand plays it, and its centre moves towards the note."""
    centres, found = list(RESTS), []
    for pitch in pitches(piece).tolist():
        hand = int(abs(pitch - centres[1]) <= abs(pitch - centres[0]))
        centres[hand] += FOLLOWS * (pitch - centres[hand])
        found.append(hand == 1)
    return np.array(found)
