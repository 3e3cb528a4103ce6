"""How much of what the tiers beneath the GPU have of a request is loaded when it is taken into the batch?

Each file answers with `load(view, params, memory) -> int`: how many blocks behind those on the GPU are loaded, from
the first on; below 0 counts as none, more than `view.found_blocks` as all. What is not loaded is computed. `view` is a
`TieringView`, `params` the file's `Params` as a float64 vector in the order of its fields, `memory` a float64 vector of
`memory_size(n_instances, n_requests)` zeros at the start (none by default). Times are µs, sizes blocks.

It is asked for requests of which tiers have something, where a cluster has `kv_tiers`, whenever the request could be
taken: more than once if blocks turn out to be lacking, or arrays to be too small.
"""
