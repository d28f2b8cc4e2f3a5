"""Stage: a watchdog over what was learnt. If that must be wrong, the background begins again. See `rtsep.stages.watchdog`."""

from __future__ import annotations

from dataclasses import dataclass

from rtsep.reference.passed import Estimate, Open
from rtsep.reference.setup import Setup
from rtsep.stages.polyphony import LATER
from rtsep.stages.watchdog import FAINT, FIRST_PATIENCE_S, LAST_PATIENCE_S, NEW_S, PAUSE_S, UNHEARD


@dataclass
class Watchdog:
    """How long new notes were unheard, and after how long the background begins again."""

    setup: Setup
    unheard_s: float = 0.0
    patience_s: float = 0.0  # 0: FIRST_PATIENCE_S
    paused_s: float = 0.0

    def paused(self, total: float, mean_level: float) -> bool:
        """Is there a pause after music with unheard notes? Then the background begins again, with the first patience."""
        self.paused_s = self.paused_s + self.setup.hop_s if total < FAINT * mean_level else 0.0
        if self.paused_s < PAUSE_S or self.patience_s == 0:
            return False
        self.patience_s = 0.0
        return True

    def unheard(self, opened: Open, estimate: Estimate, end: int) -> bool:
        """Were new notes unheard for as long as the patience? Then the background begins again."""
        setup = self.setup
        if not (setup.background_learns and len(setup.background) and setup.lead_in == 0 and setup.gated):
            return False
        new = any((end - onset) / setup.sample_rate < NEW_S and onset != LATER for onset in opened.onset.tolist())
        return new and self.loses_patience(estimate.known(opened.count))

    def loses_patience(self, share: float) -> bool:
        """Is the patience over after a frame of which the notes, one of them new, explain this share? It doubles every time."""
        self.unheard_s = 0 if share > UNHEARD else self.unheard_s + self.setup.hop_s
        patience_s = max(self.patience_s, FIRST_PATIENCE_S)
        if self.unheard_s < patience_s:
            return False
        self.unheard_s, self.patience_s = 0, min(2 * patience_s, LAST_PATIENCE_S)
        return True
