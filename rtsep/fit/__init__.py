"""Checks whether notes fit a sound: offset, drift, tempo, octave and key, by correlation of the notes' spectra with the sound.

Enters: an open sound, and notes. Leaves: `Fit`: how well they fit, and a message with what to do.
May import: windows, notes, presets, files. It uses only NumPy, and changes nothing.
"""
