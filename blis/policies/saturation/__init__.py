"""How full are the instances, in the gateway's eyes?

Each file answers with `measure(view, gateway, params, memory) -> float`: 0 is empty, 1 and more is full; a band is held
once the measure reaches its ceiling, see `blis.policies.ceiling`. `view` is a `RouterView`, of which the fields that
depend on a request (effective load, cached and affinity blocks, expectations, draws) mean nothing here; `gateway` is a
`GatewayView` without a band; `params` the file's `Params` as a float64 vector in the order of its fields, `memory` a
float64 vector of `memory_size(n_instances, n_requests)` zeros at the start, and `MEMORY_PER_TENANT` more for each
tenant. A measure that is not a number counts as full. Times are µs.

A cluster without a gateway never asks. To add a detector: one new file with `Params` (every field with default,
bounds and unit) and `measure`. `READS_REPORTS = False` says that it reads nothing that instances report, `READS_RECORDS
= False` that it reads nothing of what the router knows by itself (requests in flight): what it does not read need not
be waited for. With both on, the default, it may read everything but the clock: between two events of the cluster and of
the instances its answer must not change, but grow with the age of reports.
"""
