"""Turns blocks of sound and notes, of any size, into stems: events at their samples, and a frame at each hop boundary."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rtsep.notes.messages import NOTE_OFF, NOTE_ON
from rtsep.reference import analysis, estimator, masks
from rtsep.reference.filters import Filters
from rtsep.reference.frame import Stages
from rtsep.reference.hands import Hands
from rtsep.reference.notes import Piano
from rtsep.reference.overlap_add import OverlapAdd
from rtsep.reference.passed import Events, Floats, Passed
from rtsep.reference.score_follower import ScoreFollower
from rtsep.reference.setup import Setup


class Stream:
    """A separation in progress. `last`: everything that the last frame passed on; None before the first frame.

    `on_frame`, if given, is called with this for every frame.
    """

    def __init__(self, setup: Setup, channels: int, method: estimator.Method | None = None, mask: masks.Mask | None = None,
                 on_frame: Callable[[Passed], None] = lambda passed: None) -> None:
        self.setup = setup
        self.stages = Stages(setup, method, mask)
        self.piano = Piano(setup.size, setup.hop, setup.route, setup.rows, setup.release, setup.decay, setup.choke,
                           setup.told_early)
        self.follower = ScoreFollower(setup.score, setup.stems - 1, setup.sample_rate)
        self.hands = Hands(self.piano, self.follower, setup.hands, setup.sample_rate, lambda: self.stages.H)
        self.last: Passed | None = None
        self.position, self.bad_samples, self.frames = 0, 0, 0
        self._on_frame = on_frame
        self._heard = np.zeros((channels, setup.size + setup.hop))  # the last samples of the input
        self._waiting = np.zeros((channels, setup.ahead))  # the input of the lookahead
        self._sound = Filters(setup, channels) if setup.taps else OverlapAdd(setup, channels)

    def hear(self, block: Floats, events: Events) -> Floats:
        """The stems [stem, channel, n], delayed by the latency, from a block [channel, n] and its EVENTs, in order."""
        count = block.shape[1]
        sound = np.concatenate([self._waiting, block], axis=1)
        block, self._waiting = sound[:, :count], sound[:, count:]
        clean = analysis.without_faults(block)
        self.bad_samples += analysis.count_faults(block)
        stems = np.empty((self.setup.stems, *block.shape))
        done = used = 0
        while done < block.shape[1]:
            until = min(block.shape[1], done + self.setup.slot - self.position % self.setup.slot)
            stems[:, :, done:until] = self._finished(clean[:, done:until])
            while used < len(events) and events["sample"][used] < until:
                self._receive(events[used], self.position + int(events["sample"][used]) - done)
                used += 1
            self.position += until - done
            done = until
            if self.position % self.setup.hop == 0:
                self._process_frame()
        return stems

    def _receive(self, event: Events, sample: int) -> None:
        """One EVENT at `sample`: a note of the melody if it is routed to the voice's stem, else a note of another stem."""
        status, pitch, voice = int(event["status"]), int(event["data1"]), self.stages.voice
        notes = voice is not None and self.setup.melody_told and status & 0xE0 == NOTE_OFF and not event["stem"]
        if voice is None or not notes or self.setup.route[event["part"], status & 0x0F, pitch] != self.setup.voice:
            self.hands.receive(event, sample)
        elif status & 0xF0 == NOTE_ON and event["data2"]:
            voice.melody.press(sample, pitch)
        else:
            voice.melody.lift(sample, pitch)

    def _finished(self, chunk: Floats) -> Floats:
        """The finished samples of the stems after a chunk [channel, n] has come in; the residual is what the stems leave."""
        count = chunk.shape[1]
        self._heard = np.concatenate([self._heard[:, count:], chunk], axis=1)
        stems = self._sound.read(self._heard, count)
        begin = self._heard.shape[1] - self.setup.latency - count
        return np.concatenate([stems, [self._heard[:, begin : begin + count] - stems.sum(axis=0)]])

    def _process_frame(self) -> None:
        notes = self.piano.seen_after(self.position)
        self.last = self.stages.process(self._heard[:, -self.setup.size :], notes, self.position)
        self._sound.step(self.last.frame, self.last.masks)
        self.frames += 1
        self._on_frame(self.last)
