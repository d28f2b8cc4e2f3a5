"""The engine as a plug-in for DAWs, without Python: bundles of one binary and of plans as files.

`layout` tells C what the engine's records look like, `plan_file` writes what `design` made, `knobs` says what hosts can turn,
`bundle` writes the data of a plug-in, `lv2` describes it to LV2 hosts, `link` makes the binary from the compiled engine and the
C sources in `native`, `make` puts everything in its place, and `folders` knows where hosts look.

Enters: presets, a routing, parameters. Leaves: folders that hosts load. May import: compiling, engine, errors, files, kernels,
methods, notes, params, presets, stages.
"""
