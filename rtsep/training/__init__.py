"""Training: makes templates from recordings and their notes, offline, by constrained, score-informed factorisation.

`inputs` gathers the user's files. `folders`, `sfz` and `soundfonts` read libraries of samples. `isolated`, `music` and
`drums` learn from single notes, from pieces and from hits. `nmf`, `nmfd` and `nae` are the factorisations. `calibrate` fits a
preset to an instrument. `learn` does everything from the inputs to the preset.

Enters: sound, notes, settings. Leaves: a `Preset`. May import: fit, presets, notes, files, params, windows, errors, and kernels
through `load`. It never imports the engine.
"""
