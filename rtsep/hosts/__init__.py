"""Hosts: who calls the engine: files (`render`), devices (`live`), the demo, the bench; and what a person sees of a run.

Live: `portaudio` and `jack` are devices behind `driver`; `midi` brings notes; `lanes` is the memory that the callback and
Python share; `watch` opens lost devices anew, and `advice` says what keeps going wrong; `player` is what is played. Everything
that changes it is declared once, in `table`: `controls` lets knobs do it, `panel` and its `pages` the terminal's `keys`.
`recorder` records `takes`, `found_takes` mends them, `display` shows all by a `screen`, and `said` keeps messages. `setups` are
files that say all that is set, `setlist` steps through their scenes, and `playback` plays a `recording` instead of a
microphone. Devices, threads and signals are here alone.

Enters: what the command line asks for. Leaves: files, sound on devices, tables and pictures. May import: engine,
reference, grains, callbacks, stages and kernels (declarations), presets, notes, fit, files, params, measure, windows,
compiling, errors. Never training.
"""
