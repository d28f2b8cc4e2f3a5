"""The face of `tests/soak.py`: a player's actions and faults, at random, and checks of what must always be true."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pretended_card import RATE
from soak_devices import Keyboards, SlowDisk, fill_disk
from soak_takes import MOST_LATENCY, Checked, check, check_take, held, resident_mb

from rtsep.callbacks import shared
from rtsep.hosts.lanes import CAPACITY

LONGEST_S = 90.0  # A take is ended after about this many seconds of sound, so that the small disk can hold it.
MOST_GROWTH_MB = 8.0  # Memory may grow by this many MB from the first third to the end,
WARM_MINUTES = 3.0  # if the first third is this long; in a shorter time, not every action has been done once.
ENDING_S = 60.0  # At the end, all counters have this many seconds to come to rest.
PRESETS = ("piano", "organ", "flute", "strings")
KNOBS = ("gain_db.low", "mute.high", "solo.low", "wet", "panic", "record", "next_take", "preset.organ")
ACTIONS = {"record": 6, "next": 4, "preset": 2, "mute": 8, "solo": 4, "gain": 8, "bypass": 3, "freeze": 3, "panic": 2,
           "power": 2, "iterations": 2, "latency": 1, "learn": 4, "knob": 10, "key": 10, "keep": 0.3, "scene": 3, "format": 3,
           "nothing": 30}
# Each fault comes at least once, and in this many of 100 ticks.
FAULTS = {"device lost": 0.6, "device hung": 0.1, "keyboard gone": 0.8, "too many notes": 0.4, "disk slow": 0.1}


@dataclass
class Begun:
    """A take that the face has started: whether it follows another without a gap, its first sample, and its stop."""

    joined: bool
    at: int
    ended: int = 0


class Soak:
    """A face that acts at random at each tick, and checks each take that has ended."""

    FAULTS = FAULTS

    def __init__(self, seed: int, minutes: float, cards: Any, disk: Path, small: bool) -> None:
        self.cards, self.keyboards = cards, Keyboards()
        self.disk, self.full_at = disk, minutes * RATE * 60 * 0.55 if small else np.inf
        self.slow = SlowDisk(self.cards)
        self.faults: Counter[str] = Counter()
        self.actions: Counter[str] = Counter()
        self.last = deque[tuple[str, int]](maxlen=12)  # The last actions, with their positions.
        self.takes: list[Checked] = []
        self.sent = self.refused = 0
        self.measures: list[tuple[float, dict[str, int]]] = []
        self._rng = np.random.default_rng([seed, 0])
        places = self._rng.uniform(0.1, 0.9, len(self.FAULTS)) * minutes * RATE * 60
        self._planned = dict(zip(self.FAULTS, places.tolist(), strict=True))
        self._until, self._begun = minutes * RATE * 60, list[Begun]()
        self._player: Any = None
        self._later: list[tuple[float, Any]] = []  # What is repaired at which time.
        self._ends_at_s = 0.0
        self._checked, self._full_before = 0, False  # The number of takes, and whether the last one ended with a full disk.
        self._lock = threading.Lock()

    @property
    def minutes(self) -> float:
        """The minutes of sound that were played."""
        return self.cards.position / RATE / 60

    def show(self, status) -> None:
        """Check what is shown."""
        self._status = status
        check(status.losses == self.faults["device lost"] or self._later, "losses:", status.losses)

    def act(self, player) -> bool:
        """Do one step. Returns False at the end."""
        if self._player is None:
            self._meet(player)
        if self.cards.wrong is not None:
            raise self.cards.wrong
        for due in [each for each in self._later if each[0] <= time.monotonic()]:
            self._later.remove(due)
            due[1]()
        self._check_takes()
        if self.cards.position >= self._until and not self._planned and self.full_at == np.inf:
            return self._rest()
        if self.cards.position >= self._until / 3 and not self.measures and self._begun:  # The first take starts a thread.
            return self._measure()
        chances = np.array(list(ACTIONS.values()))
        player.attempt(lambda: self._do(str(self._rng.choice(list(ACTIONS), p=chances / chances.sum()))))
        self._break()
        return True

    def _meet(self, player) -> None:
        self._player = player
        self.cards.receive = player.receive
        send, start, stop = player.lanes.send, player.recorder.start, player.recorder.stop

        def counted(*message) -> bool:
            done = send(*message)
            with self._lock:
                self.sent, self.refused = self.sent + 1, self.refused + (not done)
            return done

        def begin(latency: int) -> None:
            joined = player.recorder.recording
            start(latency)
            self._begun.append(Begun(joined, self.cards.position))

        def end() -> None:
            if player.recorder.recording:
                self._begun[-1].ended = self.cards.position
            stop()

        player.lanes.send, player.recorder.start, player.recorder.stop = counted, begin, end

    def _do(self, what: str) -> None:
        player, rng = self._player, self._rng
        self.actions[what] += 1
        self.last.append((what, self.cards.position))
        stem, likely, knob = str(rng.choice(player.stem_names)), bool(rng.random() < 0.4), int(rng.integers(20, 28))
        if player.recorder.recording and self.cards.position - self._begun[-1].at > LONGEST_S * RATE:
            what = "record"
        {
            "record": player.record, "next": player.next_take, "panic": player.panic, "nothing": lambda: None,
            "preset": lambda: player.use_preset(str(rng.choice(PRESETS)), stem if likely else None),
            "mute": lambda: player.mute(stem, likely), "solo": lambda: player.solo(stem, likely),
            "gain": lambda: player.gain(stem, float(rng.uniform(-60, 6))), "bypass": lambda: player.set("bypass", likely),
            "freeze": lambda: player.freeze(not player.frozen),
            "power": lambda: player.set("mask_power", float(rng.uniform(1, 3))),
            "iterations": lambda: player.set("iterations", int(rng.integers(1, 5))),
            "latency": lambda: player.set("latency_samples", int(rng.choice([128, MOST_LATENCY]))),
            "learn": lambda: player.controls.learn(str(rng.choice(KNOBS))),
            "knob": lambda: self.keyboards.play(0xB0, knob, int(rng.integers(128))),
            "key": lambda: self.keyboards.play(0x90, int(rng.integers(36, 84)), int(rng.choice([0, 90]))),
            "keep": lambda: player.keep_preset(stem, likely), "format": lambda: self._use_format("flac" if likely else "wav"),
            "scene": lambda: player.setlist.step(player, 1 if likely else -1),
        }[what]()

    def _use_format(self, kind: str) -> None:
        """Change the format of takes, from the next take on."""
        recorder = self._player.recorder
        recorder._form = replace(recorder._form, format=kind)

    def _break(self) -> None:
        chances = 100 * self._rng.random(len(self.FAULTS)) < list(self.FAULTS.values())
        for name, chance in zip(self.FAULTS, chances, strict=True):
            if not self._later and (chance or self.cards.position > self._planned.get(name, np.inf)):  # One fault at a time.
                self._begin_fault(name)
        if self.cards.position > self.full_at and self._player.recorder.recording and not self._later:
            self.full_at = np.inf
            self.faults["disk full"] += 1
            fill_disk(self.disk / "full")
            self._in(2.0, lambda: (self.disk / "full").unlink())

    def _begin_fault(self, name: str) -> None:
        if name == "disk slow" and not self._player.recorder.recording:
            return
        self.faults[name] += 1
        self._planned.pop(name, None)
        if name == "device lost":
            self.cards.lose()
            self._in(self._rng.uniform(0.05, 1.5), self.cards.come_back)
            self._in(4.0, lambda: check(self._status.state == "playing", "the device is back, and told:", self._status.state))
        elif name == "device hung":
            self.cards.stall(float(self._rng.uniform(1.8, 2.6)))
            self._in(3.0, lambda: None)
        elif name == "keyboard gone":
            self.keyboards.ports.clear()
            self._in(self._rng.uniform(0.1, 1.5), lambda: self.keyboards.ports.append("keys"))
        elif name == "too many notes":
            self.cards.floods += 1
        elif name == "disk slow":
            self.slow.wanted.set()
            self._in(3.0, lambda: None)

    def _in(self, seconds: float, act) -> None:
        self._later.append((time.monotonic() + seconds, act))

    def _check_takes(self) -> None:
        reports = self._player.recorder.reports
        while self._checked < len(reports):
            report = reports[self._checked]
            found = self._check_take(report)
            self._check_place(report, found)
            if found.samples or report["events"]:
                shutil.rmtree(report["folder"])
            self.takes.append(found)
            if found.last is not None:
                self.cards.played.forget(found.last)
            self._checked += 1

    def _check_take(self, report: dict) -> Checked:
        return check_take(report, self.cards.played)

    def _check_place(self, report: dict, found: Checked) -> None:
        """Check a take: it begins with the next block or at the last take's end, and contains all sound until its stop."""
        begun, earlier, folder = self._begun[self._checked], self.takes[-1] if self.takes else None, report["folder"]
        check(report["warnings"] in ([], ["the disk is full"]), folder, report["warnings"])
        if found.first is None or found.last is None:
            return
        if not found.gaps:
            check(found.first <= begun.at + 2 * CAPACITY, folder, "begins", found.first - begun.at, "samples late")
            missing = 0 if report["warnings"] else begun.ended - MOST_LATENCY - 1 - found.last
            check(missing <= 0, folder, "ends", missing, "samples too early")
        if begun.joined and earlier is not None and earlier.last is not None and not self._full_before:
            lost = found.first - earlier.last - 1
            check(lost == 0 or found.gaps + earlier.gaps, folder, "begins", lost, "samples after the take before it")
        self._full_before = bool(report["warnings"])

    def _measure(self) -> bool:
        """End when nothing is recorded and everything plays."""
        if self._player.recorder.recording:
            self._player.recorder.stop()
        elif self._checked == len(self._begun) and not self._later and self._status.state == "playing":
            self.measures.append((resident_mb(), held()))
        return True

    def _rest(self) -> bool:
        """Check all counters after everything has come to rest."""
        self._ends_at_s = self._ends_at_s or time.monotonic() + ENDING_S
        check(time.monotonic() < self._ends_at_s, "it does not come to rest:", self._status)
        if len(self.measures) < 2:
            return self._measure()
        self._check_counters()
        return False

    def _check_counters(self) -> None:
        self.cards.receive = None
        lanes = self._player.lanes
        header, words, until = lanes._arrays["header"], lanes._arrays["words"], lanes.heartbeat + 100
        while lanes.heartbeat < until:
            check(self.cards.wrong is None, self.cards.wrong)
            time.sleep(0.01)
        counters, taken = lanes.counters(), int(header[shared.TAIL])
        check(self.sent - self.refused == int(header[shared.HEAD]) == taken, "notes: sent", self.sent, "taken", taken)
        check(counters["dropped_notes"] == self.refused + int(words[shared.DROPPED]) and not words[shared.PENDING], counters)
        check(bool(counters["dropped_notes"]) == bool(self.faults["too many notes"]), "dropped:", counters["dropped_notes"])
        check(self._player.counters()["bad_samples"] == 0 == counters["lost_events"], self._player.counters())
        (rss, before), (rss_now, now) = self.measures
        most = rss + MOST_GROWTH_MB if self.minutes > 3 * WARM_MINUTES else np.inf
        check(rss_now < most, "memory has grown from", rss, "to", rss_now, "MB")
        check(now == before, "threads and open files were", before, "and are", now)
        check(not list(self.disk.iterdir()), "left on the disk:", *self.disk.iterdir())

    def told(self) -> str:
        """The summary."""
        gaps, silence = sum(take.gaps for take in self.takes), sum(take.gap_samples for take in self.takes)
        faults = ", ".join(f"{count} x {name}" for name, count in self.faults.items())
        memory, held_now = " to ".join(f"{rss:.1f}" for rss, _held in self.measures), self.measures[-1][1]
        recorded = sum(take.samples for take in self.takes) / RATE / 60
        return (f"{self.minutes:.1f} minutes; {len(self.takes)} takes of {recorded:.1f} minutes, {gaps} gaps of "
                f"{silence / RATE:.1f} s; faults: {faults}; {self.sent} messages, {self.refused} of them had no room; "
                f"{self.actions.total()} actions; memory {memory} MB; {held_now}")
