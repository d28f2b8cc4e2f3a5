"""Stage: the melody that is told for the voice's stem. See `rtsep.stages.melody`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtsep.stages.melody import CHANGES, REST


@dataclass
class Melody:
    """The changes of the melody's note: samples, and pitches from then on. middle, loose: as in the plan, in samples."""

    middle: int
    loose: int
    changes: list[tuple[int, int]] = field(default_factory=list)

    def press(self, sample: int, pitch: int) -> None:
        """A key of the melody goes down."""
        self.changes.append((sample, pitch))

    def lift(self, sample: int, pitch: int) -> None:
        """A key of the melody goes up; only the last one ends its note."""
        if self.changes and self.changes[-1][1] == pitch:
            self.changes.append((sample, REST))

    def told_hz(self, end: int) -> tuple[float, float]:
        """The lowest and the highest frequency in the frame that ends before sample `end`; REST in a rest."""
        begin, until = end - self.middle - self.loose, end - self.middle + self.loose
        kept = self.changes[-CHANGES:]
        ends = [sample for sample, _ in kept[1:]] + [float("inf")]
        pitches = [pitch for (sample, pitch), last in zip(kept, ends, strict=True)
                   if sample <= until and last > begin and pitch != REST]
        if not pitches:
            return REST, REST
        return 440 * 2 ** ((min(pitches) - 69) / 12), 440 * 2 ** ((max(pitches) - 69) / 12)
