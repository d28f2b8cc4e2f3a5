"""Stage: a watchdog over what was learnt. Where it must be wrong, all begins again. See `rtsep.stages.watchdog`."""

from __future__ import annotations

from dataclasses import dataclass

from rtsep.reference.passed import Estimate, Open
from rtsep.reference.setup import Setup
from rtsep.stages.watchdog import FAINT, FIRST_PATIENCE_S, LAST_PATIENCE_S, NEW_S, PAUSE_S, UNHEARD


@dataclass
class Watchdog:
    """How long notes have gone unheard, and how long that is borne."""

    setup: Setup
    unheard_s: float = 0.0
    patience_s: float = 0.0  # 0: as at first
    paused_s: float = 0.0

    def paused(self, total: float, mean_level: float) -> bool:
        """Is there a pause after music whose notes were unheard? Then all begins again, and patience is as at first."""
        self.paused_s = self.paused_s + self.setup.hop_s if total < FAINT * mean_level else 0.0
        if self.paused_s < PAUSE_S or self.patience_s == 0:
            return False
        self.patience_s = 0.0
        return True

    def unheard(self, opened: Open, estimate: Estimate, end: int) -> bool:
        """Have new notes gone unheard for longer than patience lasts? Then all begins again."""
        setup = self.setup
        if not (setup.background_learns and len(setup.background) and setup.lead_in == 0 and setup.gated):
            return False
        new = any((end - onset) / setup.sample_rate < NEW_S for onset in opened.onset.tolist())
        return new and self.loses_patience(estimate.known(opened.count))

    def loses_patience(self, share: float) -> bool:
        """The same, for a frame of which notes, one of them new, explain this share. Patience doubles every time."""
        self.unheard_s = 0 if share > UNHEARD else self.unheard_s + self.setup.hop_s
        patience_s = max(self.patience_s, FIRST_PATIENCE_S)
        if self.unheard_s < patience_s:
            return False
        self.unheard_s, self.patience_s = 0, min(2 * patience_s, LAST_PATIENCE_S)
        return True
