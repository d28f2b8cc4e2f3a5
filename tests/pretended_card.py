"""A pretended sound card and a pretended user interface ("face") for the live loop. The test drives both step by step."""

from __future__ import annotations

from rtsep.hosts.advice import Words
from rtsep.hosts.live_job import LiveJob

RATE = 44100


class Card:
    """A sound card that plays blocks when the test asks for them, and fails when the test says so."""

    name, sample_rate, inputs, outputs, has_midi, warning = "Card (test)", float(RATE), 2, 2, True, ""
    block, objects, words = 0, (), Words("give --block {}", "is it the right one")

    def __init__(self):
        self.lanes, self.dead, self.closed = None, "", False

    def sources(self, stems):
        return None

    def settings(self):
        return {"input": self.name, "output": self.name}

    def start(self, lanes):
        self.lanes = lanes

    def trouble(self):
        return self.dead

    def latency_ms(self):
        return 5.0

    def measure_latency_ms(self):
        return 7.5

    def midi_ports(self):
        return ("keys:out",)

    def midi_parted(self):
        return False

    def close(self):
        self.closed = True
        return True


class Face:
    """A face that does one step of the test at each tick, and ends after the last step."""

    def __init__(self, *steps):
        self.steps, self.statuses = list(steps), []

    def show(self, status):
        self.statuses.append(status)

    def act(self, player):
        if not self.steps:
            return False
        self.steps.pop(0)(player)
        return True


def job(tmp_path, **options):
    return LiveJob(**{"params": {"window_samples": 1024, "latency_samples": 256}, "controls": tmp_path / "controls.json",
                      "by": "split", **options})
