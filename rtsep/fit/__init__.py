"""Do notes fit a sound? Offset, drift, tempo, octave and key, by correlation of the notes' own spectra with the sound.

Enters: an open sound, and notes. Leaves: `Fit`, how well they fit, and in words what to do about it.
May import: windows, notes, presets, files. NumPy only; nothing is changed, only told.
"""
