"""Notes that have arrived wait here until the sample at which they are played."""

import numpy as np

from rtsep.callbacks.ring import waiting
from rtsep.callbacks.shared import BURST, DELAY_NS, DROPPED, PENDING, POSITION, QUEUE, TAIL
from rtsep.kernels.atomic import load_acquire, store_release
from rtsep.kernels.marks import kernel


@kernel
def enqueue(live, due, part, status, data1, data2):
    """Queue a note for the sample `due` since the start; the queue is sorted by `due`. A full queue drops and counts the note.

    A message never overtakes an earlier one of its part, even if the delay has become shorter: otherwise a note-off could come
    before its note-on.
    """
    words, queue, dues = live.words, live.queue, live.due
    count = words[PENDING]
    if count >= QUEUE:
        words[DROPPED] += 1
        return
    for i in range(count):
        if queue[i].part == part:
            due = max(due, dues[i])
    at = count
    while at > 0 and dues[at - 1] > due:
        queue[at], dues[at] = queue[at - 1], dues[at - 1]
        at -= 1
    dues[at] = due
    queue[at].part, queue[at].status, queue[at].data1, queue[at].data2 = part, status, data1, data2
    words[PENDING] = count + 1


@kernel
def take_messages(live, time_ns):
    """Move messages from the ring into the queue. They are due now, or when their delay is over."""
    header, messages = live.header, live.messages
    delay_ns = load_acquire(live.control, DELAY_NS)
    for _ in range(waiting(header)):
        m = messages[header[TAIL] & (messages.shape[0] - 1)]
        wait_s = np.float64(max(m.time_ns + delay_ns - time_ns, 0)) * 1e-9 if delay_ns > 0 else 0.0
        due = live.words[POSITION] + np.int64(wait_s * live.sample_rate)
        enqueue(live, due, np.int64(m.part), np.int64(m.status), np.int64(m.data1), np.int64(m.data2))
        store_release(header, TAIL, header[TAIL] + 1)


@kernel
def take_due(live, frames):
    """Move the notes that are due before sample POSITION + frames into `burst`, as events of this piece; gives their number."""
    words, queue, dues, burst = live.words, live.queue, live.due, live.burst
    count, pending = np.int64(0), words[PENDING]
    while count < min(pending, BURST) and dues[count] < words[POSITION] + frames:
        burst[count] = queue[count]
        burst[count].sample = max(dues[count] - words[POSITION], np.int64(0))
        count += 1
    if count > 0:
        for i in range(count, pending):
            queue[i - count], dues[i - count] = queue[i], dues[i]
        words[PENDING] = pending - count
    return count
