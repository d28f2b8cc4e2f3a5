"""One block: the record CALL, whose address is all that the engine's entries are given."""

from rtsep.kernels.fields import Part, Record, array, link, size
from rtsep.kernels.memory import EVENT
from rtsep.stages.records import PLAN, STATE

CALL = Record("Call", (Part("call", (
    link("plan", PLAN, "what `design` decided; nothing in it changes while playing"),
    link("state", STATE, "what the audio thread remembers from block to block, and its scratch"),
    size("grains", "address of what a mosaic works on as well; 0: none"),
    size("capacity", "samples of the buffers"),
    size("frames", "samples of this block", varies=True),
    size("event_count", "messages of this block", varies=True),
    array("events", EVENT, "event_count", "messages in order, at offsets from the block's start", varies=True),
    array("input", "float32", "channels, capacity", "what came in"),
    array("targets", "float32", "stems + 2", "what the mixer's values go to"),
    array("stems", "float32", "stems, channels, capacity", "*filled*: the stems"),
    array("mix", "float32", "channels, capacity", "*filled*: their mix"),
)),))
