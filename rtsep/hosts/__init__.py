"""Hosts call the engine: for files (`render`), devices (`live`), the demo and the bench. They also show a run to people.

Live: `portaudio` and `jack` are devices behind `driver`. `midi` brings notes. `lanes` is the memory that the callback and
Python share. `watch` reopens lost devices, and `advice` says what keeps going wrong. `player` is the engine during play.
Everything that changes it is declared once, in `table`: `controls` lets knobs change it, `panel` and its `pages` the `keys` of
the terminal. `recorder` records `takes`, `found_takes` mends them, `display` shows everything on a `screen`, and `said` keeps
messages. `setups` are files with all settings, `setlist` steps through their scenes, and `playback` plays a `recording` instead
of a microphone. Only this room has devices, threads and signals.

Enters: what the command line asks for. Leaves: files, sound on devices, tables and pictures. May import: engine,
reference, grains, callbacks, stages and kernels (declarations), listening, presets, notes, fit, files, params, measure,
windows, compiling, errors. Never training.
"""
