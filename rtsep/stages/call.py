"""One block: the record CALL. Its address is the only argument of the engine's entry `process`."""

from rtsep.kernels.fields import Part, Record, array, link, size
from rtsep.kernels.memory import EVENT
from rtsep.stages.records import PLAN, STATE

CALL = Record("Call", (Part("call", (
    link("plan", PLAN, "what `design` decided; nothing in it changes while playing"),
    link("state", STATE, "what the audio thread remembers from block to block, and its scratch"),
    size("grains", "address of the record that a mosaic also works on; 0: none"),
    size("capacity", "samples that the buffers can hold"),
    size("frames", "number of samples in this block", varies=True),
    size("event_count", "number of messages in this block", varies=True),
    array("events", EVENT, "event_count", "messages in order of time, at offsets from the block's start", varies=True),
    array("input", "float32", "channels, capacity", "input of the block"),
    array("targets", "float32", "stems + 2", "target values of the mixer"),
    array("stems", "float32", "stems, channels, capacity", "*filled*: the stems"),
    array("mix", "float32", "channels, capacity", "*filled*: their mix"),
)),))
