"""rtsep: real-time, MIDI-informed audio source separation.

| room | what is in it |
| --- | --- |
| cli, commands/ | the command line: one module per command, and what it prints |
| params, errors | every parameter, declared once; the one error that users can correct |
| notes/ | MIDI, tables and scores -> events; which stem a note belongs to |
| files/ | sound files; result files that appear whole or not at all |
| presets/ | an instrument's templates in a file; the places of presets; which stem uses which |
| fit/ | whether notes fit a sound: offset, tempo, octave and key |
| listening/ | sound without notes, while it comes in: activations and onsets, the place in a score |
| windows, measure | windows and latencies of each mode; SDR and oracle masks |
| engine/ | presets + routing + parameters -> Plan; `Separator`: blocks and events -> stems |
| stages/ | **the engine**: what happens to a frame of sound, one module per stage; begin with `stages/frame.py` |
| methods/ | interchangeable estimators and masks, each one function |
| reference/ | the same stages in plain NumPy: what the engine is tested against, and where new methods are tried |
| kernels/ | the basis of compiled code: records, FFT, matrix products, marks of compiled functions |
| callbacks/ | audio callbacks: they take notes in, pass blocks through the engine, and record |
| compiling/ | kernels -> object files, once per computer -> addresses |
| training/ | recordings and notes -> templates: NMF and NMF deconvolution with constraints; note groups offline |
| mosaic/, grains/ | one sound remade from the frames of another: offline, or during play (`Mosaic`) |
| plugin/ | the engine as a plug-in for DAWs, without Python: plans as files, and a binary of C and compiled code |
| batch/ | many recordings: items, what is done, workers (joblib, Dask, Ray); the passes of a training over them |
| hosts/ | callers of the engine: render, demo, bench; live: devices, MIDI ports, screen, recorder; reports and pictures |
| remote/ | a web page and OSC beside the screen of `rtsep live` |
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "RtsepError": "errors",
    "EVENT": "notes.score",
    "read_midi": "notes.score",
    "read_notes": "notes.read",
    "by_track": "notes.routing",
    "by_channel": "notes.routing",
    "by_split": "notes.routing",
    "load_preset": "presets.preset",
    "find_preset": "presets.library",
    "Separator": "engine.separator",
    "Mosaic": "grains.engine",
    "load_source": "grains.source",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import rtsep` takes no time."""
    if name == "__version__":
        return import_module("importlib.metadata").version("rtsep")
    if name not in _HOMES:
        raise AttributeError(f"module 'rtsep' has no attribute {name!r}")
    return getattr(import_module(f"rtsep.{_HOMES[name]}"), name)
