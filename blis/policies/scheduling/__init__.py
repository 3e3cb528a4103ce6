"""In which order does an instance take its waiting requests?

Each file answers with `order(view, request, params, memory) -> float`: the smallest is taken first; ties go
to the earlier arrival, then to the smaller name as text. `view` is a `QueueView`, `request` a `RequestView`
with its priority; `params` and `memory` as in `blis.policies.admission`.

A file sets `SORTS = False` if it never reorders: then requests are taken as they were queued, preempted ones
first, and `order` is not called. `USES_PRIORITY` says whether the order follows the priority; if it does
not, it must be fixed while requests wait. `TAKES_URGENT_FIRST = True` says that it is the order of priority, largest
first: then a trace need not look for anyone who was passed over.

`ORDER_IS_FIXED = False` says of an order that does not follow the priority that it changes while requests wait; it is
then worked out anew in every step that has room for one of them. `SORTS_AFTER_EACH = True` says that taking a request
changes the order of the others, so that it is worked out after each. `NEEDS` is that of `blis.policies.priority`.
Whoever asks for "tenant_service" has for its first two parameters what a token of a prompt and a token of an output
weigh: by them `tenant_lift` is worked out, which is added to a tenant's service so that one that sends again, after it
has had nobody waiting, has no less than the least of those that have somebody waiting.

To add a scheduler: one new file with `Params` and `order`.
"""
