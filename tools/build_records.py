"""Writes docs/reference/records.md: all fields of the records that Python, compiled code and other hosts share."""

from laboratory.study import ROOT

from rtsep.callbacks.shared import LIVE
from rtsep.grains.memory import GRAINS
from rtsep.stages.call import CALL
from rtsep.stages.records import PLAN, STATE

PAGE = ROOT / "docs" / "reference" / "records.md"
ABOUT = {
    CALL: "One block. Its address is the only argument of the engine's entry.",
    PLAN: "The values that are designed before the first sample. They never change while playing.",
    STATE: "What the audio thread remembers from block to block, and its scratch memory.",
    GRAINS: "The additional memory of a live mosaic.",
    LIVE: "What the callback of a device and the control thread share.",
}


def page() -> str:
    """The page as it should be."""
    parts = ["""# Records

Python and compiled code share records: rows of 8-byte words. The word of a number is the number itself (`float32` as a 64-bit
number). The word of an array, or of another record, is its address. Sizes in brackets are fields of the same record, or of a
record that it links to. `rtsep/kernels/fields.py` tells how a field is declared; `python tools/build_records.py` makes this
page."""]
    parts += [f"## {record.name}\n\n{text}\n\n{record.table()}" for record, text in ABOUT.items()]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
