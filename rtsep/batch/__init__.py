"""Many recordings: each is separated as `rtsep render` does it, on one computer or on a cluster, and gets a row in a table.

`items` reads what there is to do, from a folder or a manifest; `places` are files here or behind an fsspec address; `carried`
holds the files that workers need; `task` is one item with all that its results depend on; `work` does one item, anywhere;
`engines` gives the work to joblib, Dask or Ray; `journal` keeps what is done; `run` is the whole way; `table`, `summary` and
`picture` tell of it; `check` and `estimate` only look. `train` gives the passes of a training to
the same engines.

Enters: items, a render job, an engine. Leaves: a folder of results for each item, a journal, tables. May import: compiling,
errors, files, hosts, notes, params, presets, training. Nothing here schedules: joblib, Dask and Ray do.
"""
