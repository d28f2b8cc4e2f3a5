"""Stage: causal Wiener filters: sound without waiting for a frame's end. See `rtsep.stages.filters`.

Wiener 1949; Kailath, Sayed & Hassibi, Linear Estimation, 2000, chapter 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rtsep.kernels.memory import SLOTS
from rtsep.reference.passed import Complexes, Floats, Frame, Masks
from rtsep.reference.setup import Setup


def minimum_phase(power: Floats) -> Complexes:
    """B [bin] with |B|**2 = power [bin]; the impulse responses of B and of its inverse are causal.

    It is made from the causal half of the cepstrum (Oppenheim & Schafer, Discrete-Time Signal Processing).
    """
    size = 2 * (len(power) - 1)
    cepstrum = np.fft.irfft(np.log(power))
    causal = np.zeros(size)
    causal[0], causal[1 : size // 2], causal[size // 2] = cepstrum[0] / 2, cepstrum[1 : size // 2], cepstrum[size // 2] / 2
    B: Complexes = np.exp(np.fft.rfft(causal))
    return B


def expected_power(models: Floats, floor: float) -> Floats:
    """Power [bin] that the models [stem, bin] expect together, 1 in the loudest bin, plus a floor."""
    power = models.sum(axis=0) ** 2
    result: Floats = power / power.max() + floor
    return result


def causal_filter(mask: Floats, power: Floats, delay: int, taps: int) -> Floats:
    """The best filter [tap] that takes out, `delay` samples late, the share mask [bin] of power [bin].

    Wiener-Hopf: [mask power z^-delay / B*]+ / B, where power = B B*, and []+ keeps the causal part; power / B* = B.
    """
    size = 2 * (len(power) - 1)
    B = minimum_phase(power)
    wanted = np.fft.irfft(mask * B * np.exp(-2j * np.pi * np.arange(len(power)) * delay / size))
    wanted[size // 2 :] = 0
    return np.fft.irfft(np.fft.rfft(wanted) / B)[:taps]


def convolved(x: Floats, taps: Floats, count: int) -> Floats:
    """The last `count` samples of x [sample], filtered by taps [tap]; each sample is one sum."""
    before = np.lib.stride_tricks.sliding_window_view(x[len(x) - count - len(taps) + 1 :], len(taps))
    y: Floats = (before * taps[::-1]).sum(axis=1)
    return y


def through(samples: Floats, paths: Floats, count: int) -> Floats:
    """The last `count` of samples [channel, sample], filtered by paths [to channel, from channel, tap]: [to channel, count]."""
    return np.array([sum((convolved(x, taps, count) for x, taps in zip(samples, row, strict=True) if taps.any()),
                         np.zeros(count)) for row in paths])


@dataclass
class Filters:
    """Every stem's filters [to channel, from channel, tap]: the newest, the one before, and the one that comes next."""

    setup: Setup
    channels: int
    position: int = 0
    newest: dict[int, Floats] = field(default_factory=dict)
    before: dict[int, Floats] = field(default_factory=dict)
    since: dict[int, int] = field(default_factory=dict)  # the sample at which the newest begins to fade in
    coming: dict[int, tuple[int, Floats]] = field(default_factory=dict)  # the next filter, and the sample at which it begins

    def silent(self) -> Floats:
        """A filter that passes nothing."""
        return np.zeros((self.channels, self.channels, 1))

    def step(self, frame: Frame, masks: Masks) -> None:
        """Make new filters from a frame's masks, for the slots of the hop; stems that do not play fall silent."""
        setup, power = self.setup, expected_power(masks.models, self.setup.filter_floor)
        for stem in range(setup.stems - 1):
            taps = self.silent()
            if stem in masks.shares and stem in masks.playing:
                shares = masks.shares[stem].transpose(1, 2, 0)  # [to channel, from channel, bin]
                taps = np.array([[self._filter(share, power) for share in row] for row in shares])
            self.coming[stem] = (frame.end + (1 + stem % (SLOTS - 1)) * setup.hop // SLOTS, taps)

    def _filter(self, share: Floats, power: Floats) -> Floats:
        if not share.any():
            return np.zeros(self.setup.taps)
        return causal_filter(share, power, self.setup.latency, self.setup.taps)

    def read(self, samples: Floats, count: int) -> Floats:
        """The stems' next `count` samples, at most a slot, [stem, channel, count]; samples: the last input."""
        found = np.zeros((self.setup.stems - 1, self.channels, count))
        for stem in range(self.setup.stems - 1):
            self._take_new(stem)
            age = self.position - self.since.get(stem, 0)
            share = np.minimum((np.arange(count) + age + 1) / self.setup.slot, 1)
            new, old = (through(samples, taps.get(stem, self.silent()), count) for taps in (self.newest, self.before))
            found[stem] = share * new + (1 - share) * old
        self.position += count
        return found

    def _take_new(self, stem: int) -> None:
        start, taps = self.coming.get(stem, (self.position + 1, self.silent()))
        if start <= self.position:
            self.before[stem], self.newest[stem] = self.newest.get(stem, self.silent()), taps
            self.since[stem] = start
            del self.coming[stem]
