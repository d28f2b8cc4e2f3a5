"""The measured latency of a device: pseudo-random sequences go out and come back through a cable; matched filters find them.

No clap, music or noise is mistaken for them: a sound without the sequence is nearly orthogonal to it. Each repetition has its
own sequence, so that an echo of the one before is not found either. All repetitions must agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError

REPETITIONS = 4  # This many sequences are sent, one after the other.
SEQUENCE_SAMPLES = 1 << 14  # Length, in samples, of a sequence of random signs.
LEVEL = 0.1  # Magnitude of the samples of a sequence.
LONGEST_S = 0.75  # The longest latency, in seconds, that can be found: the pause after each sequence.
SILENT = 1e-4  # A peak below this magnitude is silence.
LIKE = 0.1  # A sequence is found if its cosine with the heard sound is above this; other sound stays below 0.04.
AGREE_S = 0.001  # The delays of the repetitions can differ by this many seconds: two devices have two clocks.

Floats = npt.NDArray[np.float32]
ADVICE = "connect output 1 to input 1 by a cable, and turn the input up"


def sequence(number: int) -> Floats:
    """The pseudo-random sequence of a repetition."""
    signs = np.random.default_rng(number).integers(0, 2, SEQUENCE_SAMPLES) * 2 - 1
    return (LEVEL * signs).astype(np.float32)


def find_delay(sent: Floats, heard: Floats) -> tuple[int, float]:
    """The most likely place of `sent` [n] in `heard` [m], in samples, and the cosine between the two there, 0 to 1."""
    places = len(heard) - len(sent) + 1
    size = len(sent) + len(heard)
    match = np.abs(np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size)), size)[:places])
    at = int(np.argmax(match))
    norms = float(np.linalg.norm(sent.astype(float)) * np.linalg.norm(heard[at : at + len(sent)].astype(float)))
    return at, float(match[at]) / norms if norms else 0.0


def measure_ms(play_and_record: Callable[[Floats], Floats], sample_rate: float) -> float:
    """Milliseconds from output 1 to input 1 through the cable. RtsepError, with the reason, if they cannot be measured.

    `play_and_record` plays samples on output 1, and returns the same number of samples from input 1 in this time.
    """
    pause = np.zeros(int(LONGEST_S * sample_rate), np.float32)
    parts = [np.concatenate([sequence(number), pause]) for number in range(REPETITIONS)]
    heard = np.split(play_and_record(np.concatenate(parts)), REPETITIONS)
    found = [find_delay(sequence(number), each) for number, each in enumerate(heard)]
    delays = [delay for delay, cosine in found if cosine > LIKE]
    _refuse(heard, delays, sample_rate)
    return 1000 * float(np.median(delays)) / sample_rate


def _refuse(heard: list[Floats], delays: list[int], sample_rate: float) -> None:
    """RtsepError if the found delays are not a valid measurement."""
    if not np.abs(heard).max() > SILENT:
        raise RtsepError(f"--measure-latency: input 1 is silent: {ADVICE}")
    if not delays:
        raise RtsepError("--measure-latency: input 1 hears another sound than output 1 plays (a microphone, music, noise?): "
                         f"{ADVICE}")
    if len(delays) < len(heard):
        raise RtsepError(f"--measure-latency: only {len(delays)} of {len(heard)} sequences came back: the cable is loose, "
                         "other sound is too loud, or the device drops samples")
    if max(delays) - min(delays) > AGREE_S * sample_rate:
        told = ", ".join(f"{1000 * delay / sample_rate:.1f}" for delay in delays)
        raise RtsepError(f"--measure-latency: the repetitions do not agree ({told} ms): the device drops samples, or its "
                         "input and output run at different speeds; give it larger blocks, or close other programs")
