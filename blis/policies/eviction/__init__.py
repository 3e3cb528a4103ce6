"""Which free KV block goes first when blocks are needed?

Each file answers with `rank(view, params, memory) -> float`, which is asked once for the blocks of a run that their
last holder gives back: the lowest goes first, and of equals those given back earlier. `view` is a `BlocksView`,
`params` the file's `Params` as a float64 vector in the order of its fields, `memory` a float64 vector of
`memory_size(n_instances, n_requests)` zeros at the start (none by default). Times are µs, sizes blocks.

Blocks never used, and those whose content nobody can ask for, go before all others, and no answer is asked about
them. A block is of use only behind the one before it. So whatever an answer says, the last block of a chain goes first,
and one that another free block continues waits for it, as in SGLang, where only leaves of the tree of prefixes go.

An answer with `N_QUEUES` > 1 (three at most) keeps blocks in several queues, and defines beside `rank`
`queue(view, params, memory) -> int`, where blocks that have been given back are put, asked just before `rank`; and
`give_way(view, params, memory) -> int`, asked whenever blocks are lacking: the queue whose first blocks go, or
`blis.engine.queues.move(source, target)` to put the first ones of one queue into another and be asked again. If none of
that queue can go, those of the first queue that has any do.

A file says `ghost_share(params)` if it wants to be told which blocks come back that were evicted before: the share of
the instance's blocks that are remembered of each queue. `NEEDS` lists "frequency" if it reads `frequency`;
`REMEMBERS_INSTANCES_APART = True` says that what its memory keeps of an instance matters to that instance alone;
`EVICTS_OLDEST = True` that its order is that of giving back, so that it need not be asked; `CLAIRVOYANT = True` that it
reads the future: a measure of the others, which no search may use.
"""
