"""Presets: the templates of an instrument, where they lie, and which stem plays which.

Enters: preset files and the names that users give. Leaves: checked `Preset` objects. May import: notes, files, params, errors.
"""
