"""Fuller or cleaner stems."""

from laboratory.grid import measure
from laboratory.pieces import group_of, pianos
from laboratory.report import pivot
from laboratory.study import Given, Table, option, study
from laboratory.systems import judge

MEASURES = ("sdr_db", "sir_db", "sar_db")
SETTINGS = ("", *(f"suppression={value}" for value in (0.25, 0.5, 2, 4)), "mask_power=1", "mask_power=3", "mask_power=4")


@study("suppression", option("--mode", default="instant", help="latency mode (default: %(default)s)"), seconds=10.0)
def suppression(given: Given) -> list[Table]:
    """The trade between what leaks into the stems and what they lose: mean SDR, SIR and SAR of the hands.

    SIR and SAR are BSS Eval 3's, by fast_bss_eval. Pieces: piano_and_others without the cello (tuned on), with it, and
    two_hands.
    """
    pieces = [*pianos(given, "piano_and_others", called="piano_and_others alone"),
              *group_of(given, "piano_and_others", called="with the cello"), *pianos(given, "two_hands")]
    settings = {text or "as it ships": f"mode={given['mode']},{text}" for text in given.settings or SETTINGS}
    rows = measure(given, pieces, settings, judge=judge)
    rows = [row for row in rows if row["stem"] != "residual"]
    return [Table("suppression", pivot(rows, ["settings"], ["set"], MEASURES), rows)]
