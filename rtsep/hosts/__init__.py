"""Hosts: who calls the engine: files (`render`), devices (`live`), the demo, the bench; and what a person sees of a run.

Live: `portaudio` and `jack` are devices behind `driver`; `midi` brings notes; `lanes` is the memory that the callback and
Python share; `watch` opens lost devices anew, and `advice` says what keeps going wrong; `player` is what is played, `controls`
and `keys` change it, `recorder` records `takes` of it, `found_takes` mends them, `display` shows it. `setups` are files that
say all that is set, `setlist` steps through their scenes, and `playback` plays a `recording` instead of a microphone. Devices,
threads and signals are here alone.

Enters: what the command line asks for. Leaves: files, sound on devices, tables and pictures. May import: engine,
reference, grains, callbacks, stages and kernels (declarations), presets, notes, fit, files, params, measure, windows,
compiling, errors. Never training.
"""
