"""Which running request gives way when KV blocks are lacking?

Each file answers with `victim(view, params, memory) -> int`: a position in the `BatchView`, which lists the
running requests in the order in which they were taken, those included that the present step has served already: what
it served them is taken back. (Under the semantics of the recorded reference only those that it has not served yet.) The
victim gives up its blocks and goes to the front of the queue; what it has written it keeps.

A file sets `NEEDS_PRIORITY = True` if it reads priorities. To add a policy: one new file with `Params` and
`victim`.
"""
