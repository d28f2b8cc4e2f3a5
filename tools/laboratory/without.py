"""Presets without one collection, so that its instruments can be played to presets that have never heard them."""

from pathlib import Path

from laboratory.makers import MAKERS
from laboratory.shipped import FLUIDR3, INSTRUMENTS, TONEJS, Collection, Instrument
from laboratory.sources import BUILD
from rtsep.presets.instruments import covering

WITHOUT = (FLUIDR3.name, TONEJS.name)
"""The collections that presets can leave out."""
SAME = {"musescore": FLUIDR3}
"""Makers whose samples mostly come from another collection."""


def left_out(maker: str) -> Collection:
    """The collection from which presets for a maker must not be learnt."""
    return SAME.get(maker, MAKERS[maker].collection)


def presets_without(collection: str) -> Path:
    """The folder of the presets that leave this collection out."""
    return BUILD / f"presets-without-{collection}"


def instrument_of(program: int, collection: str = "") -> Instrument:
    """The default preset for a General MIDI program, from 0, among presets that can be built without a collection."""
    usable = [each for each in INSTRUMENTS if each.programs and each.without(collection).all_sounds]
    programs = {each.name: each.programs for each in sorted(usable, key=lambda each: (len(each.programs), each.name))}
    name = covering(program, programs) or "piano"
    return next(each for each in usable if each.name == name)
