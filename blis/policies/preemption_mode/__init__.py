"""What becomes of the KV blocks of a request that gives way: are they kept in the host's memory, or computed anew?

Each file answers with `swap(view, params, memory) -> int`: 0 if the request is to compute anew what it loses, anything
else if its blocks are to be copied to the host's memory, and back when it is taken again. Where these have no room
there it computes anew in any case, and is counted as refused. `view` is a `SwapView`, `params` the file's `Params` as a
float64 vector in the order of its fields, `memory` a float64 vector of `memory_size(n_instances, n_requests)` zeros at
the start (none by default). Times are µs, sizes tokens or blocks.

It is asked where a cluster has swap space (`cluster.swap`), once for each preemption of a request that has stored
something and whose last token is not on its way already. A file sets `NEVER_SWAPS = True` if its answer is always 0:
then a cluster without swap space can have it, and one with it does as if it had none.
"""
