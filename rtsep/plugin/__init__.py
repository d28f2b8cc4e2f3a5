"""The engine as a plug-in for DAWs, without Python: bundles of one binary and of plans as files.

`layout` tells C what the engine's records look like, `plan_file` writes what `design` made, `bundle` puts the files of a plug-in
together, `lv2` describes it to LV2 hosts, and `link` makes the binary from the compiled engine and the C sources in `native`.

Enters: presets, a routing, parameters. Leaves: folders that hosts load. May import: compiling, engine, errors, files, kernels,
notes, params, presets, stages.
"""
