"""Presets: the templates of an instrument, where their files are, and which stem uses which.

Enters: preset files and the names that users give. Leaves: checked `Preset` objects. May import: notes, files, params, errors.
"""
