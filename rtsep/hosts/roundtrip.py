"""The measured latency of a device: noise goes out, through a cable back in, and is found by correlation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rtsep.errors import RtsepError

NOISE_SAMPLES = 4096  # Length, in samples, of the burst of noise that is sent.
LEVEL = 0.25  # Peak of that noise.
WAIT_S = 1.0  # The noise is awaited for this many seconds.
CLEAR = 10.0  # The correlation's peak must be this many times its root mean square.


def find_delay(sent: npt.NDArray[np.float32], heard: npt.NDArray[np.float32]) -> int:
    """The delay, in samples, of `sent` [n] in `heard` [m]. RtsepError if it is not found."""
    size = len(sent) + len(heard)
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size)), size)[: len(heard)]
    strength = np.abs(match)
    at = int(np.argmax(strength))
    if not strength[at] > CLEAR * np.sqrt(np.mean(strength**2)):
        raise RtsepError("the click was not heard: connect output 1 with input 1 by a cable and turn the input up")
    return at


def measure_ms(sounddevice: Any, devices: tuple[int, int], sample_rate: float, block: int) -> float:
    """Milliseconds from output 1 to input 1 through the cable; `devices`: numbers of input and output."""
    noise = (LEVEL * np.random.default_rng(1).uniform(-1, 1, NOISE_SAMPLES)).astype(np.float32)
    sent = np.concatenate([noise, np.zeros(int(WAIT_S * sample_rate), np.float32)])
    heard = sounddevice.playrec(sent[:, None], samplerate=sample_rate, channels=1, dtype="float32", device=devices,
                                blocksize=block, latency="low", blocking=True)
    return 1000 * find_delay(noise, heard[:, 0]) / sample_rate
