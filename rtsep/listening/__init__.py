"""Listens to sound without notes, while it comes in: spectra, activations and onsets; the place in a score.

Enters: blocks of sound, presets, and scores. Leaves: what each 10 ms of the sound contains, and the notes that are heard in it.
May import: windows, notes, presets, fit. It uses only NumPy, and runs outside the audio callback.
"""
