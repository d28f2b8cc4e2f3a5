"""Recording: what went in and what came out, copied into rings that a thread outside empties into files."""

import numpy as np
from numba import carray, njit

from rtsep.kernels.atomic import store_release
from rtsep.kernels.memory import EVENT
from rtsep.kernels.native import OPTIONS, pointer
from rtsep.kernels.ring import HEAD, HEADER, TAIL, room, waiting

START, LENGTH = range(2)  # of a piece: first sample since `record_start`, samples


@njit(**OPTIONS)
def tap_sound(header, sound, pieces_header, pieces, position, block, stems, frames):
    """Append block [channel] and stems [stem, channel] to the planes of `sound` [plane, size]; False if it is full.

    A piece that does not fit is left out whole; the next one tells by its START how much is missing.
    """
    size = sound.shape[1]
    if room(header, size) < frames or room(pieces_header, pieces.shape[0]) <= 0:
        return False
    head, plane = header[HEAD], 0
    for c in range(block.shape[0]):
        for i in range(frames):
            sound[plane, (head + i) & (size - 1)] = block[c, i]
        plane += 1
    for s in range(stems.shape[0]):
        for c in range(stems.shape[1]):
            for i in range(frames):
                sound[plane, (head + i) & (size - 1)] = stems[s, c, i]
            plane += 1
    piece = pieces[pieces_header[HEAD] & (pieces.shape[0] - 1)]
    piece[START], piece[LENGTH] = position, frames
    store_release(header, HEAD, head + frames)
    store_release(pieces_header, HEAD, pieces_header[HEAD] + 1)
    return True


@njit(**OPTIONS)
def tap_event(header, events, position, event):
    """Append an event that was played at the absolute sample `position`; False if the ring is full."""
    if room(header, events.shape[0]) <= 0:
        return False
    copy = events[header[HEAD] & (events.shape[0] - 1)]
    copy.sample, copy.part, copy.status = position, event.part, event.status
    copy.data1, copy.data2 = event.data1, event.data2
    store_release(header, HEAD, header[HEAD] + 1)
    return True


@njit(**OPTIONS)
def read_piece(header, sound, pieces_header, pieces, block):
    """Move the oldest piece into block [plane, :length]; gives (start, length), length 0 if there is none.

    Thread: the one reader.
    """
    if waiting(pieces_header) <= 0:
        return np.int64(0), np.int64(0)
    piece = pieces[pieces_header[TAIL] & (pieces.shape[0] - 1)]
    start, length = piece[START], piece[LENGTH]
    tail, size = header[TAIL], sound.shape[1]
    for plane in range(sound.shape[0]):
        for i in range(length):
            block[plane, i] = sound[plane, (tail + i) & (size - 1)]
    store_release(header, TAIL, tail + length)
    store_release(pieces_header, TAIL, pieces_header[TAIL] + 1)
    return start, length


@njit(**OPTIONS)
def read_events(header, events, found):
    """Move the waiting events into `found`; gives how many. Thread: the one reader."""
    count = min(waiting(header), found.shape[0])
    for i in range(count):
        found[i] = events[(header[TAIL] + i) & (events.shape[0] - 1)]
    store_release(header, TAIL, header[TAIL] + count)
    return count


@njit(**OPTIONS)
def headers_at(address):
    """The three ring headers of a recording: sound, pieces, events."""
    h = carray(pointer(address), (3, HEADER), np.int64)
    return h[0], h[1], h[2]


@njit(**OPTIONS)
def events_at(address, size):
    """EVENT [size] at `address`."""
    return carray(pointer(address), (size,), EVENT)
