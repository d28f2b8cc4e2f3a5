"""Notes and a sound: do they fit, and when does each note of a score sound?

Enters: an open sound, and notes. Leaves: `Fit` (check.py): how well they fit (offset, drift, tempo, octave and key), and a
message with what to do. `Alignment` (align.py): the notes at the times at which they sound.
May import: windows, notes, presets, files. It uses only NumPy, and changes nothing.
"""
