"""In which order does an instance take its waiting requests?

Each file answers with `order(view, request, params, memory) -> float`: the smallest is taken first; ties go
to the earlier arrival, then to the smaller name as text. `view` is a `QueueView`, `request` a `RequestView`
with its priority; `params` and `memory` as in `blis.policies.admission`.

A file sets `SORTS = False` if it never reorders: then requests are taken as they were queued, preempted ones
first, and `order` is not called. `USES_PRIORITY` says whether the order follows the priority; if it does
not, it must be fixed while requests wait. `TAKES_URGENT_FIRST = True` says that it is the order of priority, largest
first: then a trace need not look for anyone who was passed over.

To add a scheduler: one new file with `Params` and `order`.
"""
