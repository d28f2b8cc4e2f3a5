"""The measured latency of a device: pseudo-random sequences go out, through a cable back in, and are found by matched filters.

No clap, music or noise is mistaken for them: whatever does not hold a sequence is nearly orthogonal to it. Each repetition has
a sequence of its own, so that an echo of the one before is not found either, and all of them must agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError

REPETITIONS = 4  # So many sequences are sent, one after the other.
SEQUENCE_SAMPLES = 1 << 14  # Length, in samples, of a sequence of random signs.
LEVEL = 0.1  # Magnitude of its samples.
LONGEST_S = 0.75  # Longest latency, in seconds, that is found: the pause after each sequence.
SILENT = 1e-4  # A peak below this magnitude is silence.
LIKE = 0.1  # Least cosine between a sequence and what was heard in its place; without it, sound stays below 0.04.
AGREE_S = 0.001  # The repetitions' delays may differ by this many seconds: two devices have two clocks.

Floats = npt.NDArray[np.float32]
ADVICE = "connect output 1 with input 1 by a cable, and turn the input up"


def sequence(number: int) -> Floats:
    """The pseudo-random sequence of a repetition."""
    signs = np.random.default_rng(number).integers(0, 2, SEQUENCE_SAMPLES) * 2 - 1
    return (LEVEL * signs).astype(np.float32)


def find_delay(sent: Floats, heard: Floats) -> tuple[int, float]:
    """Where `sent` [n] is in `heard` [m] most likely, in samples, and the cosine between the two there, 0 to 1."""
    places = len(heard) - len(sent) + 1
    size = len(sent) + len(heard)
    match = np.abs(np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size)), size)[:places])
    at = int(np.argmax(match))
    norms = float(np.linalg.norm(sent.astype(float)) * np.linalg.norm(heard[at : at + len(sent)].astype(float)))
    return at, float(match[at]) / norms if norms else 0.0


def measure_ms(play_and_record: Callable[[Floats], Floats], sample_rate: float) -> float:
    """Milliseconds from output 1 to input 1 through the cable. RtsepError with the reason if that cannot be told.

    `play_and_record` plays samples on output 1, and gives as many that input 1 heard meanwhile.
    """
    pause = np.zeros(int(LONGEST_S * sample_rate), np.float32)
    parts = [np.concatenate([sequence(number), pause]) for number in range(REPETITIONS)]
    heard = np.split(play_and_record(np.concatenate(parts)), REPETITIONS)
    found = [find_delay(sequence(number), each) for number, each in enumerate(heard)]
    delays = [delay for delay, cosine in found if cosine > LIKE]
    _refuse(heard, delays, sample_rate)
    return 1000 * float(np.median(delays)) / sample_rate


def _refuse(heard: list[Floats], delays: list[int], sample_rate: float) -> None:
    """RtsepError if the delays of the sequences that were found are no measurement."""
    if not np.abs(heard).max() > SILENT:
        raise RtsepError(f"--measure-latency: input 1 is silent: {ADVICE}")
    if not delays:
        raise RtsepError("--measure-latency: input 1 hears something else than what output 1 plays (a microphone, music, "
                         f"noise?): {ADVICE}")
    if len(delays) < len(heard):
        raise RtsepError(f"--measure-latency: only {len(delays)} of {len(heard)} sequences came back: the cable is loose, "
                         "other sound drowns them, or the device drops samples")
    if max(delays) - min(delays) > AGREE_S * sample_rate:
        told = ", ".join(f"{1000 * delay / sample_rate:.1f}" for delay in delays)
        raise RtsepError(f"--measure-latency: the repetitions do not agree ({told} ms): the device drops samples, or its "
                         "input and output run at different speeds; give it larger blocks, or close other programs")
