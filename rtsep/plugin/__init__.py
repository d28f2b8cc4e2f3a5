"""The engine as a plug-in for DAWs that needs no Python: each plug-in is a bundle of one binary and of plan files.

* `layout` describes the engine's records to C;
* `plan_file` writes a plan, which `design` has made, to a file;
* `knobs` lists the parameters that a host can change ("knobs");
* `bundle` writes a plug-in's data;
* `lv2` describes the plug-in to LV2 hosts;
* `link` makes the binary from the compiled engine and the C sources in `native`;
* `make` makes the whole plug-in and puts it into the hosts' folders;
* `folders` knows these folders.

Enters: presets, a routing, parameters. Leaves: folders that hosts load. May import: compiling, engine, errors, files, kernels,
methods, notes, params, presets, stages.
"""
