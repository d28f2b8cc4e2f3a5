"""rtsep: real-time, MIDI-informed audio source separation.

| room | |
| --- | --- |
| cli, commands/, tables | the command line; one module per command; what they print |
| params, pitch, errors | every knob, declared once; names of pitches; the one error that a user can mend |
| notes, messages, programs | MIDI files and bytes to events; which instrument they ask for |
| routing, groups | which stem a note belongs to: by track, channel, split; any set of notes |
| files, headers, results | sound files in; result folders that appear whole or not at all |
| preset, archive, optional | an instrument's templates in a file; what else may be in it |
| library, instruments | where presets lie; who plays which |
| windows | windows and latencies |
| design, prepared | presets + routing + parameters -> Plan; a plan and the state that it works on |
| engine, adapted | `Separator`: blocks and events -> stems; what it learnt -> preset |
| kernels/ | the compiled numerics, behind one entry; the records that it works on |
| compiling/ | kernels -> object files, once per computer -> addresses |
| training/ | recordings and notes -> templates: NMF and NMF deconvolution with constraints; note groups offline |
| streaming | what hosts play: the interface of separator and mosaic |
| mosaic/, grains/ | one sound remade from the frames of another: offline; while it is played (`Mosaic`) |
| hosts/ | who calls the engine: render, demo, bench; live: devices, MIDI ports, screen, recorder |
| measure, picture, report | SDR and oracle masks; what a person sees of a run |
"""

from importlib import import_module
from importlib.metadata import version
from typing import Any

__version__ = version("rtsep")
_HOMES = {
    "RtsepError": "errors",
    "EVENT": "notes",
    "read_midi": "notes",
    "by_track": "routing",
    "by_channel": "routing",
    "by_split": "routing",
    "load_preset": "preset",
    "find_preset": "library",
    "Separator": "engine",
    "Mosaic": "grains.engine",
    "load_source": "grains.source",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used: `import rtsep` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rtsep' has no attribute {name!r}")
    return getattr(import_module(f"rtsep.{_HOMES[name]}"), name)
