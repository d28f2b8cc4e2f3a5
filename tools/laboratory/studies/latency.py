"""Mode `instant` against its latency, and its gain right after onsets."""

from unittest.mock import patch

import numpy as np

from laboratory.grid import measure, with_field
from laboratory.pieces import Piece, group_of, pianos, with_backgrounds
from laboratory.plots import draw_latency
from laboratory.report import pivot
from laboratory.study import Given, Row, Table, study
from laboratory.systems import MODES, WAYS, Params, Stems, gated, judge_quickly
from rtsep.measure import sdr_db
from rtsep.windows import Framing

DELAYS = (0, 32, 64, 128, 256, 512)
STYLES = {"overlap-add": "C0o-", "oracle masks": "C0s:", "causal filters": "C1o-", "oracle filters": "C1s:"}
BESIDE = {"bach_bwv846_prelude": "cello-phrase", "cschumann_polonaise": "sax-phrase", "joplin_maple_leaf": "vocadito_10",
          "mozart_k545": "vocadito_14"}  # the recording beside each piece
SPANS_MS = {"all": (-np.inf, np.inf), "0-5 ms": (0, 5), "5-15 ms": (5, 15), "15-50 ms": (15, 50), "later": (50, np.inf)}
INSTANT = "mode=instant,latency_samples=0"
ONSETS = {
    "as it ships": INSTANT,
    "gates a hop (2.9 ms) late": f"{INSTANT},late_ms=2.9024943",
    "gates 10 ms late": f"{INSTANT},late_ms=10",
    "filters every 64 samples": f"{INSTANT},hop_samples=64",
    "no looking ahead": f"not-ahead,{INSTANT}",
    "no onset boost (1)": f"{INSTANT},onset_boost=1",
    "onset boost of 8 instead of 4": f"{INSTANT},onset_boost=8",
    "no prediction, which looks ahead": f"{INSTANT},prediction=0",
    "neither prediction nor boost": f"{INSTANT},prediction=0,onset_boost=1",
    "live, 512 samples": "mode=live,latency_samples=512",
}


def ways() -> dict[str, str]:
    """Masks and filters, of the engine and of the true stems, at every latency; a name ends with its latency."""
    found = {}
    for mode, text in MODES.items():
        found |= {f"overlap-add, {mode.split()[1]}": text, f"oracle masks, {mode.split()[1]}": f"oracle,{text}"}
    for delay in DELAYS:
        text = f"latency_samples={delay},window_samples=4096"
        found |= {f"causal filters, {delay}": f"mode=instant,{text}", f"oracle filters, {delay}": f"filters,{text}"}
    return found


@study("instant", seconds=10.0, takes=("seconds", "pieces"))
def instant(given: Given) -> list[Table]:
    """Overlap-add and causal filters against their latency, compared with both made from the true stems; SDR of the hands.

    Pieces: two_hands alone, and with a singer, saxophone or cello as loud as the piano, whose notes are not told.
    """
    pieces = pianos(given, "two_hands")
    pieces += with_backgrounds(given, group_of(given, "two_hands", called="with backgrounds"), BESIDE)
    rows = [_as_row(row) for row in measure(given, pieces, ways(), judge=judge_quickly) if row["stem"] != "residual"]
    rows.sort(key=lambda row: (row["latency_samples"], row["set"], list(STYLES).index(row["system"])))
    lines = with_field(rows, "latency in samples", lambda row: f"{row['latency_samples']} ({row['latency_ms']:.1f} ms)")
    columns = [(group, system) for group in ("two_hands", "with backgrounds") for system in STYLES]
    text = pivot(lines, ["latency in samples"], ["set", "system"], columns=columns)
    return [Table("instant", text, rows, {"instant.png": lambda path: draw_latency(path, rows, STYLES)})]


def _as_row(row: Row) -> Row:
    system, latency = row["settings"].split(", ")
    return {"set": row["set"], "system": system, "latency_samples": int(latency), "latency_ms": int(latency) / 44.1,
            "piece": row["piece"], "stem": row["stem"], "sdr_db": row["sdr_db"], "si_sdr_db": row["si_sdr_db"]}


def not_ahead(piece: Piece, params: Params) -> Stems:
    """The engine with filters for the frame instead of for the sound after it."""
    with patch.object(Framing, "lead", 0):
        return gated(piece, params)


WAYS["not-ahead"] = not_ahead


def by_age(piece: Piece, stems: Stems) -> dict[str, dict[str, float]]:
    """SDR of every stem in each of SPANS_MS since the last note-on of any stem."""
    at = np.arange(piece.mix.shape[1])
    onsets = np.unique(np.round(piece.score.notes()["onset_s"] * piece.sample_rate))
    last = np.searchsorted(onsets, at, side="right") - 1
    age_ms = np.where(last < 0, -1, (at - onsets[last]) * 1000 / piece.sample_rate)
    return {stem: {span: sdr_db(stems[stem][:, (low <= age_ms) & (age_ms < high)], truth[:, (low <= age_ms) & (age_ms < high)])
                   for span, (low, high) in SPANS_MS.items()} for stem, truth in piece.truths.items()}


@study("onsets", seconds=10.0)
def onsets(given: Given) -> list[Table]:
    """What `instant` gains right after onsets from what notes tell before they are heard: SDR by the time since a note-on.

    Gates that open at once, onset boost, prediction and looking ahead, each on and off. Pieces: piano_and_others without the
    cello (used for tuning), and two_hands.
    """
    pieces = [*pianos(given, "piano_and_others", called="piano_and_others alone"), *pianos(given, "two_hands")]
    rows = measure(given, pieces, given.chosen(ONSETS, INSTANT), judge=by_age)
    return [Table("onsets", pivot(rows, ["settings"], ["set"], list(SPANS_MS)), rows)]
