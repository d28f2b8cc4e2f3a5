"""Presets: the templates of an instrument, the places of their files, and the choice of a preset for each stem.

Enters: preset files, and names from the user. Leaves: checked `Preset` objects. May import: notes, files, params, errors.
"""
