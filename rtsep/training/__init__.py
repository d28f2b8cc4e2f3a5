"""Training: recordings and their notes become templates, offline, by constrained, score-informed factorisation.

`inputs` gathers what the user gives; `folders`, `sfz` and `soundfonts` read libraries of samples; `isolated`, `music` and
`drums` learn from single notes, from pieces and from hits; `nmf`, `nmfd` and `nae` are the factorisations; `calibrate` fits a
preset to an instrument; `learn` is the whole way to a preset.

Enters: sound, notes, settings. Leaves: a `Preset`. May import: fit, presets, notes, files, params, windows, errors, and
kernels through `load`. Never the engine.
"""
