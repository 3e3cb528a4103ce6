"""Which running request gives way when KV blocks are lacking?

Each file answers with `victim(view, params, memory) -> int`: a position in the `BatchView`, which lists the
members that the present step has not yet served, in the order in which they were taken; the one that lacks
blocks is the first of them. The victim loses all its work and goes to the front of the queue.

A file sets `NEEDS_PRIORITY = True` if it reads priorities. To add a policy: one new file with `Params` and
`victim`.
"""
