"""Writes docs/reference/records.md: every field of the records that Python, compiled code and other hosts share."""

from laboratory.study import ROOT

from rtsep.callbacks.shared import LIVE
from rtsep.grains.memory import GRAINS
from rtsep.stages.call import CALL
from rtsep.stages.records import PLAN, STATE

PAGE = ROOT / "docs" / "reference" / "records.md"
ABOUT = {
    CALL: "One block. Its address is all that the engine's entry is given.",
    PLAN: "What was designed before the first sample; nothing in it changes while playing.",
    STATE: "What the audio thread remembers from block to block, and its scratch.",
    GRAINS: "What a live mosaic works on as well.",
    LIVE: "What a device's callback and the control thread share.",
}


def page() -> str:
    """The page as it should be."""
    parts = ["""# Records

Python and compiled code share records: rows of 8-byte words. A number stands in its word (`float32` as a 64-bit number); of an
array, and of another record, the word is the address. Sizes in brackets are fields of the same record or of one that it links
to. `rtsep/kernels/fields.py` says how a field is declared; `python tools/build_records.py` makes this page."""]
    parts += [f"## {record.name}\n\n{text}\n\n{record.table()}" for record, text in ABOUT.items()]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
